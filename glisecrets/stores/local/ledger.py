"""What is in the local store's file: tables, and the records and sealed values kept in them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from .record import SecretRecord, StoredVersion

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

#: ``PRAGMA user_version`` of the tables below; a later layout counts on from here.
LAYOUT = 1

TABLES = (
    """CREATE TABLE store (key_check BLOB NOT NULL)""",
    """CREATE TABLE secret (
        name TEXT PRIMARY KEY,
        created REAL NOT NULL,
        changed REAL NOT NULL,
        suffix TEXT NOT NULL,
        description TEXT NOT NULL,
        tags TEXT NOT NULL,
        rotated REAL,
        deletes REAL,
        rotation TEXT
    )""",
    """CREATE TABLE version (
        number INTEGER PRIMARY KEY,
        secret TEXT NOT NULL REFERENCES secret ON DELETE CASCADE,
        id TEXT NOT NULL,
        created REAL NOT NULL,
        sealed BLOB,
        UNIQUE (secret, id)
    )""",
    # The primary key is the rule itself: a label is on at most one version.
    """CREATE TABLE label (
        secret TEXT NOT NULL,
        label TEXT NOT NULL,
        version TEXT NOT NULL,
        PRIMARY KEY (secret, label),
        FOREIGN KEY (secret, version) REFERENCES version (secret, id) ON DELETE CASCADE
    )""",
    f"""PRAGMA user_version = {LAYOUT}""",
)

_UPSERT = """INSERT INTO secret VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET
        changed = excluded.changed, description = excluded.description, tags = excluded.tags,
        rotated = excluded.rotated, deletes = excluded.deletes, rotation = excluded.rotation"""


class Ledger:
    """The open transaction: loads and saves records, and keeps sealed values beside them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._run = connection.execute

    @property
    def key_check(self) -> bytes | None:
        """What tells the right key from a wrong one; ``None`` before the first value."""
        row = self._run("SELECT key_check FROM store").fetchone()
        return row and bytes(row[0])

    @key_check.setter
    def key_check(self, check: bytes) -> None:
        self._run("INSERT INTO store (key_check) VALUES (?)", (check,))

    def load(self, name: str) -> SecretRecord | None:
        """Give a secret's record, or ``None``."""
        row = self._run("SELECT * FROM secret WHERE name = ?", (name,)).fetchone()
        if row is None:
            return None
        versions = self._run(
            "SELECT id, created, sealed IS NULL,"
            "  (SELECT json_group_array(label) FROM label WHERE secret = ? AND version = id)"
            " FROM version WHERE secret = ? ORDER BY number",
            (name, name),
        )
        return _record(row, versions)

    def save(self, record: SecretRecord) -> None:
        """Write a record over what is stored; values of versions that it keeps stay."""
        name = record.name
        self._run(_UPSERT, _row(record))
        self._run("DELETE FROM label WHERE secret = ?", (name,))
        self._run(
            "DELETE FROM version WHERE secret = ? AND id NOT IN (SELECT value FROM json_each(?))",
            (name, json.dumps(list(record.versions))),
        )
        for version_id, version in record.versions.items():
            self._run(
                "INSERT OR IGNORE INTO version (secret, id, created) VALUES (?, ?, ?)",
                (name, version_id, version.created.timestamp()),
            )
            for label in version.labels:
                self._run("INSERT INTO label VALUES (?, ?, ?)", (name, label, version_id))

    def sealed(self, name: str, version_id: str) -> bytes | None:
        """Give a version's encrypted value; ``None`` if it has none."""
        row = self._run(
            "SELECT sealed FROM version WHERE secret = ? AND id = ?", (name, version_id)
        ).fetchone()
        return row[0] if row else None

    def seal(self, name: str, version_id: str, sealed: bytes) -> None:
        """Store the encrypted value of a version that :meth:`save` has written."""
        self._run(
            "UPDATE version SET sealed = ? WHERE secret = ? AND id = ?", (sealed, name, version_id)
        )

    def delete(self, name: str) -> None:
        """Delete a secret with all its versions."""
        self._run("DELETE FROM secret WHERE name = ?", (name,))

    def delete_due(self, now: datetime) -> None:
        """Delete the secrets whose scheduled deletion has come."""
        self._run("DELETE FROM secret WHERE deletes <= ?", (now.timestamp(),))

    def names(self, prefix: str = "", *, scheduled: bool = False) -> list[str]:
        """Give the names that start with a prefix, in order; on demand also the scheduled ones."""
        rows = self._run(
            "SELECT name FROM secret WHERE substr(name, 1, ?) = ? AND (deletes IS NULL OR ?)"
            " ORDER BY name",
            (len(prefix), prefix, scheduled),
        )
        return [name for (name,) in rows]


class NoLedger(Ledger):
    """What a store is before its first write."""

    def __init__(self) -> None:
        """Need no connection."""

    def load(self, name: str) -> None:
        """Give ``None``: there is no secret."""

    def names(self, prefix: str = "", *, scheduled: bool = False) -> list[str]:  # noqa: ARG002 - as overridden
        """Give no name."""
        return []


def _record(row: Sequence[Any], versions: Iterable[Sequence[Any]]) -> SecretRecord:
    name, created, changed, suffix, description, tags, rotated, deletes, rotation = row
    return SecretRecord(
        name,
        created=_time(created),
        changed=_time(changed),
        suffix=suffix,
        description=description,
        tags=json.loads(tags),
        rotated=_time(rotated) if rotated else None,
        deletes=_time(deletes) if deletes else None,
        rotation=json.loads(rotation) if rotation else None,
        versions={
            version_id: StoredVersion(_time(at), frozenset(json.loads(labels)), bool(empty))
            for version_id, at, empty, labels in versions
        },
    )


def _row(record: SecretRecord) -> tuple[object, ...]:
    """Give a record's own columns, in the order of the table's."""
    return (
        record.name,
        record.created.timestamp(),
        record.changed.timestamp(),
        record.suffix,
        record.description,
        json.dumps(dict(record.tags)),
        record.rotated and record.rotated.timestamp(),
        record.deletes and record.deletes.timestamp(),
        json.dumps(dict(record.rotation)) if record.rotation is not None else None,
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
