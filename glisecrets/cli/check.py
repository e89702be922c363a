"""``glisecrets check``: everything that is wrong, or will be, with the next step for each."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import GlisecretsError
from .addressed import opened
from .exit_codes import FINDINGS, FINE, STORE, USAGE, code_of_faults
from .invocation import Invocation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..checks import Finding
    from ..errors import Fault
    from ..report import FieldReport, SettingsReport
    from ..settings import Settings
    from .output import Output

app = typer.Typer(add_completion=False)

_STYLES = {"error": "bold red", "warning": "yellow", "info": "dim"}


@app.command()
def check(
    ctx: typer.Context,
    deploy: Annotated[
        bool, typer.Option("--deploy", help="Also what a deployed service must not have.")
    ] = False,
) -> None:
    """Check settings, .env files, git and file modes. Errors and warnings give exit code 1."""
    invocation = Invocation.of(ctx)
    cls = invocation.settings_class()
    from ..report import report_on

    with invocation.output.progress("checking"):
        report = report_on(cls, invocation.load_context())
        found = list(_findings(invocation, cls, report, deploy=deploy))
    found.sort(key=lambda finding: list(_STYLES).index(finding.severity))
    if invocation.output.as_json:
        faults = [_as_finding(fault) for fault in report.faults]
        documents = [asdict(finding) for finding in [*faults, *found]]
        invocation.output.json({"environment": report.environment, "findings": documents})
    else:
        _print(invocation, report, found)
    raise typer.Exit(_exit_code(report, found))


def _findings(
    invocation: Invocation, cls: type[Settings], report: SettingsReport, *, deploy: bool
) -> Iterator[Finding]:
    yield from _about_fields(report)
    yield from _about_dotenv(invocation, cls)
    yield from _about_files(invocation)
    if deploy:
        from .deploy_rules import deploy_findings

        yield from deploy_findings(report, _store_in_use(invocation))


def _about_fields(report: SettingsReport) -> Iterator[Finding]:
    from ..checks import Finding

    for field in report.fields:
        for name in field.unmasked:
            yield Finding(
                code="redaction.unmasked",
                severity="warning",
                message=f"the value of {name} is very short, or a common word: it is not masked "
                "in logs",
                next_step="use a longer value",
                field=name,
            )
        yield from _about_key(field)
        if field.masked and not field.explanation.secret:
            yield Finding(
                code="settings.undeclared-secret",
                severity="warning",
                message=f"{field.name} looks like a secret, and is not declared as one: it is not "
                "masked in logs",
                next_step="type it SecretStr, or declare it with secret(…)",
                field=field.name,
            )


def _about_key(field: FieldReport) -> Iterator[Finding]:
    """Find the key that a secret lacks where a weaker layer's value hides that."""
    from ..checks import Finding

    # Who needs the key has a fault already, which says the same.
    views = () if field.faults else field.explanation.layers
    for view in views:
        if view.state == "no key":
            yield Finding(
                code="settings.missing-key",
                severity="warning",
                message=f"{view.place}; {field.name} has its value from {field.explanation.origin}",
                next_step="add the key with glisecrets store put, or correct it in secret(…)",
                field=field.name,
            )


def _about_dotenv(invocation: Invocation, cls: type[Settings]) -> Iterator[Finding]:
    from ..checks import lint_dotenv, template_drift
    from ..folders import search_folders, shown

    for folder in map(Path, search_folders(invocation.project.directory)):
        for path in sorted([*folder.glob(".env"), *folder.glob(".env.*")]):
            content = _content(path)
            if content is None:
                continue  # what the load reads of it, the faults tell
            template = path.name == ".env.example"
            yield from lint_dotenv(content, file=shown(path), template=template)
            if template:
                yield from template_drift(cls.field_plans(), content, file=shown(path))


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _about_files(invocation: Invocation) -> Iterator[Finding]:
    from ..checks import check_file_modes, check_repository
    from ..folders import search_folders, shown
    from ..redaction import process_redactor

    folders = search_folders(invocation.project.directory)
    yield from check_repository(Path(folders[-1]), process_redactor().finds)
    for folder in folders:
        for finding in check_file_modes(Path(folder)):
            yield replace(finding, file=shown(Path(finding.file or folder)))


def _store_in_use(invocation: Invocation) -> str:
    # What prevents it from being opened is told by the faults already.
    with suppress(GlisecretsError), opened(invocation, None) as (store, _):
        return store.scheme
    return "off"


def _as_finding(fault: Fault) -> Finding:
    from ..checks import Finding

    return Finding(
        code=f"settings.{fault.kind}",
        severity="error",
        message=fault.message,
        next_step=fault.next_step,
        field=fault.field,
    )


def _print(invocation: Invocation, report: SettingsReport, found: Sequence[Finding]) -> None:
    output = invocation.output
    output.line(f"{report.title} in {invocation.environment_told}", "bold")
    output.faults(report.faults)
    for finding in found:
        _print_finding(output, finding)
    output.line()
    output.line(_summary(report, found))


def _print_finding(output: Output, finding: Finding) -> None:
    place = ":".join(str(part) for part in (finding.file, finding.line) if part is not None)
    head = (finding.severity, place or finding.field or "", finding.code)
    output.line()
    output.line("  ".join(filter(None, head)), _STYLES[finding.severity])
    output.labelled([("", finding.message), ("next", finding.next_step)], indent=2)


def _summary(report: SettingsReport, found: Sequence[Finding]) -> str:
    counts = {
        "fault": len(report.faults),
        "error": sum(finding.severity == "error" for finding in found),
        "warning": sum(finding.severity == "warning" for finding in found),
    }
    told = [f"{number} {noun}{'s' * (number != 1)}" for noun, number in counts.items() if number]
    return ", ".join(told) or f"fine: {len(report.fields)} settings, no fault"


def _exit_code(report: SettingsReport, found: Sequence[Finding]) -> int:
    code = code_of_faults(report.faults)
    if code in {STORE, USAGE}:
        return code
    return FINDINGS if code or any(finding.severity != "info" for finding in found) else FINE
