"""The way out of a lock-out: find the version that the provider accepts, and label it current.

It happens when somebody takes ``AWSPENDING`` off after its value was put in force, restores a
database, or changes a password or a secret by hand. Every version that still has a value is
probed, deprecated ones too, for the labels are just what is in doubt.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from glisecrets.documents import UnreadableValue, parse_object
from glisecrets.errors import LabelConflict
from glisecrets.references import AWSCURRENT, AWSPENDING

from ..engine import Step, abandon
from ..errors import LockedOut, NotRotatable, RotationError, Superseded, about
from ..lease import lease
from ..rotator import Verdict
from ..standing import check_not_superseded, unfinished

if TYPE_CHECKING:
    from collections.abc import Sequence

    from glisecrets.errors import GlisecretsError
    from glisecrets.stores.base import SecretValue, SecretVersion

    from ..engine import Engine
    from ..rotator import Rotation
    from ..subject import Subject


class Remedy(StrEnum):
    """What is to be done."""

    NONE = "nothing to mend"
    #: The rotation goes on by itself, or by ``rotate run``.
    GO_ON = "nothing to mend; a rotation is under way"
    DROP_PENDING = "take AWSPENDING off a version that leads nowhere"
    FINISH = "finish the rotation: make the pending version current"
    MAKE_CURRENT = "make the accepted version current"
    RESET = "have the administrator put the current version in force"


#: What is said of a version for another server than the current one's; nobody is asked about it.
ELSEWHERE = "other server or form"
#: What is said of one about which the provider gave no clear answer.
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Probed:
    """One version and what the provider says of it."""

    version: SecretVersion
    #: ``accepted``, ``rejected``, or :data:`ELSEWHERE` or :data:`UNKNOWN`.
    verdict: str
    #: Why it is not known.
    error: GlisecretsError | None = None

    @property
    def accepted(self) -> bool:
        """Whether the provider accepts it."""
        return self.verdict == Verdict.ACCEPTED


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All versions, newest first, and what follows from the verdicts."""

    subject: Subject
    probed: Sequence[Probed]
    remedy: Remedy
    #: The version that the remedy is about.
    version_id: str | None = None


def diagnose(engine: Engine, secret: str) -> Diagnosis:
    """Probe every version of a secret, changing nothing.

    Raises:
        NotRotatable: nothing says how it is rotated, or it has no current version.
        RotationError: the provider gives no clear answer about the current or pending version.
        StoreError: the store does not give the versions.
    """
    with about(secret):
        return _diagnosed(engine.subject(secret))


def mend(engine: Engine, diagnosis: Diagnosis) -> None:
    """Do what a diagnosis advises.

    Raises:
        RotationBusy: a rotation is under way elsewhere.
        LockedOut: no version is accepted, and this kind has no reset.
        LabelConflict: a label has moved since the diagnosis.
        RotationError: the provider said no.
    """
    subject, token = diagnosis.subject, diagnosis.version_id or ""
    with about(subject.name), lease(subject.store, subject.name, engine.clock):
        match diagnosis.remedy:
            case Remedy.DROP_PENDING:
                abandon(subject, token)
            case Remedy.FINISH:
                engine.step(Step.FINISH, subject.name, token)
            case Remedy.MAKE_CURRENT:
                _make_current(subject, token)
            case Remedy.RESET:
                _reset(subject)


def _diagnosed(subject: Subject) -> Diagnosis:
    rotation = subject.rotation(unfinished(subject.description) or str(uuid.uuid4()))
    listed = subject.store.versions(subject.name, include_deprecated=True)
    read = (subject.version(info.version_id) for info in listed)
    probed = [_probed(subject, rotation, version) for version in read if version is not None]
    in_doubt = {subject.description.labelled(AWSCURRENT), unfinished(subject.description)}
    for each in probed:
        if each.error is not None and each.version.version_id in in_doubt:
            raise each.error
    return Diagnosis(subject, probed, *_remedy(subject, probed))


def _probed(subject: Subject, rotation: Rotation, version: SecretVersion) -> Probed:
    if _place(version.value) != _place(subject.current.value):
        return Probed(version, ELSEWHERE)
    try:
        return Probed(version, subject.rotator.probe(rotation, version.value))
    except RotationError as error:
        return Probed(version, UNKNOWN, error)


def _place(value: SecretValue) -> tuple[str, ...]:
    """Give the server that a value is for: making it current must not lead clients to another."""
    try:
        document = parse_object(value)
        address = urlsplit(str(document.get("url", "")))
        url_place = (address.hostname, address.port)
    except (UnreadableValue, ValueError):
        return ()
    return tuple(map(str, (document.get("host"), document.get("port"), *url_place)))


def _remedy(subject: Subject, probed: Sequence[Probed]) -> tuple[Remedy, str | None]:
    by_id = {each.version.version_id: each for each in probed}
    current = by_id.get(subject.description.labelled(AWSCURRENT) or "")
    pending = by_id.get(unfinished(subject.description) or "")
    superseded = bool(current and pending and _superseded(subject, current, pending))
    if current and current.accepted:
        return _remedy_of_pending(subject, pending, superseded=superseded)
    by_hand = superseded or _turned_off(subject)
    if pending and pending.accepted:
        return (Remedy.MAKE_CURRENT if by_hand else Remedy.FINISH), pending.version.version_id
    accepted = next((each.version.version_id for each in probed if each.accepted), None)
    if accepted:
        return Remedy.MAKE_CURRENT, accepted
    return Remedy.RESET, None


def _remedy_of_pending(
    subject: Subject, pending: Probed | None, *, superseded: bool
) -> tuple[Remedy, str | None]:
    if pending is None:
        return Remedy.NONE, None
    hopeless = subject.rotator.minted and not pending.accepted
    if superseded or hopeless or _turned_off(subject):
        return Remedy.DROP_PENDING, pending.version.version_id
    return Remedy.GO_ON, pending.version.version_id


def _turned_off(subject: Subject) -> bool:
    """Tell whether nobody will go on with a rotation: it was cancelled half-way."""
    return subject.description.rotation_enabled is False


def _superseded(subject: Subject, current: Probed, pending: Probed) -> bool:
    try:
        check_not_superseded(subject.name, current.version, pending.version)
    except Superseded:
        return True
    return False


def _make_current(subject: Subject, version_id: str) -> None:
    store, name = subject.store, subject.name
    left = subject.description.labelled(AWSCURRENT)
    store.move_label(name, AWSCURRENT, to=version_id, expected=left)
    pending = store.describe(name).labelled(AWSPENDING)
    with suppress(LabelConflict):  # it has gone by itself
        if pending:
            store.move_label(name, AWSPENDING, expected=pending)


def _reset(subject: Subject) -> None:
    try:
        current = subject.current
        subject.rotator.reset(subject.rotation(current.version_id, current.value))
    except NotRotatable as error:
        told = error.message
    else:
        return
    raise LockedOut(
        f"{subject.name}: the provider accepts none of its versions, and they cannot be put in"
        f" force ({told})",
        next_step="make a new credential at the provider by hand, then: glisecrets store put"
        f" {subject.name} < FILE",
    )
