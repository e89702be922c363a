"""A whole rotation in this process: the four steps one after the other, on any store.

Where a rotation was left half-way, by a crash or by Secrets Manager's own, this run goes on with
it: the same token, the same value.
"""

from __future__ import annotations

import logging
import uuid
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from glisecrets.errors import GlisecretsError, LabelConflict, StoreUnavailable
from glisecrets.references import AWSCURRENT, AWSPENDING

from .engine import Step, drop_pending, propose
from .errors import NotRotatable, RotationBusy, RotationError
from .lease import lease
from .retiring import retire_before_rotation
from .standing import unfinished

if TYPE_CHECKING:
    from collections.abc import Callable

    from .engine import Engine, Outcome
    from .subject import Subject

#: On a version that is stored and shall become ``AWSPENDING`` next.
PROPOSED = "glisecrets:proposed"

#: Waits before a step is tried again, in seconds, after a failure that may pass.
_WAITS = (0.5, 1.0, 2.0, 4.0)

_log = logging.getLogger("glisecrets.rotation")
_T = TypeVar("_T")


def run(
    engine: Engine,
    secret: str,
    *,
    urgent: bool = False,
    told: Callable[[Outcome], None] = lambda _: None,
) -> str:
    """Rotate a secret now, or finish its unfinished rotation; give the new version's id.

    Args:
        engine: rotates.
        secret: the name.
        urgent: retire the version before at once, though its overlap is not over.
        told: called after each step.

    Raises:
        RotationBusy: another run is at it.
        RotationError: a provider said no, or cannot be reached for longer than a few tries.
        StoreError: the store did not take part.
    """
    with lease(engine.store, secret, engine.clock):
        token = _patiently(engine, partial(begin, engine, secret, urgent=urgent))
        for step in Step:
            told(_patiently(engine, partial(engine.step, step, secret, token)))
        return token


def begin(engine: Engine, secret: str, *, urgent: bool = False) -> str:
    """Make a secret's new version ``AWSPENDING``; give its id, or that of an unfinished one.

    Secrets Manager begins a rotation by registering the version; other stores cannot, so here the
    value is made first and the label is won by compare-and-swap.
    """
    subject = engine.subject(secret)
    _check_turned_on(subject)
    token = unfinished(subject.description)
    if token is not None:
        return token
    current = subject.description.labelled(AWSCURRENT)
    if subject.description.labelled(AWSPENDING):
        drop_pending(subject.store, secret, current or "")
    token = subject.description.labelled(PROPOSED)
    if token is None:
        token = str(uuid.uuid4())
        retire_before_rotation(subject, urgent=urgent)
        propose(subject, token, PROPOSED)
    return _pending(subject, token)


def _pending(subject: Subject, token: str) -> str:
    try:
        subject.store.move_label(subject.name, AWSPENDING, to=token, expected=None)
    except LabelConflict as conflict:
        raise RotationBusy(
            f"{subject.name}: another rotation began just now", secret=subject.name
        ) from conflict
    subject.store.move_label(subject.name, PROPOSED, expected=token)
    return token


def _check_turned_on(subject: Subject) -> None:
    if subject.description.rotation_enabled is False:
        raise NotRotatable(
            f"{subject.name}: its rotation is turned off",
            secret=subject.name,
            next_step="turn it on again: glisecrets rotate apply",
        )


def _patiently(engine: Engine, act: Callable[[], _T]) -> _T:
    for wait in _WAITS:
        try:
            return act()
        except GlisecretsError as error:
            if not _passing(error):
                raise
            _log.warning("tried again in %s s: %s", wait, error.message)
        engine.clock.pause(wait)
    return act()


def _passing(error: GlisecretsError) -> bool:
    return isinstance(error, StoreUnavailable | LabelConflict) or (
        isinstance(error, RotationError) and error.passing
    )
