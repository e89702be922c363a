"""Redaction where a program's reports leave it: logging, structlog and Sentry.

All use the process-wide redactor, and none imports the framework that it is for.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from .process import process_redactor

if TYPE_CHECKING:
    from .redactor import Redactor

_FORMATTER = logging.Formatter()
_OWN_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({})))


class RedactingFilter(logging.Filter):
    """Masks known values in log records: message, arguments, exception, stack and extras.

    Attach it to handlers: a filter on a logger does not see what its children log. A record that
    is clean stays lazy. In one that is not, the arguments are masked one by one, or where that is
    not enough become part of the message; a traceback moves, masked, from ``exc_info``, which
    formatters could write values from, to ``exc_text``. The record is changed in place, for all
    handlers. A broken logging call stays the handler's to report. Lets every record pass.

    In ``LOGGING``: ``"filters": {"redact": {"()": "glisecrets.redaction.RedactingFilter"}}``.
    """

    def __init__(self, name: str = "", *, redactor: Redactor | None = None) -> None:
        super().__init__(name)
        self._given = redactor

    @property
    def _redactor(self) -> Redactor:
        return self._given or process_redactor()

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the record in place. Gives ``True``."""
        self._redact_message(record)
        self._redact_exception(record)
        if record.stack_info:
            record.stack_info = self._redactor.redact(record.stack_info)
        for attribute in vars(record).keys() - _OWN_ATTRIBUTES:
            setattr(record, attribute, self._redactor.redact_object(getattr(record, attribute)))
        return True

    def _redact_message(self, record: logging.LogRecord) -> None:
        message = _message(record)
        redacted = self._redactor.redact(message)
        # Template and arguments are reported apart too: by Sentry, and for a broken call.
        record.msg = self._redactor.redact_object(record.msg)
        if record.args:
            record.args = self._redactor.redact_object(record.args)
        # A value may be spread over both, or hide in the str() of an argument.
        if redacted is not message and _message(record) != redacted:
            record.msg, record.args = redacted, None

    def _redact_exception(self, record: logging.LogRecord) -> None:
        # An earlier handler's formatter may have left its own text of the exception.
        formatted = _FORMATTER.formatException(record.exc_info) if record.exc_info else ""
        texts = [record.exc_text or "", formatted]
        redacted = [self._redactor.redact(text) for text in texts]
        if redacted != texts:
            record.exc_text, record.exc_info = redacted[0] or redacted[1], None


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 - a broken call, which the handler will report
        return ""


def redacting_processor(_logger: Any, _method: str, event: Any) -> Any:
    """Mask a structlog event.

    Put it last: after the renderer it sees exactly what is written. It works before the renderer
    as well, but there sees no more than the texts in the event dict.
    """
    return process_redactor().redact_object(event)


def before_send(event: Any, _hint: Any) -> Any:
    """Mask a Sentry event: exceptions, frame variables, breadcrumbs, request and the rest.

    Give it to ``sentry_sdk.init`` as ``before_send`` and as ``before_send_transaction``.
    """
    return process_redactor().redact_object(event)
