"""The four steps of a rotation, on any store; in Lambda and in-process they are these.

::

    createSecret   reap, propose, store the new value as AWSPENDING   (write-ahead)
    setSecret      put it in force at the provider
    testSecret     ask the provider: it must be accepted
    finishSecret   publish, then AWSCURRENT moves to it and AWSPENDING goes

Each step may arrive again, late, twice at once, or after a crash anywhere: what is done already
is found done. A value is stored before it is put in force, so whatever a provider accepts, a
version that carries a label holds it.

Source: the rotation pages of the Secrets Manager user guide ("Lambda rotation functions").
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from glisecrets.errors import LabelConflict, SecretExists
from glisecrets.redaction.process import remember
from glisecrets.references import AWSCURRENT, AWSPENDING

from .errors import NotRotatable, ProbeRejected, RotationBusy
from .finding import find_rotator
from .retiring import retire_before_rotation
from .rotator import Verdict
from .standing import Standing, check_not_superseded
from .subject import Clock, Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from glisecrets.stores.base import SecretVersion, Store

    from .rotator import Rotator

_log = logging.getLogger("glisecrets.rotation")


class Step(StrEnum):
    """The steps, by the names that Secrets Manager gives them, in order."""

    CREATE = "createSecret"
    SET = "setSecret"
    TEST = "testSecret"
    FINISH = "finishSecret"

    @classmethod
    def named(cls, name: str) -> Step:
        """Give the step of a name.

        Raises:
            NotRotatable: there is none.
        """
        if name in set(cls):
            return cls(name)
        raise NotRotatable(f"there is no step {name!r}", next_step=f"steps: {', '.join(cls)}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one step did, for logs and reports: names and ids alone."""

    secret: str
    step: Step
    #: The version that is rotated to.
    version_id: str
    #: ``proposed``, ``kept``, ``applied``, ``accepted``, ``finished`` or ``done`` (nothing to do).
    result: str


class Engine:
    """Rotates the secrets of one store. A class, for steps share a store and a clock.

    Args:
        store: where the secrets are.
        declared: each secret's options as declared in code, by its name; they override its tags.
        clock: the time and how to wait.
        find: gives the rotator of a kind; default by entry point.
    """

    def __init__(
        self,
        store: Store,
        *,
        declared: Mapping[str, Mapping[str, str]] | None = None,
        clock: Clock | None = None,
        find: Callable[[str], Rotator] = find_rotator,
    ) -> None:
        self.store = store
        self.clock = clock or Clock()
        self._declared = declared or {}
        self._find = find

    def subject(self, secret: str) -> Subject:
        """Describe a secret that is to be rotated.

        Raises:
            NotRotatable: nothing says how, or wrongly.
        """
        declared = self._declared.get(secret, {})
        return Subject.of(self.store, secret, declared, self.clock, self._find)

    def step(self, step: Step, secret: str, token: str, *, urgent: bool = False) -> Outcome:
        """Run one step, for the token whose version is ``AWSPENDING``.

        Args:
            step: which.
            secret: the name or ARN.
            token: the rotation's token, the new version's id.
            urgent: retire the version before at once, though its overlap is not over.

        Raises:
            StaleRotation: the token is not the one that is rotating; nothing was changed.
            NotRotatable: the set-up is wrong.
            RotationError: a provider said no, or cannot be reached (``passing``).
            StoreError: the store did not take part.
        """
        subject = self.subject(secret)
        result = self._run(step, subject, token, urgent=urgent)
        outcome = Outcome(subject.description.name, step, token, result)
        _log.info("%s: %s of version %s: %s", outcome.secret, step, token[:8], result)
        return outcome

    def _run(self, step: Step, subject: Subject, token: str, *, urgent: bool) -> str:
        if subject.standing(token) is Standing.DONE:
            drop_pending(subject.store, subject.name, token)
            return "done"
        if step is Step.CREATE:
            return self._create(subject, token, urgent=urgent)
        pending = subject.version(token)
        if step is Step.TEST and pending is None:
            # RotateImmediately=false has testSecret alone run, on an empty version.
            return _probed(subject, token, subject.current())
        if pending is None:
            raise RotationBusy(
                f"{subject.name}: version {token} has no value yet", next_step="run createSecret"
            )
        check_not_superseded(subject.name, subject.current(), pending)
        if step is Step.SET:
            subject.rotator.apply(subject.rotation(token, pending.value))
            return "applied"
        if step is Step.TEST:
            return _probed(subject, token, pending)
        return _finish(subject, token, pending)

    def _create(self, subject: Subject, token: str, *, urgent: bool) -> str:
        if subject.version(token) is not None:
            return "kept"
        retire_before_rotation(subject, urgent=urgent)
        propose(subject, token, AWSPENDING)
        return "proposed"


def propose(subject: Subject, token: str, label: str) -> None:
    """Have a new value made and store it as version ``token`` with a label, before any use of it.

    If the version has got another value meanwhile, that one counts. What was minted in vain has
    no version, and is reaped later.
    """
    rotation = subject.rotation(token)
    subject.rotator.reap(rotation)
    value = subject.rotator.propose(rotation)
    remember(value, name=subject.description.name)
    try:
        subject.store.put(subject.name, value, token=token, labels=[label])
    except SecretExists:
        _log.info("%s: version %s has a value already", subject.name, token[:8])


def drop_pending(store: Store, secret: str, token: str) -> None:
    """Take ``AWSPENDING`` off a version, if it is there."""
    # Secrets Manager takes it for an unfinished rotation if it is left elsewhere; aws-cdk#28539.
    if store.describe(secret).labelled(AWSPENDING) != token:
        return
    try:
        store.move_label(secret, AWSPENDING, expected=token)
    except LabelConflict:
        _log.debug("%s: AWSPENDING has left version %s by itself", secret, token[:8])


def _probed(subject: Subject, token: str, version: SecretVersion) -> str:
    rotation = subject.rotation(token, version.value)
    if subject.rotator.probe(rotation, version.value) is Verdict.ACCEPTED:
        return "accepted"
    raise ProbeRejected(
        f"{subject.name}: the provider does not accept version {version.version_id}",
        secret=subject.name,
        next_step=f"run setSecret again, or: glisecrets rotate repair {subject.name}",
    )


def _finish(subject: Subject, token: str, pending: SecretVersion) -> str:
    subject.rotator.publish(subject.rotation(token, pending.value))
    left = subject.description.labelled(AWSCURRENT)
    try:
        subject.store.move_label(subject.name, AWSCURRENT, to=token, expected=left)
    except LabelConflict as conflict:
        raise RotationBusy(
            f"{subject.name}: AWSCURRENT was moved by another run", secret=subject.name
        ) from conflict
    drop_pending(subject.store, subject.name, token)
    return "finished"
