"""What happens to a secret, as Secrets Manager has it: pure functions, no storage.

Each function takes a :class:`SecretRecord` and gives the record as it must be afterwards, or
raises; given nothing to do it gives the very same record. The rules of labels alone are those of
:mod:`glisecrets.stores.labels`; here are creation, empty versions, cleaning, dates and deletion.

Sources: the CreateSecret, PutSecretValue, UpdateSecretVersionStage, DeleteSecret and RotateSecret
pages of the Secrets Manager API reference.
"""

from __future__ import annotations

import secrets
import string
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from ...errors import InvalidRequest, SecretExists, SecretNotFound
from ...references import AWSCURRENT, AWSPENDING, SECRET_NAME
from .record import STORE, SecretRecord, StoredVersion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from ...references import Address
    from ..labels import Labels

#: Secrets Manager keeps this many versions, and all those younger than :data:`KEEP_AT_LEAST`.
KEEP_VERSIONS = 100
KEEP_AT_LEAST = timedelta(hours=24)

#: Labels on one version, and characters in one label (API reference, PutSecretValue).
MAX_LABELS = 20
MAX_LABEL_LENGTH = 256

_SUFFIX_ALPHABET = string.ascii_letters + string.digits


class RotationUnderWay(InvalidRequest):
    """``AWSPENDING`` is on ``version``, which an earlier rotation has not finished with."""


class ScheduledForDeletion(SecretNotFound):
    """The secret waits for its deletion: it cannot be read, and its name is still taken."""


def created(
    present: SecretRecord | None,
    name: str,
    version_id: str,
    now: datetime,
    *,
    description: str = "",
    tags: Mapping[str, str] | None = None,
) -> SecretRecord:
    """Give the record that a new secret's first version can be written to: CreateSecret.

    Args:
        present: the record that has the name already, if one has.
        name: the new secret's name.
        version_id: the token of its first version; if ``present`` knows it, this is a retry.
        now: the time, aware.
        description: what the secret is for.
        tags: its tags.

    Raises:
        SecretExists: the name is taken.
        InvalidRequest: it is no name, or belongs to a secret that is scheduled for deletion.
    """
    if present is None:
        _check_name(name)
        suffix = "".join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(6))
        return SecretRecord(name, now, now, suffix, description, dict(tags or {}))
    _require_not_scheduled(present)
    if version_id in present.versions:
        return present
    raise SecretExists(
        f"there is a secret {name!r} already",
        store=STORE,
        secret=name,
        next_step="write a version of it instead, or choose another name",
    )


def version_wanted(record: SecretRecord, address: Address) -> str:
    """Give the id of the version that an address means.

    Raises:
        ScheduledForDeletion: the secret waits for its deletion.
        SecretNotFound: no such version or label, or the version has no value yet.
        InvalidRequest: the label that is named beside the version id is not on that version.
    """
    if record.deletes is not None:
        raise ScheduledForDeletion(
            f"{record.name} is scheduled for deletion",
            store=STORE,
            secret=record.name,
            next_step="restore it, or take the reference out",
        )
    version_id = address.version_id or record.labels.holder(address.label or AWSCURRENT)
    version = record.versions.get(version_id or "")
    if version_id is None or version is None:
        raise no_version(record, address.wanted)
    if address.version_id and address.label and address.label not in version.labels:
        raise _refused(record, f"{address.label} is not on version {version_id}")
    if version.empty:
        raise no_version(record, address.wanted, "has no value yet; is a rotation under way?")
    return version_id


def written(
    record: SecretRecord,
    version_id: str,
    labels: Iterable[str],
    *,
    same: bool | None,
    now: datetime,
) -> SecretRecord:
    """Write a value under a version id and move labels to it: PutSecretValue.

    Args:
        record: the secret before.
        version_id: the token that the value is written with.
        labels: what moves to it.
        same: whether the version's present value equals the new one; ``None`` if it has none.
        now: the time of writing, aware.

    Raises:
        SecretExists: the version has another value; a version never changes.
        InvalidRequest: the secret is scheduled for deletion, or the labels are malformed.
    """
    _require_not_scheduled(record)
    after = record.labels.put(version_id, labels, same_value=same)
    if same is not None:
        return record
    version = record.versions.get(version_id) or StoredVersion(now)
    versions = {**record.versions, version_id: replace(version, empty=False)}
    return _cleaned(_labelled(replace(record, versions=versions), after, now), now)


def label_moved(
    record: SecretRecord, label: str, *, to: str | None, expected: str | None, now: datetime
) -> SecretRecord:
    """Move a label, or take it off with ``to=None``: UpdateSecretVersionStage.

    Raises:
        LabelConflict: ``expected`` is not the version that carries the label.
        SecretNotFound: there is no version ``to``.
        InvalidRequest: ``AWSCURRENT`` would be taken off, or put on a version without a value.
    """
    _require_not_scheduled(record)
    after = record.labels.move(label, to=to, expected=expected)
    if to == expected:
        return record
    if to is not None and label == AWSCURRENT and record.versions[to].empty:
        raise _refused(record, f"version {to} has no value yet and cannot become AWSCURRENT")
    return _labelled(record, after, now)


def tagged(record: SecretRecord, tags: Mapping[str, str], *, now: datetime) -> SecretRecord:
    """Add or overwrite tags."""
    _require_not_scheduled(record)
    after = {**record.tags, **tags}
    return record if after == record.tags else replace(record, tags=after, changed=now)


def deletion_scheduled(record: SecretRecord, deletes: datetime, *, now: datetime) -> SecretRecord:
    """Schedule the deletion: until then the secret can be restored, and nothing else."""
    _require_not_scheduled(record)
    return replace(record, deletes=deletes, changed=now)


def deletion_cancelled(record: SecretRecord, *, now: datetime) -> SecretRecord:
    """Restore a secret that is scheduled for deletion; any other stays as it is."""
    return record if record.deletes is None else replace(record, deletes=None, changed=now)


def rotation_begun(record: SecretRecord, version_id: str, *, now: datetime) -> SecretRecord:
    """Register an empty ``AWSPENDING`` version: what RotateSecret does before its first step.

    Raises:
        RotationUnderWay: another one is: ``AWSPENDING`` is on a version that is neither this one
            nor the current one.
    """
    _require_not_scheduled(record)
    pending, current = record.labels.holder(AWSPENDING), record.labels.holder(AWSCURRENT)
    if pending not in {None, version_id, current}:
        raise RotationUnderWay(
            f"{record.name}: a previous rotation isn't complete",
            store=STORE,
            secret=record.name,
            version=pending,
            next_step="finish it, or take AWSPENDING off",
        )
    if version_id == current:
        return record
    versions = dict(record.versions)
    versions.setdefault(version_id, StoredVersion(now, empty=True))
    begun = replace(record, versions=versions)
    return _labelled(begun, begun.labels.move(AWSPENDING, to=version_id, expected=pending), now)


def no_version(record: SecretRecord, wanted: str, reason: str = "does not exist") -> SecretNotFound:
    """Make the error for a version id or label that a secret has not."""
    labels = sorted(label for version in record.versions.values() for label in version.labels)
    return SecretNotFound(
        f"{record.name}: version {wanted} {reason}",
        store=STORE,
        secret=record.name,
        version=wanted,
        next_step=f"labels that it has: {', '.join(labels) or 'none'}",
    )


def _labelled(record: SecretRecord, labels: Labels, now: datetime) -> SecretRecord:
    """Put a new state of the labels into the record."""
    _check_labels(record, labels)
    versions = {
        version_id: replace(version, labels=labels.versions[version_id])
        for version_id, version in record.versions.items()
    }
    left = record.labels.holder(AWSCURRENT)
    rotated = record.rotated if left in {None, labels.holder(AWSCURRENT)} else now
    return replace(record, versions=versions, changed=now, rotated=rotated)


def _cleaned(record: SecretRecord, now: datetime) -> SecretRecord:
    """Drop the oldest deprecated versions beyond what Secrets Manager keeps."""
    surplus = max(0, len(record.versions) - KEEP_VERSIONS)
    droppable = [
        version_id
        for version_id, version in record.versions.items()
        if not version.labels and now - version.created > KEEP_AT_LEAST
    ]
    dropped = set(droppable[:surplus])
    versions = {vid: version for vid, version in record.versions.items() if vid not in dropped}
    return replace(record, versions=versions)


def _check_name(name: str) -> None:
    if not SECRET_NAME.fullmatch(name):
        raise InvalidRequest(
            f"{name!r} is no name for a secret",
            store=STORE,
            secret=name,
            next_step="use 1 to 512 ASCII letters, digits and /_+=.@-",
        )


def _check_labels(record: SecretRecord, labels: Labels) -> None:
    for carried in labels.versions.values():
        if len(carried) > MAX_LABELS or not all(1 <= len(c) <= MAX_LABEL_LENGTH for c in carried):
            raise _refused(
                record,
                f"a version has at most {MAX_LABELS} labels of 1 to {MAX_LABEL_LENGTH} characters",
            )


def _require_not_scheduled(record: SecretRecord) -> None:
    if record.deletes is not None:
        raise _refused(record, "it is scheduled for deletion", "restore it first")


def _refused(record: SecretRecord, reason: str, next_step: str = "") -> InvalidRequest:
    return InvalidRequest(
        f"{record.name}: {reason}", store=STORE, secret=record.name, next_step=next_step
    )
