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

from .engine import Step, abandon, propose
from .errors import RotationBusy, RotationError, about
from .lease import lease
from .retiring import retire_before_rotation
from .rotator import Verdict
from .standing import (
    after_label,
    after_labels,
    check_turned_on,
    ended,
    outdated,
    proposed,
    rotation_labels,
    superseded,
    unfinished,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from .engine import Engine, Outcome
    from .subject import Subject

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
        urgent: a leak is suspected: no overlap is waited for.
        told: called after each step.

    Raises:
        RotationBusy: another run is at it.
        RotationError: a provider said no, or cannot be reached for longer than a few tries.
        StoreError: the store did not take part.
    """
    with about(secret), lease(engine.store, secret, engine.clock) as keep:
        token = _patiently(engine, keep, partial(begin, engine, secret, urgent=urgent))
        for step in Step:
            told(_patiently(engine, keep, partial(engine.step, step, secret, token, urgent=urgent)))
        return token


def begin(engine: Engine, secret: str, *, urgent: bool = False) -> str:
    """Make a secret's new version ``AWSPENDING``; give its id, or that of an unfinished one.

    Secrets Manager begins a rotation by registering the version; other stores cannot, so here the
    value is made first and the label is won by compare-and-swap.
    """
    subject = engine.subject(secret, urgent=urgent)
    check_turned_on(subject.description)
    token = unfinished(subject.description) or proposed(subject.description)
    if token is None:
        token = _propose(subject)
    elif outdated(subject.description, token):
        _give_up(subject, token)
        raise RotationBusy(f"{secret}: another rotation has ended meanwhile")
    if subject.description.labelled(AWSPENDING) != token:
        _claim(subject, token)
    return token


def _give_up(subject: Subject, token: str) -> None:
    """Give up a version whose base is not current any more, unless it may be the only good one.

    A value that somebody wrote by hand may have taken the base's place after this version was put
    in force: then the provider accepts it, and not the current one.
    """
    in_question = subject.description.labelled(AWSPENDING) == token and not subject.rotator.minted
    if in_question:
        rotation = subject.rotation(token)
        if subject.rotator.probe(rotation, rotation.current) is not Verdict.ACCEPTED:
            raise superseded(subject.name, subject.current.version_id, token)
    abandon(subject, token)


def _propose(subject: Subject) -> str:
    # As described, not as read just now: what follows is decided by the description.
    token, base = str(uuid.uuid4()), subject.description.labelled(AWSCURRENT) or ""
    subject.clean(*ended(subject.description))
    retire_before_rotation(subject)
    propose(subject, token, after_label(base, token))
    return token


def _claim(subject: Subject, token: str) -> None:
    try:
        subject.store.move_label(subject.name, AWSPENDING, to=token, expected=None)
    except LabelConflict:
        raise _forestalled(subject.renewed(), token) from None
    _check_not_ended(subject.renewed(), token)


def _forestalled(subject: Subject, token: str) -> RotationBusy:
    """Give up a proposal if another one became ``AWSPENDING`` instead.

    If another run has taken this one up, its value may be in force, and it keeps its labels. Nor
    does a description that lags behind prove anything: it does not show the proposal.
    """
    pending = subject.description.labelled(AWSPENDING)
    if pending not in {None, token} and after_labels(subject.description, token):
        abandon(subject, token)
    return RotationBusy(f"{subject.name}: another run rotates it since just now")


def _check_not_ended(subject: Subject, token: str) -> None:
    """Let go of a version that others have rotated to, and on, while this process slept.

    Its proposal's label is gone then. A version that is not seen as ``AWSPENDING`` proves nothing:
    a description may lag behind.
    """
    if rotation_labels(subject.description, token) == [AWSPENDING]:
        subject.clean(token)
        raise RotationBusy(f"{subject.name}: another run has ended the rotation meanwhile")


def _patiently(engine: Engine, keep: Callable[[], None], act: Callable[[], _T]) -> _T:
    for wait in _WAITS:
        try:
            keep()
            return act()
        except GlisecretsError as error:
            if not _passing(error):
                raise
            _log.warning("tried again in %s s: %s", wait, error.message)
        engine.clock.pause(wait)
    keep()
    return act()


def _passing(error: GlisecretsError) -> bool:
    return isinstance(error, StoreUnavailable | LabelConflict) or (
        isinstance(error, RotationError) and error.passing
    )
