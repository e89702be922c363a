"""``glisecrets rotate status``: how old each secret is, and whether somebody is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from glisecrets.cli import Invocation, exit_codes
from glisecrets.cli.addressed import StoreOption  # noqa: TC001 - typer reads the annotation
from glisecrets.cli.output import error_document, written

from ..policy.inspection import BAD, Condition, State
from .rotating import explain, rotating, told_age

if TYPE_CHECKING:
    from datetime import datetime

_STYLES = {
    State.DUE: "yellow",
    State.NO_ROTATOR: "dim",
    **dict.fromkeys(BAD, "bold red"),
}


def status(ctx: typer.Context, store: StoreOption = None) -> None:
    """Show every declared secret: its age, when it is due, what is under way or stuck.

    Ends with 1 if one is overdue, stuck, broken or not in the store.
    """
    invocation = Invocation.of(ctx)
    invocation.settings_class()  # without one there is nothing to show
    with rotating(invocation, store) as at:
        now = at.engine.clock.now()
        with invocation.output.progress("reading"):
            names = [each.secret for each in at.declared]
            conditions = at.conditions(names)
    if invocation.output.as_json:
        documents = [_document(condition) for condition in conditions]
        environment = invocation.current_environment()
        invocation.output.json({"environment": environment, "secrets": documents})
    else:
        _print(invocation, conditions, now)
    if any(condition.state in BAD for condition in conditions):
        raise typer.Exit(exit_codes.FINDINGS)


def _print(invocation: Invocation, conditions: list[Condition], now: datetime) -> None:
    invocation.output.line(f"environment: {invocation.environment_told}")
    invocation.output.table(
        ["secret", "kind", "age", "due", "state"], (_cells(each, now) for each in conditions)
    )
    for condition in conditions:
        if condition.error:
            explain(invocation, condition.error)


def _cells(condition: Condition, now: datetime) -> list[str | tuple[str, str]]:
    style = _STYLES.get(condition.state, "")
    overdue = style if condition.state is State.OVERDUE else ""
    return [
        condition.secret,
        condition.kind or "",
        told_age(now - condition.since) if condition.since else "",
        (f"{condition.due:%F}" if condition.due else "", overdue),
        (_told(condition, now), style),
    ]


def _told(condition: Condition, now: datetime) -> str:
    told = str(condition.state)
    if condition.begun:
        told += f" since {condition.begun:%F %R} UTC"
    moment, _, result = (condition.last_result or "").partition(" ")
    if result and result != "finished":
        told += f"; {result} at {moment}"
    if condition.retirable and now >= condition.retirable:
        told += "; old value to retire"
    elif condition.retirable:
        told += f"; old value good until {condition.retirable:%F %R} UTC"
    return told


def _document(condition: Condition) -> dict[str, Any]:
    return {
        "secret": condition.secret,
        "kind": condition.kind,
        "state": str(condition.state),
        "since": written(condition.since),
        "due": written(condition.due),
        "begun": written(condition.begun),
        "last_result": condition.last_result,
        "retirable": written(condition.retirable),
        "error": error_document(condition.error),
    }
