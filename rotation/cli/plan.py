"""``glisecrets rotate plan`` and ``apply``: bring schedules and tags to what is declared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from glisecrets.cli import Invocation
from glisecrets.cli.addressed import StoreOption  # noqa: TC001 - typer reads the annotation
from glisecrets.cli.output import error_document
from glisecrets.errors import ConfigurationError, GlisecretsError

from ..operations.in_flight import in_flight
from ..policy.planning import Change, Planner, SecretPlan
from ..policy.schedule import USUAL_WINDOW, Window
from .rotating import LambdaOption, explain, leave, rotating

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..policy.declared import Declared
    from .rotating import Rotating

WindowOption = Annotated[
    str,
    typer.Option("--window", metavar="HOURS", help="UTC hours on one day in which to rotate."),
]
_USUAL = f"{USUAL_WINDOW.start}-{USUAL_WINDOW.end}"
_SCHEDULER = (
    "nothing here rotates by itself: have a scheduler run daily"
    " `glisecrets rotate run --due` and `glisecrets rotate retire`"
)


def plan(
    ctx: typer.Context,
    function: LambdaOption = None,
    window: WindowOption = _USUAL,
    store: StoreOption = None,
) -> None:
    """Show what apply would change: tags, schedules, the right to invoke the Lambda."""
    _compare(Invocation.of(ctx), store, function, window)


def apply(
    ctx: typer.Context,
    function: LambdaOption = None,
    window: WindowOption = _USUAL,
    now: Annotated[
        bool, typer.Option("--now", help="Rotate at once what gets a new schedule.")
    ] = False,
    store: StoreOption = None,
) -> None:
    """Make tags and schedules say what is declared. The first rotation waits for its day."""

    def do(planner: Planner, plan: SecretPlan) -> None:
        planner.apply(plan, at_once=now)

    _compare(Invocation.of(ctx), store, function, window, do)


def _compare(
    invocation: Invocation,
    store: str | None,
    function: str | None,
    window: str,
    do: Callable[[Planner, SecretPlan], None] | None = None,
) -> None:
    invocation.settings_class()
    with rotating(invocation, store) as at:
        planner = Planner(at.engine.store, _function(at, function), Window.parse(window))
        declared = [each for each in at.declared if each.kind]
        permission = planner.plan_permission(declared)
        if do:
            for change in permission:
                planner.apply_permission(change, declared[0].secret)
        found = in_flight(lambda each: _planned(planner, each, do), declared)
        schedules = planner.schedules is not None
    plans = [each for each in found if isinstance(each, SecretPlan)]
    errors = [each for each in found if isinstance(each, GlisecretsError)]
    changes = [*permission, *(change for each in plans for change in each.changes)]
    _print(invocation, changes, errors, applied=do is not None)
    if declared and not schedules:
        invocation.output.note(_SCHEDULER)
    leave(errors)


def _function(at: Rotating, function: str | None) -> str | None:
    if function is None or at.engine.store.scheme != "aws":
        return None
    arn = function.replace("{environment}", at.guard.environment)
    if not arn.startswith("arn:"):
        raise ConfigurationError(
            f"{function!r} is no ARN", next_step="pass --lambda arn:aws:lambda:…:function:NAME"
        )
    at.guard.check_name(arn, "the Lambda")
    return arn


def _planned(
    planner: Planner, declared: Declared, do: Callable[[Planner, SecretPlan], None] | None
) -> SecretPlan | GlisecretsError:
    try:
        found = planner.plan(declared)
        if do:
            do(planner, found)
    except GlisecretsError as error:
        return error
    return found


def _print(
    invocation: Invocation,
    changes: Sequence[Change],
    errors: Sequence[GlisecretsError],
    *,
    applied: bool,
) -> None:
    output = invocation.output
    if output.as_json:
        documents = [change._asdict() for change in changes]
        told = [error_document(error) for error in errors]
        output.json({"applied": applied, "changes": documents, "errors": told})
        return
    output.line(f"environment: {invocation.environment_told}")
    if changes:
        rows = ([each.place, each.what, each.before or "", each.after or ""] for each in changes)
        output.table(["place", "what", "before", "after" if applied else "would be"], rows)
    else:
        output.line("nothing to change")
    for error in errors:
        explain(invocation, error)
