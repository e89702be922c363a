"""A lease: at most one run rotates a secret, where the store itself keeps no two apart.

Secrets Manager runs one rotation of a secret at a time; Vault and the local store do not. There a
lease is a secret of its own beside the one that is rotated: who holds it, and until when.
``AWSCURRENT`` moves to the new holder's version by compare-and-swap, so of two only one gets it;
a holder that died loses it at its end.
"""

from __future__ import annotations

import json
import os
import socket
import uuid
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from glisecrets.documents import parse_object
from glisecrets.errors import LabelConflict, SecretExists, SecretNotFound
from glisecrets.references import AWSCURRENT, Address

from .errors import RotationBusy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glisecrets.stores.base import SecretVersion, Store

    from .subject import Clock

#: Added to a secret's name; stays below it, so that a policy for ``gli/db/*`` covers both.
SUFFIX = "/rotation-lease"

#: No step takes longer: Lambda ends a function after this time.
DURATION = timedelta(minutes=15)


@contextmanager
def lease(store: Store, secret: str, clock: Clock) -> Iterator[None]:
    """Hold a secret's lease for the length of a ``with`` block; nothing on Secrets Manager.

    Raises:
        RotationBusy: another run holds it.
    """
    if store.scheme == "aws":
        yield
        return
    name = secret + SUFFIX
    version_id = _take(store, name, clock)
    try:
        yield
    finally:
        _give_back(store, name, version_id, clock)


def _take(store: Store, name: str, clock: Clock) -> str:
    present = _present(store, name)
    if present is not None and _until(present) > clock.now():
        raise _busy(name, present)
    token = str(uuid.uuid4())
    try:
        _write(store, name, token, present, clock.now() + DURATION)
    except (SecretExists, LabelConflict) as lost:
        raise RotationBusy(f"{name} was taken by another run just now") from lost
    return token


def _give_back(store: Store, name: str, version_id: str, clock: Clock) -> None:
    """End the lease now; a holder that was too slow has lost it already."""
    present = _present(store, name)
    if present is None or present.version_id != version_id:
        return
    with suppress(LabelConflict):
        _write(store, name, str(uuid.uuid4()), present, clock.now())


def _write(
    store: Store, name: str, token: str, present: SecretVersion | None, until: datetime
) -> None:
    holder = f"{socket.gethostname()}, process {os.getpid()}"
    value = json.dumps({"holder": holder, "until": until.isoformat()})
    if present is None:
        store.create(name, value, token=token)
        return
    store.put(name, value, token=token, labels=[f"proposed-{token}"])
    try:
        store.move_label(name, AWSCURRENT, to=token, expected=present.version_id)
    finally:
        store.move_label(name, f"proposed-{token}", expected=token)


def _present(store: Store, name: str) -> SecretVersion | None:
    try:
        return store.get(Address(name))
    except SecretNotFound:
        return None


def _until(version: SecretVersion) -> datetime:
    return datetime.fromisoformat(parse_object(version.value)["until"])


def _busy(name: str, version: SecretVersion) -> RotationBusy:
    holder = parse_object(version.value)["holder"]
    until = _until(version)
    return RotationBusy(
        f"{name.removesuffix(SUFFIX)} is being rotated by {holder}",
        secret=name.removesuffix(SUFFIX),
        next_step=f"wait; a dead holder loses its lease at {until:%F %R} UTC",
    )
