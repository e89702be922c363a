"""Masking of secret values wherever text leaves the process.

Names are imported when first used: a process that loads secrets and masks nothing needs none.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy as _lazy

if TYPE_CHECKING:
    from .forms import MIN_LENGTH
    from .hooks import RedactingFilter, before_send, redacting_processor
    from .process import process_redactor
    from .redactor import Redactor
    from .stream import RedactingStream

__getattr__, __dir__ = _lazy(
    __name__,
    {
        "forms": ("MIN_LENGTH",),
        "hooks": ("RedactingFilter", "before_send", "redacting_processor"),
        "process": ("process_redactor",),
        "redactor": ("Redactor",),
        "stream": ("RedactingStream",),
    },
)

__all__ = [
    "MIN_LENGTH",
    "RedactingFilter",
    "RedactingStream",
    "Redactor",
    "before_send",
    "process_redactor",
    "redacting_processor",
]
