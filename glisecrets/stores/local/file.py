"""The local store's file: SQLite, safe against crashes and against many processes at once.

A connection is opened for each operation and closed after it. That costs a fraction of a
millisecond, and buys a store that works after ``fork``, in any thread and in any number of
processes with no code for it. The journal is SQLite's rollback journal, not WAL: a store in a
folder or on a file system that is read-only stays readable, and the store is one file to copy.
``synchronous=EXTRA`` makes an acknowledged write outlive a power cut, and ``secure_delete``
overwrites what was deleted.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from ...errors import AccessDenied, InvalidRequest, StoreError, StoreUnavailable
from .forks import inside_sqlite
from .ledger import LAYOUT, TABLES, Ledger, NoLedger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: How long an operation waits for another process's write, in seconds.
BUSY_SECONDS = 5.0

#: SQLite's primary result codes -> what to raise, what happened, what to do.
_BUSY = (
    StoreUnavailable,
    f"is locked by another process for more than {BUSY_SECONDS:g} s",
    "try again; if it stays so, find the process that holds the file",
)
_FULL = (
    StoreUnavailable,
    "cannot be written: the disk is full or failing",
    "free some space; nothing that was acknowledged is lost",
)
_CLOSED = (
    AccessDenied,
    "cannot be opened or written by this user",
    "check owner and mode of the folder and its files, and whether it is mounted read-only",
)
_DAMAGED = (
    StoreUnavailable,
    "is damaged: not a database that SQLite can read",
    "restore store.db from a copy, or move it away and write the secrets anew",
)
_FAILURES: dict[int, tuple[type[StoreError], str, str]] = {
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR: _FULL,
    sqlite3.SQLITE_READONLY: _CLOSED,
    sqlite3.SQLITE_CANTOPEN: _CLOSED,
    sqlite3.SQLITE_PERM: _CLOSED,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}


class LedgerFile:
    """The file, closed: gives a :class:`Ledger` for the length of one transaction."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "store.db"

    @contextmanager
    def reading(self) -> Iterator[Ledger]:
        """Open one consistent view, empty where no store was made yet. Writes nothing.

        Raises:
            AccessDenied: the file may not be read.
            StoreUnavailable: it is locked, damaged or on a failing disk.
        """
        with self._failures_told(), inside_sqlite():
            if not self.path.exists():
                yield NoLedger()
                return
            with closing(self._connect()) as connection:
                connection.execute("BEGIN")
                yield Ledger(connection) if self._layout(connection) else NoLedger()

    @contextmanager
    def writing(self) -> Iterator[Ledger]:
        """Open the only write transaction, in a store made if needed; commits unless left raising.

        Raises:
            AccessDenied: the file or folder may not be written.
            StoreUnavailable: it is locked, full, damaged or on a failing disk.
        """
        with self._failures_told(), inside_sqlite():
            self._make_folder()
            with closing(self._connect(create=True)) as connection:
                connection.execute("PRAGMA synchronous = EXTRA")
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute("PRAGMA secure_delete = ON")
                connection.execute("BEGIN IMMEDIATE")
                with connection:
                    self._make_tables(connection)
                    yield Ledger(connection)

    def _connect(self, *, create: bool = False) -> sqlite3.Connection:
        # mode=rw falls back to reading where the file is write-protected. mode=ro would not roll
        # back what a killed writer left behind.
        return sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}",
            timeout=BUSY_SECONDS,
            isolation_level=None,
            uri=True,
        )

    def _make_folder(self) -> None:
        if self.folder.exists():
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The folder is nobody's business, git's least of all.
        self.folder.joinpath(".gitignore").write_text("*\n", encoding="ascii")

    def _make_tables(self, connection: sqlite3.Connection) -> None:
        if self._layout(connection):
            return
        for statement in TABLES:
            connection.execute(statement)
        # By path: opening and closing the file ourselves would drop SQLite's own POSIX locks.
        os.chmod(self.path, 0o600)  # noqa: PTH101 - beside the comment above, the plain call

    def _layout(self, connection: sqlite3.Connection) -> int:
        (layout,) = connection.execute("PRAGMA user_version").fetchone()
        if layout > LAYOUT:
            raise InvalidRequest(
                f"the local store {self.path} was written by a newer glisecrets",
                store="local",
                next_step="upgrade glisecrets here too",
            )
        return int(layout)

    @contextmanager
    def _failures_told(self) -> Iterator[None]:
        """Turn what SQLite and the file system say into our errors. Neither ever says a value."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
            kind, text, next_step = _FAILURES.get(code, _DAMAGED)
            raise kind(
                f"the local store {self.path} {text}", store="local", next_step=next_step
            ) from error
        except OSError as error:
            kind, text, next_step = _CLOSED if isinstance(error, PermissionError) else _FULL
            raise kind(
                f"the local store {self.folder} {text}", store="local", next_step=next_step
            ) from error
