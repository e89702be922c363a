"""What ``glisecrets keys kms …`` prints. The JSON documents are described in docs/kms.md."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from glisecrets.cli import Invocation
    from glisecrets.errors import GlisecretsError

    from ..kms.auditing import KeyFinding
    from ..kms.place import Place
    from ..kms.planning import Change


def print_changes(
    invocation: Invocation,
    place: Place,
    changes: Sequence[Change],
    errors: Mapping[str, GlisecretsError],
    done: Collection[Change] | None = None,
) -> None:
    """Print what differs, what went wrong by key, and after an apply what of it has been done."""
    output = invocation.output
    if output.as_json:
        output.json(_changes_document(place, changes, errors, done))
        return
    _print_place(invocation, place)
    if changes:
        rows = [_cells(change, place, done) for change in changes]
        heads = ["key", "what", "before", "to be", *(["status"] if done is not None else [])]
        output.table(heads, rows)
    elif not errors:
        output.line("nothing to change")
    for key, error in errors.items():
        output.line()
        output.labelled([("error", f"{key}: {error.message}"), ("next", error.next_step)])
    if any(change.by_hand for change in changes):
        output.note("what is marked with * only a person can do: see docs/kms.md")


def print_findings(
    invocation: Invocation, place: Place, keys: int, findings: Sequence[KeyFinding]
) -> None:
    """Print what the audit found in so many keys."""
    output = invocation.output
    if output.as_json:
        told = [finding._asdict() for finding in findings]
        output.json({**_placed(place), "keys": keys, "findings": told})
        return
    _print_place(invocation, place)
    for finding in findings:
        output.line()
        style = "bold red" if finding.severity == "error" else "yellow"
        output.line(f"{finding.key}  {finding.severity}  {finding.code}", style)
        at = f"{finding.key_id or 'none'} in {finding.region}"
        output.labelled(
            [("key", at), ("found", finding.message), ("next", finding.next_step)], indent=2
        )
    output.line()
    output.line(f"{keys} keys looked at, {len(findings)} findings")


def print_policies(
    invocation: Invocation, place: Place, policies: Mapping[str, Mapping[str, Any]]
) -> None:
    """Print policies as JSON in either format: one alone as it is pasted, several by name."""
    if invocation.output.as_json:
        invocation.output.json({**_placed(place), "policies": policies})
        return
    shown = next(iter(policies.values())) if len(policies) == 1 else policies
    typer.echo(json.dumps(shown, indent=2))  # not wrapped: it is for pasting


def _changes_document(
    place: Place,
    changes: Sequence[Change],
    errors: Mapping[str, GlisecretsError],
    done: Collection[Change] | None,
) -> dict[str, Any]:
    failed = [
        {"key": key, "message": error.message, "next_step": error.next_step}
        for key, error in errors.items()
    ]
    told = [{**change._asdict(), "status": _status(change, done)} for change in changes]
    applied = done is not None and all(each.by_hand or each in done for each in changes)
    return {**_placed(place), "applied": applied, "changes": told, "errors": failed}


def _status(change: Change, done: Collection[Change] | None) -> str:
    if change.by_hand:
        return "by hand"
    if done is None:
        return "planned"
    return "done" if change in done else "not done"


def _cells(
    change: Change, home: Place, done: Collection[Change] | None
) -> list[str | tuple[str, str]]:
    what = (f"{change.what} *", "bold red") if change.by_hand else change.what
    at = "" if change.region == home.region else f" {change.region}"
    cells = [change.key + at, what, change.before or "", change.after or ""]
    status = _status(change, done)
    told = status if status == "done" else (status, "bold red")
    return cells if done is None else [*cells, told]


def _print_place(invocation: Invocation, place: Place) -> None:
    invocation.output.line(f"account {place.account}, {place.region}")
    invocation.output.line(f"environment: {invocation.environment_told}")


def _placed(place: Place) -> dict[str, Any]:
    return {
        "account": place.account,
        "region": place.region,
        "environment": str(place.environment),
    }
