"""A lease: at most one run rotates a secret, where the store itself keeps no two apart.

Secrets Manager runs one rotation of a secret at a time; Vault and the local store do not. There a
lease is a secret of its own beside the one that is rotated: who holds it, and until when.
``AWSCURRENT`` moves to the new holder's version by compare-and-swap, so of two only one gets it;
a holder that died loses it at its end.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import uuid
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from glisecrets.documents import parse_object
from glisecrets.errors import LabelConflict, SecretExists, SecretNotFound, StoreError
from glisecrets.references import AWSCURRENT, Address

from .errors import RotationBusy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from glisecrets.stores.base import SecretVersion, Store

    from .subject import Clock

#: Added to a secret's name; stays below it, so that a policy for ``gli/db/*`` covers both.
SUFFIX = "/rotation-lease"

#: No step takes longer: Lambda ends a function after this time.
DURATION = timedelta(minutes=15)

_log = logging.getLogger("glisecrets.rotation")


@contextmanager
def lease(store: Store, secret: str, clock: Clock) -> Iterator[Callable[[], None]]:
    """Hold a secret's lease for the length of a ``with`` block; nothing on Secrets Manager.

    The block is given what keeps the lease from ending, to be called before each piece of work.

    Raises:
        RotationBusy: another run holds it, or has taken it meanwhile.
    """
    if store.scheme == "aws":
        yield lambda: None
        return
    held = _Held(store, secret + SUFFIX, clock)
    held.take()
    try:
        yield held.keep
    finally:
        held.give_back()


class _Held:
    """A lease that this process holds; a class, for it changes each time it is renewed."""

    def __init__(self, store: Store, name: str, clock: Clock) -> None:
        self._store, self._name, self._clock = store, name, clock
        self._version_id = ""
        self._until = clock.now()

    def take(self) -> None:
        present = _present(self._store, self._name)
        if present is not None and _until(present) > self._clock.now():
            raise _busy(self._name, present)
        self._hold(present)

    def keep(self) -> None:
        if self._until - self._clock.now() > DURATION / 2:
            return
        present = _present(self._store, self._name)
        if present is None or present.version_id != self._version_id:
            raise self._lost()
        self._hold(present)

    def give_back(self) -> None:
        """End it now; a failure to do so only makes the next run wait."""
        try:
            present = _present(self._store, self._name)
            if present is not None and present.version_id == self._version_id:
                _write(self._store, self._name, str(uuid.uuid4()), present, self._clock.now())
        except StoreError as error:
            _log.warning("%s is left to end by itself: %s", self._name, error.message)

    def _hold(self, present: SecretVersion | None) -> None:
        token, until = str(uuid.uuid4()), self._clock.now() + DURATION
        try:
            _write(self._store, self._name, token, present, until)
        except (SecretExists, LabelConflict):
            raise self._lost() from None
        self._version_id, self._until = token, until

    def _lost(self) -> RotationBusy:
        return RotationBusy(
            f"{self._name} was taken by another run",
            next_step="wait for that one: glisecrets rotate status",
        )


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
        next_step=f"wait; a dead holder loses its lease at {until:%F %R} UTC",
    )
