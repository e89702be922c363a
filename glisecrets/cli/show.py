"""``glisecrets show`` and ``glisecrets explain NAME``: what is loaded, and why."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ConfigurationError
from .exit_codes import code_of_faults
from .invocation import Invocation

if TYPE_CHECKING:
    from ..explanation import LayerView
    from ..report import FieldReport, SettingsReport

app = typer.Typer(add_completion=False)

#: Characters of a version id that tell it from others, and of a value that people read.
_SHORT_VERSION, _SHORT_VALUE = 8, 120

_STYLES = {
    "wins": "bold green",
    "shadowed": "yellow",
    "no value": "dim",
    "no key": "yellow",
    "not asked": "dim",
}


@app.command()
def show(ctx: typer.Context) -> None:
    """Show every setting: its value (secrets masked), where it comes from, and all faults."""
    invocation = Invocation.of(ctx)
    output, report = invocation.output, _report(invocation)
    if output.as_json:
        output.json(_document(report))
    else:
        _print_report(report, invocation)
    raise typer.Exit(code_of_faults(report.faults))


@app.command()
def explain(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A field, or a variable that feeds it.")
    ],
) -> None:
    """Tell which layer gives a setting its value, and what every other layer has."""
    invocation = Invocation.of(ctx)
    output, report = invocation.output, _report(invocation)
    field = report.field(name)
    if field is None:
        raise _unknown(name, report)
    if output.as_json:
        output.json({"environment": report.environment, **_field_document(field)})
    else:
        _print_field(field, invocation)
    raise typer.Exit(code_of_faults(field.faults))


def _report(invocation: Invocation) -> SettingsReport:
    cls = invocation.settings_class()
    from ..report import report_on

    with invocation.output.progress("reading the layers"):
        return report_on(cls, invocation.load_context())


def _unknown(name: str, report: SettingsReport) -> ConfigurationError:
    names = [field.name for field in report.fields]
    near = get_close_matches(name.lower(), names, n=3)
    step = f"did you mean {' or '.join(near)}?" if near else "list them: glisecrets show"
    return ConfigurationError(f"{report.title} has no setting {name!r}", next_step=step)


def _print_report(report: SettingsReport, invocation: Invocation) -> None:
    output = invocation.output
    output.line(f"{report.title} in {invocation.environment_told}", "bold")
    output.line()
    output.table(["field", "value", "layer", "place"], map(_row, report.fields))
    if report.faults:
        output.line()
        number = len(report.faults)
        output.line(f"{number} {'fault' if number == 1 else 'faults'}", "bold red")
        output.faults(report.faults)


def _row(field: FieldReport) -> list[str | tuple[str, str]]:
    layer, place = _short_origin(field)
    if field.faults:
        return [(field.name, "red"), ("(fault)", "red"), layer, place]
    style = "dim" if layer == "defaults" else ""
    cells = (field.name, _short(_as_text(field.shown)), layer, place)
    return [(cell, style) for cell in cells]


def _short_origin(field: FieldReport) -> tuple[str, str]:
    origin = field.explanation.origin
    if origin.layer == "defaults":
        missing = any(fault.kind == "missing" for fault in field.faults)
        return ("", "") if missing else ("defaults", "")
    version = origin.version_id or "\0"
    place = origin.place.replace(version, version[:_SHORT_VERSION])
    return origin.layer, place.removesuffix(" (AWSCURRENT)")


def _as_text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def _short(text: str) -> str:
    line = " ".join(text.split("\n"))
    return line if len(line) <= _SHORT_VALUE else f"{line[:_SHORT_VALUE]}…"


def _print_field(field: FieldReport, invocation: Invocation) -> None:
    output = invocation.output
    output.labelled(
        [
            ("field", field.name),
            ("variable", " or ".join(field.variables)),
            ("environment", invocation.environment_told),
            ("value", _as_text(field.shown)),
            ("origin", str(field.explanation.origin)),
        ]
    )
    output.line()
    output.table(["layer", "state", "place"], map(_layer_row, field.explanation.layers))
    # The table has told already what was looked at.
    output.faults(fault._replace(looked_at=()) for fault in field.faults)


def _layer_row(view: LayerView) -> list[str | tuple[str, str]]:
    return [view.layer, (view.state, _STYLES[view.state]), view.place]


def _document(report: SettingsReport) -> dict[str, Any]:
    return {
        "settings": report.title,
        "environment": report.environment,
        "fields": [_field_document(field) for field in report.fields],
        "faults": [fault._asdict() for fault in report.faults],
    }


def _field_document(field: FieldReport) -> dict[str, Any]:
    return {
        "field": field.name,
        "variables": list(field.variables),
        "masked": field.masked,
        "value": field.shown,
        "origin": field.explanation.origin._asdict(),
        "layers": [view._asdict() for view in field.explanation.layers],
        "faults": [fault._asdict() for fault in field.faults],
    }
