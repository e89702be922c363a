"""What ``glisecrets keys kms …`` prints. The JSON documents are described in docs/kms.md."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from glisecrets.cli import Invocation
    from glisecrets.errors import GlisecretsError

    from ..kms.auditing import KeyFinding
    from ..kms.place import Place
    from ..kms.planning import Change


def print_changes(
    invocation: Invocation,
    place: Place,
    changes: Sequence[Change],
    errors: Mapping[str, GlisecretsError] | None = None,
) -> None:
    """Print what differs, or, with what failed by key, what has been changed."""
    output = invocation.output
    if output.as_json:
        output.json(_changes_document(place, changes, errors))
        return
    _print_place(invocation, place)
    if changes:
        after = "would be" if errors is None else "after"
        rows = [_cells(change, place) for change in changes]
        output.table(["key", "what", "before", after], rows)
    else:
        output.line("nothing to change")
    for key, error in (errors or {}).items():
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
    place: Place, changes: Sequence[Change], errors: Mapping[str, GlisecretsError] | None
) -> dict[str, Any]:
    failed = [
        {"key": key, "message": error.message, "next_step": error.next_step}
        for key, error in (errors or {}).items()
    ]
    told = [change._asdict() for change in changes]
    return {**_placed(place), "applied": errors is not None, "changes": told, "errors": failed}


def _cells(change: Change, home: Place) -> list[str | tuple[str, str]]:
    what = (f"{change.what} *", "bold red") if change.by_hand else change.what
    at = "" if change.region == home.region else f" {change.region}"
    return [change.key + at, what, change.before or "", change.after or ""]


def _print_place(invocation: Invocation, place: Place) -> None:
    invocation.output.line(f"account {place.account}, {place.region}")
    invocation.output.line(f"environment: {invocation.environment_told}")


def _placed(place: Place) -> dict[str, Any]:
    return {
        "account": place.account,
        "region": place.region,
        "environment": str(place.environment),
    }
