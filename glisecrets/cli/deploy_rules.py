"""What is no fault on its own, and still wrong in a deployed service: ``check --deploy``.

Pure: from a report to findings. Django's own rules are found by ``manage.py check --deploy``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..checks import Finding
from ..environment import Environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..checks import Severity
    from ..report import FieldReport, SettingsReport


def deploy_findings(report: SettingsReport, store: str) -> Iterator[Finding]:
    """Judge a load as that of a deployed service.

    Args:
        report: the load, in the environment that is deployed.
        store: the scheme of the store in use; ``off`` for none.
    """
    if report.environment == Environment.DEVELOPMENT:
        yield _finding(
            "deploy.environment",
            "DJANGO_ENV is development, which no deployed service should run in",
            "check the real one: --environment production",
        )
        return
    if store == "local":
        yield _finding(
            "deploy.local-store",
            f"{report.environment} reads the local store, which is on one machine alone",
            "set GLISECRETS_STORE to aws or vault:…",
        )
    for field in report.fields:
        for rule in _RULES:
            yield from rule(field)


def _from_template(field: FieldReport) -> Iterator[Finding]:
    origin = field.explanation.origin
    if origin.layer == "template":
        yield _finding(
            "deploy.from-template",
            f"{field.name} has an example's value, from {origin.place}",
            f"set {field.variables[0]} for this environment, unless it is meant for all",
            field=field.name,
            severity="info",
        )


def _secret_in_file(field: FieldReport) -> Iterator[Finding]:
    origin = field.explanation.origin
    if field.masked and origin.layer == "dotenv":
        yield _finding(
            "deploy.secret-in-file",
            f"{field.name} is a secret, and comes from the file {origin.place}",
            "put it in the store, and remove the line",
            field=field.name,
        )


def _debug(field: FieldReport) -> Iterator[Finding]:
    if field.name == "debug" and field.shown is True:
        yield _finding(
            "deploy.debug",
            f"debug is on, from {field.explanation.origin}",
            "set DEBUG=false for this environment",
            field=field.name,
            severity="error",
        )


_RULES: tuple[Callable[[FieldReport], Iterator[Finding]], ...] = (
    _from_template,
    _secret_in_file,
    _debug,
)


def _finding(
    code: str,
    message: str,
    next_step: str,
    *,
    field: str | None = None,
    severity: Severity = "warning",
) -> Finding:
    return Finding(code=code, severity=severity, message=message, next_step=next_step, field=field)
