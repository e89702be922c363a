"""Masking of secret values wherever text leaves the process."""

from .forms import MIN_LENGTH
from .hooks import RedactingFilter, before_send, redacting_processor
from .redactor import Redactor, process_redactor
from .stream import RedactingStream

__all__ = [
    "MIN_LENGTH",
    "RedactingFilter",
    "RedactingStream",
    "Redactor",
    "before_send",
    "process_redactor",
    "redacting_processor",
]
