"""``LOGGING``: one stream, JSON or text, with every known secret masked."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from glisecrets.redaction import process_redactor

__all__ = ["JsonFormatter", "logging_config", "with_django"]

_PACKAGE = "glisecrets.django_integration"

_OWN_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "request"}
_TEXT = "{asctime} {levelname} {name}: {message}"


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON.

    Keys: ``time`` (UTC, ISO 8601), ``level``, ``logger``, ``message``, ``exception`` and ``stack``
    where there are any, and the record's extras but Django's ``request``.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Give the line, masked: an extra's ``str`` may show what the record's filter saw not."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._traces(record),
            **{key: extra for key, extra in vars(record).items() if key not in _OWN_ATTRIBUTES},
        }
        return process_redactor().redact(json.dumps(line, default=str, ensure_ascii=False))

    def _traces(self, record: logging.LogRecord) -> dict[str, str]:
        exception = record.exc_text
        if exception is None and record.exc_info:
            exception = self.formatException(record.exc_info)
        traces = {"exception": exception, "stack": record.stack_info}
        return {name: text for name, text in traces.items() if text}


def logging_config(level: str, layout: str) -> dict[str, Any]:
    """Give the ``logging.config.dictConfig`` of any service: one redacting handler to stderr.

    Args:
        level: a name of :mod:`logging`, upper case.
        layout: ``json`` or ``text``.
    """
    # Which credentials it found is no news for every worker; at DEBUG it logs whole answers.
    quiet = max("WARNING", level, key=logging.getLevelNamesMapping().__getitem__)
    console = {"class": "logging.StreamHandler", "formatter": layout, "filters": ["redact"]}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"redact": {"()": "glisecrets.redaction.RedactingFilter"}},
        "formatters": {
            "json": {"()": f"{_PACKAGE}.logs.JsonFormatter"},
            "text": {"format": _TEXT, "style": "{"},
        },
        "handlers": {"console": console},
        "loggers": {"botocore": {"level": quiet}},
        "root": {"handlers": ["console"], "level": level},
    }


def with_django(config: dict[str, Any]) -> dict[str, Any]:
    """Add Django's loggers: what they have by default would write lines twice, and unmasked."""
    level = config["root"]["level"]
    mail = {
        "class": f"{_PACKAGE}.error_reports.RedactingAdminEmailHandler",
        "level": "ERROR",
        "filters": ["require_debug_false"],
    }
    debug_off = {"require_debug_false": {"()": "django.utils.log.RequireDebugFalse"}}
    loggers = {
        **config["loggers"],
        "django": {"handlers": ["mail_admins"], "level": level},
        "django.server": {"handlers": ["console"], "level": level, "propagate": False},
    }
    return {
        **config,
        "filters": {**config["filters"], **debug_off},
        "handlers": {**config["handlers"], "mail_admins": mail},
        "loggers": loggers,
    }
