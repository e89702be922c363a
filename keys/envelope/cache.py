"""Data keys that this process has decrypted: few, not for long, and not in a forked child.

The age is also how long a revoked or deleted data key keeps working where it is known. Nothing
older is ever served: when the wrapping key's keeper is down, so is what needs it.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import Future
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from .gs1 import FieldCipher

#: Seconds.
MAX_AGE = 300.0
MAX_MESSAGES = 2**20
MAX_ENTRIES = 1000


class CachedKey:
    """A field's cipher, until when it may be used, and how often it was."""

    __slots__ = ("cipher", "ends", "messages", "used")

    def __init__(self, cipher: FieldCipher, started: float, max_age: float) -> None:
        self.cipher = cipher
        #: Counted from before the key was asked for.
        self.ends = started + max_age
        #: Each ``next`` is one message encrypted; atomic, unlike ``+=``.
        self.messages = count(1)
        self.used = started


class DataKeyCache:
    """Ciphers by slot, with one load at a time for each slot. Safe between threads.

    Args:
        max_age: seconds that a key is used.
        max_messages: how many messages a key encrypts before it is asked for anew.
        max_entries: how many slots are kept; the least recently used one goes first.
        clock: seconds that never go backwards.
    """

    def __init__(
        self,
        *,
        max_age: float = MAX_AGE,
        max_messages: int = MAX_MESSAGES,
        max_entries: int = MAX_ENTRIES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_age, self._max_messages = max_age, max_messages
        self._max_entries, self._clock = max_entries, clock
        self.begin_anew()
        _CACHES.add(self)

    def begin_anew(self) -> None:
        """Forget every key, and in a forked child the lock, which nobody there may ever free."""
        self._lock = Lock()
        self._forget()

    def clear(self) -> None:
        """Forget every key, also those that are being loaded."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        self._entries: dict[bytes, CachedKey] = {}
        self._loading: dict[bytes, Future[CachedKey]] = {}

    def get(self, slot: bytes, load: Callable[[bytes], CachedKey]) -> CachedKey:
        """Give a slot's key, loaded if it is not there or too old.

        Threads that ask meanwhile wait for the same load, and share its failure.

        Args:
            slot: what the key is found by.
            load: makes the slot's entry, by :meth:`loaded`; may use other slots.
        """
        entry, now = self._entries.get(slot), self._clock()
        if entry is None or now >= entry.ends:
            return self._load_once(slot, load)
        entry.used = now
        return entry

    def take(self, slot: bytes, load: Callable[[bytes], CachedKey]) -> FieldCipher:
        """Give a slot's cipher for one more message; a key that has had enough is loaded anew."""
        while next((entry := self.get(slot, load)).messages) > self._max_messages:
            self.discard(entry)
        return entry.cipher

    def loaded(self, cipher: Callable[[], FieldCipher]) -> CachedKey:
        """Make an entry whose age counts from now, before its cipher is had."""
        started = self._clock()
        return CachedKey(cipher(), started, self._max_age)

    def put(self, slot: bytes, entry: CachedKey) -> None:
        """Keep an entry."""
        with self._lock:
            self._keep(slot, entry)

    def discard(self, entry: CachedKey) -> None:
        """Forget an entry, in whichever slots it is."""
        with self._lock:
            for slot in [slot for slot, kept in self._entries.items() if kept is entry]:
                del self._entries[slot]

    def _load_once(self, slot: bytes, load: Callable[[bytes], CachedKey]) -> CachedKey:
        with self._lock:
            entry = self._entries.get(slot)
            if entry is not None and self._clock() < entry.ends:
                return entry
            future = self._loading.get(slot)
            if first := future is None:
                future = self._loading[slot] = Future()
            loading = self._loading
        if first:
            self._fill(slot, loading, load)
        return future.result()

    def _fill(
        self,
        slot: bytes,
        loading: dict[bytes, Future[CachedKey]],
        load: Callable[[bytes], CachedKey],
    ) -> None:
        try:
            entry = load(slot)
        except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
            loading.pop(slot).set_exception(error)
            return
        with self._lock:
            if loading is self._loading:  # else all was forgotten meanwhile, this too
                self._keep(slot, entry)
            future = loading.pop(slot)
        future.set_result(entry)

    def _keep(self, slot: bytes, entry: CachedKey) -> None:
        self._entries.pop(slot, None)
        while len(self._entries) >= self._max_entries:
            del self._entries[min(self._entries, key=lambda each: self._entries[each].used)]
        self._entries[slot] = entry


_CACHES: WeakSet[DataKeyCache] = WeakSet()


def _clear_all() -> None:
    for cache in tuple(_CACHES):
        cache.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_clear_all)
