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
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from glisecrets.errors import LabelConflict, SecretExists, StoreError
from glisecrets.redaction.process import remember
from glisecrets.references import AWSCURRENT, AWSPENDING, AWSPREVIOUS, short

from .errors import (
    NotRotatable,
    ProbeRejected,
    RotationBusy,
    RotationError,
    StaleRotation,
    about,
)
from .finding import find_rotator
from .retiring import retire_before_rotation
from .rotator import Verdict
from .standing import Standing, check_not_superseded, ended
from .subject import LAST_RESULT, ROTATOR, TAG_PREFIX, Clock, Subject, check_options, options_of

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

    def subject(self, secret: str, *, urgent: bool = False) -> Subject:
        """Describe a secret that is to be rotated.

        Args:
            secret: the name or ARN.
            urgent: a leak is suspected: no overlap is waited for.

        Raises:
            NoRotator: no kind is named.
            NotRotatable: an unknown one is named, or an option that the kind has not.
            StoreError: the store does not describe it.
        """
        description = self.store.describe(secret)
        with about(secret):
            options = options_of(description, self._declared.get(secret, {}))
            rotator = self._find(options[ROTATOR])
            check_options(description.name, options, rotator)
        return Subject(self.store, secret, description, rotator, options, self.clock, urgent)

    def step(self, step: Step, secret: str, token: str, *, urgent: bool = False) -> Outcome:
        """Run one step, for the token whose version is ``AWSPENDING``.

        Args:
            step: which.
            secret: the name or ARN.
            token: the rotation's token, the new version's id.
            urgent: a leak is suspected: no overlap is waited for.

        Raises:
            StaleRotation: the token is not the one that is rotating; nothing was changed.
            NotRotatable: the set-up is wrong.
            RotationError: a provider said no, or cannot be reached (``passing``).
            StoreError: the store did not take part.
        """
        subject = self.subject(secret, urgent=urgent)
        try:
            with about(secret):
                result = _run(step, subject, token)
        except StaleRotation:
            raise  # another rotation's result is what counts
        except RotationError as error:
            note(subject, f"{step} {type(error).__name__}")
            raise
        if result == "finished":
            note(subject, result)
        outcome = Outcome(subject.description.name, step, token, result)
        _log.info("%s: %s of version %s: %s", outcome.secret, step, short(token), result)
        return outcome


def _run(step: Step, subject: Subject, token: str) -> str:
    # Left elsewhere than on the current version, AWSPENDING stands for an unfinished rotation.
    subject.clean(*ended(subject.description))
    if subject.standing(token) is Standing.DONE:
        return "done"
    if step is Step.CREATE:
        return _create(subject, token)
    pending = subject.version(token)
    if step is Step.TEST and pending is None:
        # RotateImmediately=false has testSecret alone run, on an empty version.
        return _probed(subject, token, subject.current)
    if pending is None:
        raise RotationBusy(
            f"{subject.name}: version {token} has no value yet", next_step="run createSecret"
        )
    check_not_superseded(subject.name, subject.current, pending)
    if step is Step.SET:
        subject.rotator.apply(subject.rotation(token, pending.value))
        return "applied"
    if step is Step.TEST:
        return _probed(subject, token, pending)
    return _finish(subject, token, pending)


def _create(subject: Subject, token: str) -> str:
    if subject.version(token) is not None:
        return "kept"
    retire_before_rotation(subject)
    propose(subject, token, AWSPENDING)
    return "proposed"


def note(subject: Subject, result: str) -> None:
    """Keep what became of a rotation in a tag, for ``rotate status``; dated when it was new."""
    if subject.options.get(LAST_RESULT, "").partition(" ")[2] == result:
        return
    moment = subject.clock.now().isoformat(timespec="seconds")
    try:
        subject.store.tag(subject.name, {TAG_PREFIX + LAST_RESULT: f"{moment} {result}"})
    except StoreError as error:
        _log.info("%s: its result is not kept: %s", subject.name, error.message)


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
        _log.info("%s: version %s has a value already", subject.name, short(token))


def abandon(subject: Subject, token: str) -> None:
    """Give up a version that cannot be rotated to; what was minted for it is revoked first.

    One that others have rotated to meanwhile only loses the labels of a rotation: it is in use.
    """
    version = subject.version(token)
    is_used = version is not None and version.labels & {AWSCURRENT, AWSPREVIOUS}
    if subject.rotator.minted and version is not None and not is_used:
        # Nobody has it yet, though our own probe may count as a use.
        unused = replace(subject.rotation(token), urgent=True)
        subject.rotator.retire(unused, version.value)
    subject.clean(token)
    _log.warning("%s: version %s is given up", subject.name, short(token))


def _probed(subject: Subject, token: str, version: SecretVersion) -> str:
    rotation = subject.rotation(token, version.value)
    if subject.rotator.probe(rotation, version.value) is Verdict.ACCEPTED:
        return "accepted"
    step = f"run setSecret again, or: glisecrets rotate repair {subject.name}"
    if subject.rotator.minted and version.version_id == token:
        abandon(subject, token)
        step = "it is given up; rotate again"
    raise ProbeRejected(
        f"{subject.name}: the provider does not accept version {version.version_id}",
        next_step=step,
    )


def _finish(subject: Subject, token: str, pending: SecretVersion) -> str:
    subject.rotator.publish(subject.rotation(token, pending.value))
    left = subject.description.labelled(AWSCURRENT)
    try:
        subject.store.move_label(subject.name, AWSCURRENT, to=token, expected=left)
    except LabelConflict as conflict:
        raise RotationBusy(f"{subject.name}: AWSCURRENT was moved by another run") from conflict
    subject.clean(token)
    return "finished"
