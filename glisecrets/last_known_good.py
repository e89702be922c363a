"""The last known good values on disk: encrypted, and shared by all workers of a host.

One file in ``load_options.live.folder`` holds what was last read from the store. While the store
cannot be reached, a process starts and goes on with it, up to a hard age. Between workers it also
saves calls: what one of them has just read, the others take from here.

The file is AES-256-GCM under the local store's kind of key (``GLISECRETS_LOCAL_KEY``, else a key
file of mode 0600 beside it): a copy of the file alone is worth nothing, a copy of the folder is
worth what the values are.
"""

from __future__ import annotations

import base64
import fcntl
import json
import logging
import os
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from .errors import GlisecretsError, StoreUnavailable, Undecryptable
from .stores.base import SecretVersion
from .stores.local.encryption import Cipher
from .stores.local.key_sources import KEY_VARIABLE, GivenKey, KeyFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from .errors import StoreError
    from .references import Address
    from .stores.base import Store

_log = logging.getLogger("glisecrets.live")

_FILE = "last-known-good"
_PURPOSE = b"glisecrets last known good, format 1"

#: Seconds to wait for another worker's write, which takes milliseconds.
_PATIENCE = 1.0


class RememberingStore:
    """A store's read side, which remembers what it gave and recalls it while the store is down."""

    def __init__(self, store: Store, memory: LastKnownGood, max_age: float) -> None:
        self.scheme = store.scheme
        self._store = store
        self._memory = memory
        self._max_age = max_age
        self._place = f"{store.scheme} {store.location}"

    def get_many(self, addresses: Iterable[Address]) -> dict[Address, SecretVersion | StoreError]:
        """Read versions; one that comes from the memory instead has ``recalled`` set."""
        answers = self._store.get_many(addresses)
        self._memory.keep(self._place, answers)
        return {**answers, **self._instead(answers)}

    def recent(self, address: Address, younger_than: float) -> SecretVersion | None:
        """Give what any worker of this host has read less than so many seconds ago."""
        return self._memory.recall(self._place, [address], younger_than).get(address)

    def _instead(
        self, asked: Mapping[Address, SecretVersion | StoreError]
    ) -> dict[Address, SecretVersion]:
        down = [item for item, answer in asked.items() if isinstance(answer, StoreUnavailable)]
        if not down:
            return {}
        recalled = self._memory.recall(self._place, down, self._max_age)
        if recalled:
            _log.warning(
                "%s cannot be reached: %d last known good values are used",
                self._place,
                len(recalled),
            )
        return recalled


class LastKnownGood:
    """The file. Trouble with it is logged and costs nothing else: it only ever helps."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        given = environ.get(KEY_VARIABLE)
        self._folder = folder
        self._key = GivenKey.parse(given) if given else KeyFile(folder / "key")

    def keep(self, place: str, answers: Mapping[Address, SecretVersion | StoreError]) -> None:
        """Remember the versions among a store's answers."""
        now = time.time()
        good = {
            _name(place, address): _written(version, now)
            for address, version in answers.items()
            if isinstance(version, SecretVersion)
        }
        if not good:
            return
        try:
            with self._locked():
                self._write({**self._readable(), **good})
        except (OSError, GlisecretsError) as error:
            _tell("written", self._folder, error)

    def recall(
        self, place: str, addresses: Iterable[Address], max_age: float
    ) -> dict[Address, SecretVersion]:
        """Give what was read for the addresses less than ``max_age`` seconds ago."""
        try:
            entries = self._read()
        except (OSError, GlisecretsError) as error:
            _tell("read", self._folder, error)
            return {}
        now = time.time()
        found = {address: entries.get(_name(place, address)) for address in addresses}
        return {
            address: _version(entry)
            for address, entry in found.items()
            # Either way: a clock that ran ahead must not make an entry look fresh until then.
            if entry is not None and abs(now - entry["read_at"]) < max_age
        }

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._folder / f"{_FILE}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _take(descriptor)
            yield
        finally:
            os.close(descriptor)

    def _readable(self) -> dict[str, dict[str, Any]]:
        """Give the entries; none of a file that is damaged or of another key, to write it anew."""
        try:
            return self._read()
        except Undecryptable:
            return {}

    def _read(self) -> dict[str, dict[str, Any]]:
        path = self._folder / _FILE
        if not path.exists():
            return {}
        data, key = path.read_bytes(), self._key.read()
        entries = Cipher(key).decrypt(data, _PURPOSE) if key else None
        if entries is None:
            raise Undecryptable(f"{path} is damaged or of another key", store="local")
        found: dict[str, dict[str, Any]] = json.loads(entries)
        return found

    def _write(self, entries: dict[str, dict[str, Any]]) -> None:
        key = self._key.read() or self._key.make()
        sealed = Cipher(key).encrypt(json.dumps(entries).encode(), _PURPOSE)
        part = self._folder / f"{_FILE}.{os.getpid()}.part"
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(sealed)
        part.replace(self._folder / _FILE)


def _take(descriptor: int) -> None:
    """Take the lock; raise ``BlockingIOError`` where a worker that hangs does not let it go."""
    patience = time.monotonic() + _PATIENCE
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > patience:
                raise
            time.sleep(0.01)


def _name(place: str, address: Address) -> str:
    return f"{place}\n{address.secret}\n{address.wanted}"


def _written(version: SecretVersion, now: float) -> dict[str, Any]:
    value = version.value
    return {
        "secret": version.secret,
        "version_id": version.version_id,
        "labels": sorted(version.labels),
        "binary": isinstance(value, bytes),
        "value": base64.b64encode(value).decode() if isinstance(value, bytes) else value,
        "read_at": now,
    }


def _version(entry: dict[str, Any]) -> SecretVersion:
    return SecretVersion(
        entry["secret"],
        entry["version_id"],
        base64.b64decode(entry["value"]) if entry["binary"] else entry["value"],
        frozenset(entry["labels"]),
        recalled=datetime.fromtimestamp(entry["read_at"], UTC),
    )


def _tell(deed: str, folder: Path, error: Exception) -> None:
    reason = error.message if isinstance(error, GlisecretsError) else type(error).__name__
    _log.warning("last known good values in %s could not be %s: %s", folder, deed, reason)
