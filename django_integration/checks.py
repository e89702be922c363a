"""System checks: ``manage.py check --deploy``.

======== ===========================================================================
E001     the settings are placeholders of the build phase
W001     a file of secrets can be read by others than its owner
W002     git tracks a file of secrets, or a known value
W003     a log handler has no redacting filter
W004     a secret is too short, or too common a word, to be masked
W005     the error pages are Django's own, which show secrets
W006     the database is on this machine, outside development
W007     the connection to the database may be in the clear
======== ===========================================================================

Each id starts with ``glisecrets.``. None is reported twice for what a load refuses anyway.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004
from django.utils.module_loading import import_string

from glisecrets.checks import Finding, check_file_modes, check_repository
from glisecrets.environment import Environment, current_environment
from glisecrets.folders import search_folders
from glisecrets.redaction import RedactingFilter, process_redactor

from .apps import placeholders_in
from .error_reports import (
    RedactingAdminEmailHandler,
    RedactingExceptionReporter,
    RedactingReporterFilter,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "check_databases",
    "check_error_reports",
    "check_files",
    "check_log_handlers",
    "check_masking",
    "check_placeholders",
]

_LOCAL = {"", "localhost", "127.0.0.1", "::1"}
#: libpq's ``sslmode`` that do not fall back to a connection in the clear.
_ENCRYPTED = {"require", "verify-ca", "verify-full"}

#: What :mod:`glisecrets.checks` finds -> our id.
_FILE_IDS = {
    "files.mode": "W001",
    "git.tracked-secret-file": "W002",
    "git.known-secret": "W002",
    "git.credential": "W002",
}


@register(Tags.security, deploy=True)
def check_placeholders(**_: Any) -> list[CheckMessage]:
    """Tell of settings that are placeholders (E001)."""
    found = ", ".join(placeholders_in(settings))
    hint = "Unset GLISECRETS_BUILD and load the real values."
    told = f"The settings are placeholders of the build phase: {found}"
    return [Error(told, hint=hint, id="glisecrets.E001")] if found else []


@register(Tags.security, deploy=True)
def check_files(**_: Any) -> list[CheckMessage]:
    """Tell of secrets that others, or git, can read (W001, W002)."""
    folder = Path(getattr(settings, "BASE_DIR", None) or Path.cwd())
    modes = [found for place in search_folders(folder) for found in check_file_modes(Path(place))]
    found = [*modes, *check_repository(folder, process_redactor().finds)]
    return [_of_finding(item) for item in found if item.code in _FILE_IDS]


@register(Tags.security, deploy=True)
def check_log_handlers(**_: Any) -> list[CheckMessage]:
    """Tell of log handlers that write what the redactor would mask (W003)."""
    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    handlers = {it for logger in loggers for it in getattr(logger, "handlers", ())}
    names = sorted({it.get_name() or type(it).__name__ for it in handlers if not _masks(it)})
    hint = "Take LOGGING from settings.logging(), or add RedactingFilter to it."
    return [
        Warning(f"The log handler {name} does not mask secrets.", hint=hint, id="glisecrets.W003")
        for name in names
    ]


def _masks(handler: logging.Handler) -> bool:
    if isinstance(handler, logging.NullHandler | RedactingAdminEmailHandler):
        return True
    return any(isinstance(it, RedactingFilter) for it in handler.filters)


@register(Tags.security, deploy=True)
def check_masking(**_: Any) -> list[CheckMessage]:
    """Tell of secrets that stay readable in logs (W004)."""
    hint = "Give it at least six characters, and no common word."
    return [
        Warning(f"The value of {name} is too short to be masked.", hint=hint, id="glisecrets.W004")
        for name in process_redactor().unmasked
    ]


@register(Tags.security, deploy=True)
def check_error_reports(**_: Any) -> list[CheckMessage]:
    """Tell of error pages and mails that show secrets (W005)."""
    wanted = {
        "DEFAULT_EXCEPTION_REPORTER": RedactingExceptionReporter,
        "DEFAULT_EXCEPTION_REPORTER_FILTER": RedactingReporterFilter,
    }
    return [
        Warning(
            f"{name} does not mask secrets.",
            hint=f"Set it to {cls.__module__}.{cls.__qualname__}.",
            id="glisecrets.W005",
        )
        for name, cls in wanted.items()
        if not issubclass(import_string(getattr(settings, name)), cls)
    ]


@register(Tags.security, deploy=True)
def check_databases(**_: Any) -> list[CheckMessage]:
    """Tell of databases that are no deployment's (W006) or not spoken to by TLS (W007)."""
    if current_environment() is Environment.DEVELOPMENT:
        return []
    entries = settings.DATABASES.items()
    return [told for alias, entry in entries for told in _told_of_database(alias, entry)]


def _told_of_database(alias: str, entry: dict[str, Any]) -> Iterator[CheckMessage]:
    if not str(entry.get("ENGINE", "")).endswith(("postgresql", "postgis")):
        return
    if entry.get("HOST", "") in _LOCAL:
        hint = "Is a development value left over? See `manage.py glisecrets explain database`."
        yield Warning(
            f"The database {alias!r} is on this machine.", hint=hint, id="glisecrets.W006"
        )
    elif entry.get("OPTIONS", {}).get("sslmode") not in _ENCRYPTED:
        hint = "Use settings.databases(OPTIONS={'sslmode': 'verify-full', 'sslrootcert': …})."
        told = f"The connection to the database {alias!r} may be in the clear."
        yield Warning(told, hint=hint, id="glisecrets.W007")


def _of_finding(found: Finding) -> CheckMessage:
    place = ":".join(str(part) for part in (found.file, found.line) if part is not None)
    told = f"{place}: {found.message}" if place else found.message
    return Warning(told, hint=found.next_step, id=f"glisecrets.{_FILE_IDS[found.code]}")
