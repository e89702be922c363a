"""``glisecrets rotate run`` and ``retire``: by hand, or daily by a scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from glisecrets.cli import Invocation
from glisecrets.cli.addressed import StoreOption  # noqa: TC001 - typer reads the annotation
from glisecrets.errors import ConfigurationError

from ..operations.ways import rotate
from ..policy.declared import with_those_read
from ..policy.inspection import RUNNABLE, State
from ..retiring import retire as retire_previous
from ..standing import unfinished
from .rotating import Done, NamesArgument, each_done, report, rotating

if TYPE_CHECKING:
    from .rotating import Rotating

HereOption = Annotated[
    bool, typer.Option("--here", help="In this process, also what a Lambda rotates.")
]


def run(
    ctx: typer.Context,
    names: NamesArgument = None,
    due: Annotated[
        bool, typer.Option("--due", help="All that are due or stuck: for a daily scheduler.")
    ] = False,
    here: HereOption = False,
    store: StoreOption = None,
) -> None:
    """Rotate secrets now, or finish their unfinished rotations."""
    invocation = Invocation.of(ctx)
    if bool(names) == due:
        raise ConfigurationError("nothing is named", next_step="write NAMEs, or --due, not both")
    with rotating(invocation, store) as at:
        chosen = _due(at) if due else at.named(names or ())

        def one(secret: str) -> Done:
            return Done(secret, "rotated", rotate(at.engine, secret, here=here))

        done = each_done(invocation, "rotating", one, chosen)
    if not chosen:
        invocation.output.note("nothing is due")
    report(invocation, done)


def retire(
    ctx: typer.Context,
    names: NamesArgument = None,
    now: Annotated[
        bool, typer.Option("--now", help="Do not wait until the overlap is over.")
    ] = False,
    store: StoreOption = None,
) -> None:
    """Revoke old values whose overlap is over: of the named secrets, else of all declared ones."""
    invocation = Invocation.of(ctx)
    with rotating(invocation, store) as at:
        chosen = at.named(names) if names else _rotated(at)

        def one(secret: str) -> Done:
            subject = at.engine.subject(secret, urgent=now)
            revoked = retire_previous(subject)
            if revoked is None and unfinished(subject.description):
                return Done(secret, "a rotation is under way")
            return Done(secret, "retired" if revoked else "nothing to retire", revoked)

        done = each_done(invocation, "retiring", one, chosen)
    report(invocation, done)


def _due(at: Rotating) -> list[str]:
    conditions = at.conditions(each.secret for each in at.declared)
    return [each.secret for each in conditions if each.state in RUNNABLE]


def _rotated(at: Rotating) -> list[str]:
    """Give the declared secrets that something is said to rotate."""
    # Those that rotations read too: an administrator's is rotated in an emergency as well.
    conditions = at.conditions(with_those_read(at.declared))
    unconcerned = {State.NO_ROTATOR, State.ABSENT}
    return [each.secret for each in conditions if each.state not in unconcerned]
