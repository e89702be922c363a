"""Where encrypted data keys are kept: one row per data key, never one per value.

A field has one active data key, which encrypts; retired ones decrypt what they once encrypted.
Deleting a row makes everything under it unreadable (crypto-shredding), as far as no copy of the
row is left: a backup that holds the row still opens with the wrapping key.
"""

from __future__ import annotations

import base64
import fcntl
import json
import math
import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from glisecrets.errors import ConfigurationError

from .cache import MAX_AGE
from .context import FieldContext
from .replacement import NamedFile, faults, replacement
from .wrapping import Wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Self

_SCHEMA = 1
#: Seconds after its retirement when nobody encrypts under a data key any more: how long a process
#: goes on with what it knows, and a margin for clocks and for transactions that are under way.
SETTLED_AFTER = MAX_AGE + 60


@dataclass(frozen=True, slots=True)
class DataKey:
    """One row: an encrypted data key, and whose it is. Holds nothing that must be hidden."""

    #: The key id of its messages, hexadecimal.
    id: str
    context: FieldContext
    wrapped: Wrapped
    #: When it was made, aware UTC.
    created: datetime
    #: When another one took its place, aware UTC; ``None``: new values are encrypted under it.
    retired: datetime | None = None

    @property
    def active(self) -> bool:
        """Whether new values are encrypted under it."""
        return self.retired is None

    def seconds_in_use(self) -> float:
        """Give for how long some process may still encrypt under it; an active one: for ever."""
        if self.retired is None:
            return math.inf
        return max(0, SETTLED_AFTER - (datetime.now(UTC) - self.retired).total_seconds())

    def refuse_in_use(self) -> None:
        """Refuse to delete it while some process may still encrypt under it.

        Raises:
            ConfigurationError: it is active, or was retired too short a time ago.
        """
        left = self.seconds_in_use()
        if self.active:
            raise ConfigurationError(
                f"data key {self.id} is active: {self.context} is encrypted under it",
                next_step=f"renew it, wait {SETTLED_AFTER:.0f} seconds, encrypt anew, and delete it"
                " then; --give-up deletes it now, and every value under it is lost",
            )
        if left:
            raise ConfigurationError(
                f"other processes may encrypt under data key {self.id} for {left:.0f} seconds more",
                next_step="wait, encrypt anew what they wrote, and delete it then; --give-up"
                " deletes it now, and every value under it is lost",
            )

    @classmethod
    def made(cls, key_id: bytes, context: FieldContext, wrapped: Wrapped) -> Self:
        """Make the row of a new data key."""
        return cls(key_id.hex(), context, wrapped, datetime.now(UTC))

    @classmethod
    def of(cls, document: dict[str, Any]) -> Self:
        """Read what :meth:`document` gives."""
        blob = base64.b64decode(document["wrapped"], validate=True)
        return cls(
            document["id"],
            FieldContext(document["data-class"], document["environment"], document["field"]),
            Wrapped(blob, document["wrapping-key"], document["material"]),
            datetime.fromisoformat(document["created"]),
            datetime.fromisoformat(document["retired"]) if document["retired"] else None,
        )

    def document(self) -> dict[str, Any]:
        """Give the row as JSON."""
        return {
            "id": self.id,
            **self.context.pairs(),
            "wrapped": base64.b64encode(self.wrapped.blob).decode(),
            "wrapping-key": self.wrapped.key,
            "material": self.wrapped.material,
            "created": self.created.isoformat(),
            "retired": self.retired.isoformat() if self.retired else None,
        }


class DataKeyStore(Protocol):
    """Keeps data keys; safe between threads and, where it outlives one, between processes."""

    def active(self, context: FieldContext) -> DataKey | None:
        """Give the data key that a field encrypts under."""

    def find(self, context: FieldContext, key_id: str) -> DataKey | None:
        """Give a field's data key by its id, active or retired."""

    def add(self, data_key: DataKey, *, instead_of: str | None = None) -> DataKey:
        """Make a data key its field's active one, unless somebody else was quicker.

        Args:
            data_key: the new one.
            instead_of: the id of the active one as last seen, which is retired; ``None``: none.

        Returns:
            The field's active data key: this one, or the one that was there first.
        """
        ...

    def rewrapped(self, data_key: DataKey, wrapped: Wrapped) -> bool:
        """Replace a data key's encrypted form, unless it has changed since it was read."""
        ...

    def delete(self, key_id: str) -> bool:
        """Delete a data key; tell whether it was there."""
        ...

    def __iter__(self) -> Iterator[DataKey]:
        """Give all data keys, in the order of their making."""
        ...


class MemoryDataKeys:
    """Data keys of this process alone: for tests, and what other stores are made of."""

    def __init__(self, rows: Iterable[DataKey] = ()) -> None:
        self._rows = {row.id: row for row in rows}
        self._lock = Lock()

    def active(self, context: FieldContext) -> DataKey | None:
        """See :meth:`DataKeyStore.active`."""
        return next((row for row in self if row.active and row.context == context), None)

    def find(self, context: FieldContext, key_id: str) -> DataKey | None:
        """See :meth:`DataKeyStore.find`."""
        row = self._rows.get(key_id)
        return row if row and row.context == context else None

    def add(self, data_key: DataKey, *, instead_of: str | None = None) -> DataKey:
        """See :meth:`DataKeyStore.add`."""
        with self._lock:
            now = self.active(data_key.context)
            if now and now.id != instead_of:
                return now
            if now:
                self._rows[now.id] = replace(now, retired=datetime.now(UTC))
            self._rows[data_key.id] = data_key
            return data_key

    def rewrapped(self, data_key: DataKey, wrapped: Wrapped) -> bool:
        """See :meth:`DataKeyStore.rewrapped`."""
        with self._lock:
            row = self._rows.get(data_key.id)
            if row is None or row.wrapped != data_key.wrapped:
                return False
            self._rows[row.id] = replace(row, wrapped=wrapped)
            return True

    def delete(self, key_id: str) -> bool:
        """See :meth:`DataKeyStore.delete`."""
        with self._lock:
            return self._rows.pop(key_id, None) is not None

    def __iter__(self) -> Iterator[DataKey]:
        return iter(tuple(self._rows.values()))


class FileDataKeys:
    """Data keys in a JSON file, shared by the processes of one machine.

    The file holds no plain key, and may lie beside what is encrypted under it.

    Args:
        path: the file, or a link to it; made by the first data key. The lock beside it stays.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def active(self, context: FieldContext) -> DataKey | None:
        """See :meth:`DataKeyStore.active`."""
        return self._read().active(context)

    def find(self, context: FieldContext, key_id: str) -> DataKey | None:
        """See :meth:`DataKeyStore.find`."""
        return self._read().find(context, key_id)

    def add(self, data_key: DataKey, *, instead_of: str | None = None) -> DataKey:
        """See :meth:`DataKeyStore.add`."""
        with self._changing() as rows:
            return rows.add(data_key, instead_of=instead_of)

    def rewrapped(self, data_key: DataKey, wrapped: Wrapped) -> bool:
        """See :meth:`DataKeyStore.rewrapped`."""
        with self._changing() as rows:
            return rows.rewrapped(data_key, wrapped)

    def delete(self, key_id: str) -> bool:
        """See :meth:`DataKeyStore.delete`."""
        with self._changing() as rows:
            return rows.delete(key_id)

    def __iter__(self) -> Iterator[DataKey]:
        return iter(self._read())

    def _read(self) -> MemoryDataKeys:
        """Read the file.

        Raises:
            ConfigurationError: it cannot be read, or holds no data keys.
        """
        try:
            document = json.loads(self._path.read_bytes())
            if document["schema"] == _SCHEMA:
                return MemoryDataKeys(map(DataKey.of, document["data-keys"]))
            fault = "was written by a newer glisecrets"
        except FileNotFoundError:
            return MemoryDataKeys()
        except OSError:
            fault = "cannot be read"
        except (ValueError, KeyError, TypeError):
            fault = "holds no data keys"
        raise ConfigurationError(
            f"the file {self._path} {fault}", next_step="restore it from a copy"
        )

    @contextmanager
    def _changing(self) -> Iterator[MemoryDataKeys]:
        """Give the rows under a lock, and write them complete or not at all.

        Raises:
            ConfigurationError: the file cannot be read or written.
        """
        path = Path(os.path.realpath(self._path))  # whoever comes by a link has the same lock
        with _locked(path.with_name(f".{path.name}.lock")):
            rows = self._read()
            yield rows
            document = {"schema": _SCHEMA, "data-keys": [row.document() for row in rows]}
            with replacement(path, mode=0o666, like=_status(path)) as file:
                file.write(json.dumps(document, indent=2).encode())


@contextmanager
def _locked(lock: Path) -> Iterator[None]:
    with NamedFile(str(lock), "wb", lock) as file:
        with faults(lock, "written"):
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None
