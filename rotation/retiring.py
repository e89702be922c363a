"""Revoke what a rotation has replaced, once its overlap is over.

Secrets Manager has no fifth step: a daily sweep does it (``glisecrets rotate retire``, or the
Lambda on a schedule), else a key that is rotated every 180 days lives for 360.

The intent is written ahead, as a label: first ``glisecrets:retiring`` goes on the version, then
``AWSPREVIOUS`` comes off it, so that no client tries it any more; then the provider revokes it,
and the label goes. A crash anywhere is picked up by the next sweep.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from glisecrets.references import AWSCURRENT, AWSPREVIOUS, short

from .errors import NotRotatable, RotationBusy, about
from .standing import ended, unfinished

if TYPE_CHECKING:
    from datetime import datetime

    from .subject import Subject

#: On the version that is being revoked.
RETIRING = "glisecrets:retiring"

_log = logging.getLogger("glisecrets.rotation")


def retire(subject: Subject) -> str | None:
    """Reap leftovers and revoke the previous version, if it is due; give its id if it was.

    Raises:
        RotationError: the provider said no, or cannot be reached: the next sweep tries again.
    """
    with about(subject.name):
        return _retired(subject)


def retire_before_rotation(subject: Subject) -> None:
    """Revoke the previous version before there is a third one that a provider accepts.

    Raises:
        NotRotatable: it is still within its overlap, and the rotation is not urgent.
        RotationBusy: another one was still to be revoked, and is now: look again.
    """
    until = overlap_end(subject, subject.current.created)
    if until is None:
        return
    if not _over(subject, until):
        raise NotRotatable(
            f"{subject.name}: the version before the current one is good until {until:%F %R} UTC",
            next_step="rotate after that; in an emergency: glisecrets rotate retire"
            f" {subject.name} --now",
        )
    previous = subject.description.labelled(AWSPREVIOUS)
    # A sweep that slept for months may have begun to revoke what was revoked long ago.
    if _revoke(subject) != previous and previous is not None:
        raise RotationBusy(f"{subject.name}: a version before the previous one was revoked first")


def overlap_end(subject: Subject, written: datetime | None) -> datetime | None:
    """Tell when the previous version may be revoked; ``None`` if there is nothing to revoke.

    Args:
        subject: the secret.
        written: when its current version was.
    """
    description, now = subject.description, subject.clock.now()
    replaced = max((moment for moment in (description.rotated, written) if moment), default=now)
    if description.labelled(RETIRING):
        return min(replaced, now)  # it was over when that began
    if subject.overlap is None or description.labelled(AWSPREVIOUS) is None:
        return None
    return replaced + subject.overlap


def _retired(subject: Subject) -> str | None:
    if unfinished(subject.description) and not subject.urgent:
        return None  # its rotation does both where it must
    subject.clean(*ended(subject.description))
    token = subject.description.labelled(AWSCURRENT) or ""
    subject.rotator.reap(subject.rotation(token))
    until = overlap_end(subject, subject.current.created)
    if until is None or not _over(subject, until):
        return None
    revoked = _revoke(subject)
    if revoked != subject.description.labelled(AWSPREVIOUS):  # one that was begun and left so
        return _retired(subject.renewed()) or revoked
    return revoked


def _over(subject: Subject, until: datetime) -> bool:
    return subject.urgent or subject.clock.now() >= until


def _revoke(subject: Subject) -> str | None:
    store, name, description = subject.store, subject.name, subject.description
    started, previous = description.labelled(RETIRING), description.labelled(AWSPREVIOUS)
    old = started or previous
    if old is None:
        return None
    if started is None:
        store.move_label(name, RETIRING, to=old, expected=None)
    if previous == old:
        store.move_label(name, AWSPREVIOUS, expected=old)
    version, current = subject.version(old), subject.current
    # A rollback may have made it current again; then it stays.
    if version is not None and version.value != current.value:
        subject.rotator.retire(subject.rotation(current.version_id), version.value)
        _log.info("%s: version %s is retired", name, short(old))
    store.move_label(name, RETIRING, expected=old)
    return old
