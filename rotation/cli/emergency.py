"""``glisecrets rotate all``: after a leak, everything, now."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from glisecrets.cli import Invocation, exit_codes
from glisecrets.cli.addressed import StoreOption  # noqa: TC001 - typer reads the annotation
from glisecrets.cli.confirming import YesOption, confirm
from glisecrets.cli.output import error_document, written
from glisecrets.errors import ConfigurationError
from glisecrets.references import Reference, short

from ..operations.emergency import (
    Emergency,
    EmergencyRun,
    Result,
    Target,
    begun_before,
    find_targets,
    waves,
)
from ..operations.ways import rotate
from ..policy.declared import with_those_read
from .rotating import explain, leave, rotating
from .run import HereOption  # noqa: TC001 - typer reads the annotation

if TYPE_CHECKING:
    from glisecrets.errors import GlisecretsError

    from .rotating import Rotating


@dataclass(frozen=True, slots=True)
class _Scope:
    """What the emergency is about: each target is in one of the three."""

    emergency: Emergency
    waves: list[list[Target]]
    done: list[Target]
    #: What cannot be rotated.
    left: list[Target]

    @property
    def todo(self) -> int:
        return sum(map(len, self.waves))


def rotate_all(
    ctx: typer.Context,
    because: Annotated[
        str, typer.Option("--because", metavar="REASON", help="For the log and the tags.")
    ],
    since: Annotated[
        datetime | None,
        typer.Option(
            "--since",
            metavar="TIME",
            formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%SZ"],
            help="When it began, in UTC: what was rotated after that is done.",
        ),
    ] = None,
    here: HereOption = False,
    yes: YesOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the order, and change nothing.")
    ] = False,
    store: StoreOption = None,
) -> None:
    """Rotate every declared secret, and its administrator's, now and in the right order.

    It shows the order and asks first. After Ctrl-C, run it again: it goes on where it was.
    """
    invocation = Invocation.of(ctx)
    invocation.settings_class()
    with rotating(invocation, store) as at:
        scope = _scope(at, because, since)
        _announce(invocation, scope)
        if dry_run:
            _end_dry_run(invocation, scope)
        if scope.todo:
            confirm(
                f"Rotate {scope.todo} secrets of {at.guard.environment} now,"
                f" because: {scope.emergency.because}?",
                yes=yes,
            )
        way = partial(_rotate, at, here)
        run = EmergencyRun(at.engine.store, scope.emergency, way)
        interrupted = _run(invocation, run, scope)
    _report(invocation, scope, run, interrupted=interrupted)


def _end_dry_run(invocation: Invocation, scope: _Scope) -> None:
    if invocation.output.as_json:
        waves = [[target.secret for target in wave] for wave in scope.waves]
        facts = {"since": written(scope.emergency.since), "because": scope.emergency.because}
        done = [target.secret for target in scope.done]
        invocation.output.json({**facts, "waves": waves, "done_before": done})
    raise typer.Exit


def _scope(at: Rotating, because: str, since: datetime | None) -> _Scope:
    names = with_those_read(at.declared)
    for name in names:
        at.guard.check_reference(Reference.parse(name))
    targets = find_targets(at.engine, names)
    emergency = Emergency.now(because, at.engine.clock.now())
    if not emergency.because:
        raise ConfigurationError("--because names no reason", next_step="write what happened")
    emergency = _begun(emergency, since) if since else begun_before(emergency, targets)
    sound = [target for target in targets if target.error is None]
    return _Scope(
        emergency,
        waves([target for target in sound if not target.done(emergency)]),
        [target for target in sound if target.done(emergency)],
        [target for target in targets if target.error],
    )


def _begun(emergency: Emergency, since: datetime) -> Emergency:
    begun = since.replace(tzinfo=since.tzinfo or UTC)
    if begun > emergency.since:
        raise ConfigurationError(
            f"--since {written(begun)} is still to come", next_step="write it in UTC"
        )
    return replace(emergency, since=begun)


def _announce(invocation: Invocation, scope: _Scope) -> None:
    if invocation.output.as_json:
        return
    output = invocation.output
    output.line(f"environment: {invocation.environment_told}")
    output.line(f"emergency since {scope.emergency.since:%F %T} UTC: {scope.emergency.because}")
    rows = [
        [str(number), target.secret, "to rotate"]
        for number, wave in enumerate(scope.waves, 1)
        for target in wave
    ]
    rows += [["", target.secret, "done already"] for target in scope.done]
    rows += [["", target.secret, "cannot be rotated"] for target in scope.left]
    output.table(["wave", "secret", "plan"], rows)
    for target in scope.left:
        if target.error:
            explain(invocation, target.error)


def _rotate(at: Rotating, here: bool, secret: str, told: Any) -> str:
    return rotate(at.engine, secret, here=here, urgent=True, told=told)


def _run(invocation: Invocation, run: EmergencyRun, scope: _Scope) -> bool:
    """Run it; tell whether somebody interrupted it."""
    with invocation.output.progress("rotating", total=scope.todo) as advance:
        run.told = lambda _: advance()
        run.stopping = lambda: invocation.output.note("stopping: what is under way ends its step")
        try:
            run.run(scope.waves)
        except KeyboardInterrupt:
            return True
    return False


def _report(invocation: Invocation, scope: _Scope, run: EmergencyRun, *, interrupted: bool) -> None:
    errors = _errors(scope, run)
    if invocation.output.as_json:
        invocation.output.json(_document(scope, run, interrupted=interrupted))
    else:
        _print(invocation, scope, run)
    if interrupted:
        left = scope.todo - len(run.results)
        invocation.output.warning(
            f"interrupted; not done: {left}",
            f"glisecrets rotate all --because {shlex.quote(scope.emergency.because)}"
            f" --since {written(scope.emergency.since)}",
        )
        raise typer.Exit(exit_codes.INTERRUPTED)
    leave(errors)


def _print(invocation: Invocation, scope: _Scope, run: EmergencyRun) -> None:
    output = invocation.output
    if run.results:
        output.line()
        output.table(["secret", "version", "seconds"], map(_cells, run.results))
    for result in run.results:
        if result.error:
            explain(invocation, result.error)
    rotated = sum(result.error is None for result in run.results)
    output.line()
    output.line(
        f"{rotated} rotated, {len(scope.done)} done before,"
        f" {len(run.results) - rotated} failed, {len(scope.left)} cannot be rotated"
    )
    if rotated or scope.done:
        output.note(
            "values with an overlap are still accepted; once every client has the new one:"
            " glisecrets rotate retire --now"
        )
    if scope.done and not scope.todo:
        output.note(
            "all was done before for this reason; for a new leak, give another --because or --since"
        )


def _errors(scope: _Scope, run: EmergencyRun) -> list[GlisecretsError]:
    found = [*(result.error for result in run.results), *(target.error for target in scope.left)]
    return [error for error in found if error]


def _cells(result: Result) -> list[str | tuple[str, str]]:
    version = short(result.version_id) or ("failed", "bold red")
    return [result.secret, version, f"{result.seconds:.1f}"]


def _document(scope: _Scope, run: EmergencyRun, *, interrupted: bool) -> dict[str, Any]:
    return {
        "since": written(scope.emergency.since),
        "because": scope.emergency.because,
        "interrupted": interrupted,
        "rotated": [
            {
                "secret": result.secret,
                "version_id": result.version_id,
                "seconds": round(result.seconds, 3),
                "error": error_document(result.error),
            }
            for result in run.results
        ],
        "done_before": [target.secret for target in scope.done],
        "left": [
            {"secret": target.secret, "error": error_document(target.error)}
            for target in scope.left
        ],
    }
