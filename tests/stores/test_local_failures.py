"""The local store on a disk that is broken, full, locked or closed to the program."""

from __future__ import annotations

import os
import pickle
import resource
import secrets
import shutil
import sqlite3
import tempfile
import warnings
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from glisecrets.errors import AccessDenied, SecretNotFound, StoreError, StoreUnavailable
from glisecrets.references import AWSCURRENT, Address
from glisecrets.stores.local import LocalStore
from glisecrets.stores.local import file as local_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DB = Address("gli/db")

#: The user "nobody", in whose shoes file modes count even when the tests run as root.
NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """A store's folder that another user can reach."""
    above = Path(tempfile.mkdtemp(prefix="glisecrets-test-"))
    above.chmod(0o711)
    yield above / ".secrets"
    for path in (above, *above.rglob("*")):
        if path.is_dir():
            path.chmod(0o700)
    shutil.rmtree(above)


@pytest.fixture
def store(folder) -> LocalStore:
    """A store with one secret."""
    store = LocalStore(folder)
    store.create("gli/db", value())
    return store


def value() -> str:
    """Make a value that stands out wherever it leaks."""
    return f"value-{secrets.token_urlsafe(12)}"


def requests(store: LocalStore) -> list[Callable[[], object]]:
    """Give one request of each kind."""
    return [
        partial(store.get, DB),
        partial(store.describe, "gli/db"),
        store.names,
        partial(store.put, "gli/db", value()),
        partial(store.create, "gli/new", value()),
        partial(store.tag, "gli/db", {"owner": "api"}),
        partial(store.delete, "gli/db"),
    ]


def as_plain_user(folder: Path, action: Callable[[], object]) -> object:
    """Run an action as a user for whom file modes count; give what it returned or raised."""
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    return in_child(action, become=NOBODY if os.geteuid() == 0 else None)


def in_child(action: Callable[[], object], *, become: int | None = None) -> object:
    """Run an action in a child process; give what it returned or raised."""
    ours, theirs = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            if become is not None:
                os.setgroups([])
                os.setgid(become)
                os.setuid(become)
            outcome: object
            try:
                outcome = action()
            except StoreError as error:
                outcome = (type(error), error.message, error.next_step)
            os.write(theirs, pickle.dumps(outcome))
        finally:
            os._exit(0)
    os.close(theirs)
    with open(ours, "rb") as pipe:  # noqa: PTH123 - a descriptor
        written = pipe.read()
    os.waitpid(child, 0)
    return pickle.loads(written)


# A damaged file.


@pytest.mark.parametrize("damage", ["garbage", "truncated", "pages"])
def test_a_damaged_file_is_called_damaged_and_left_alone(store, folder, damage):
    """A file that SQLite cannot read is an error with a way out, and is not overwritten."""
    database = folder / "store.db"
    whole = database.read_bytes()
    broken = {
        "garbage": secrets.token_bytes(len(whole)),
        "truncated": whole[: len(whole) // 2 + 100],
        "pages": whole[:1024] + secrets.token_bytes(len(whole) - 1024),
    }[damage]
    database.write_bytes(broken)
    for request in requests(store):
        with pytest.raises(StoreUnavailable, match="is damaged") as caught:
            request()
        assert "restore store.db from a copy" in caught.value.next_step
    assert isinstance(store.get_many([DB])[DB], StoreUnavailable)
    assert database.read_bytes() == broken


def test_an_empty_file_is_an_empty_store(store, folder):
    """A creation that was killed before its first commit left nothing, and is no damage."""
    (folder / "store.db").write_bytes(b"")
    with pytest.raises(SecretNotFound):
        store.get(DB)
    store.create("gli/db", value())
    assert store.get(DB).labels == {AWSCURRENT}


# Closed to the program.


def test_a_read_only_folder_is_read_and_not_written(store, folder):
    """On a read-only file system every read works, and every write says why it does not."""
    text = value()
    store.put("gli/db", text)
    (folder / "store.db").chmod(0o400)
    folder.chmod(0o500)
    assert as_plain_user(folder, lambda: LocalStore(folder).get(DB).value) == text
    kind, message, next_step = as_plain_user(folder, lambda: LocalStore(folder).put("gli/db", "x"))
    assert kind is AccessDenied
    assert "cannot be opened or written by this user" in message
    assert "read-only" in next_step
    assert sorted(path.name for path in folder.iterdir()) == [".gitignore", "key", "store.db"]


def test_a_file_that_may_not_be_read_is_denied(store, folder):
    """Another user's store is an error about rights, not about damage."""
    (folder / "store.db").chmod(0)
    assert as_plain_user(folder, lambda: LocalStore(folder).get(DB))[0] is AccessDenied
    folder.chmod(0)
    assert as_plain_user(folder, lambda: LocalStore(folder).get(DB))[0] is AccessDenied


def test_a_key_that_may_not_be_read_is_denied(store, folder):
    """A key file of another user is an error about the key file."""
    (folder / "key").chmod(0)
    kind, message, _ = as_plain_user(folder, lambda: LocalStore(folder).get(DB))
    assert kind is AccessDenied
    assert str(folder / "key") in message


def test_a_folder_that_cannot_be_made_is_denied(folder):
    """A first write where nothing may be written says so."""
    above = folder.parent
    above.chmod(0o555)
    kind, message, _ = as_plain_user(above, lambda: LocalStore(folder).create("gli/db", "x"))
    assert kind is AccessDenied
    assert str(folder) in message


# Locked.


def test_a_locked_store_is_unavailable_and_works_again_afterwards(store, folder, monkeypatch):
    """A process that holds the file too long gives an error worth a retry."""
    monkeypatch.setattr(local_file, "BUSY_SECONDS", 0.02)
    with closing(sqlite3.connect(folder / "store.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        for request in requests(store):
            with pytest.raises(StoreUnavailable, match="locked by another process"):
                request()
        assert isinstance(store.get_many([DB])[DB], StoreUnavailable)
    assert store.get(DB).labels == {AWSCURRENT}


def test_readers_do_not_wait_for_a_writer_that_has_not_committed(store, folder, monkeypatch):
    """A write under way holds up no read; reads give the state before it."""
    monkeypatch.setattr(local_file, "BUSY_SECONDS", 0.02)
    with store.writing() as transaction:
        transaction.ledger.delete("gli/db")
        assert LocalStore(folder).get(DB).labels == {AWSCURRENT}


# Full.


def fill(store: LocalStore) -> tuple[list[str], StoreError | None]:
    """Write until the store refuses; give the acknowledged names and the refusal."""
    written: list[str] = []
    for number in range(200):
        name = f"gli/{number}"
        try:
            store.create(name, secrets.token_hex(4000))
        except StoreError as error:
            return written, error
        written.append(name)
    return written, None


def test_a_full_disk_is_unavailable_and_loses_nothing(store, folder, monkeypatch):
    """When SQLite finds the disk full, what was acknowledged before stays readable."""
    connect = local_file.LedgerFile._connect

    def small(self, **how):
        connection = connect(self, **how)
        connection.execute("PRAGMA max_page_count = 40")
        return connection

    monkeypatch.setattr(local_file.LedgerFile, "_connect", small)
    written, refusal = fill(store)
    assert isinstance(refusal, StoreUnavailable)
    assert "disk is full" in refusal.message
    assert "free some space" in refusal.next_step
    monkeypatch.undo()
    assert sorted(store.names()) == sorted(["gli/db", *written])
    assert all(
        isinstance(answer.value, str) for answer in store.get_many(map(Address, written)).values()
    )
    store.create("gli/later", value())


def test_a_write_that_the_system_cuts_off_loses_nothing(store, folder):
    """When the system refuses bytes in the middle of a write, the store stays whole."""

    def limited() -> object:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        written, refusal = fill(LocalStore(folder))
        return written, type(refusal), refusal and refusal.message

    written, kind, message = in_child(limited)
    assert kind is StoreUnavailable
    assert "disk is full or failing" in message
    assert sorted(store.names()) == sorted(["gli/db", *written])
    store.create("gli/later", value())
