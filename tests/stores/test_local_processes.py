"""Many processes on one local store, some of them killed in the middle of a write."""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from glisecrets.references import AWSCURRENT, AWSPENDING, AWSPREVIOUS, Address
from glisecrets.stores.local import LocalStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HEAD = """
import random, sys, uuid, hashlib
from pathlib import Path
from glisecrets.errors import LabelConflict
from glisecrets.stores.local import LocalStore

folder, argument = Path(sys.argv[1]), sys.argv[2]
store = LocalStore(folder)
"""

#: Writes for ever, and says each token once its write is acknowledged.
WRITER = (
    _HEAD
    + """
print("ready", flush=True)
while True:
    token = str(uuid.uuid4())
    value = hashlib.sha256(token.encode()).hexdigest()
    store.put("gli/db", value, token=token, labels=[random.choice(["AWSCURRENT", "AWSPENDING"])])
    print(token, flush=True)
"""
)

#: Moves labels about as often as it is told, and says how often it was too late.
MOVER = (
    _HEAD
    + """
print("ready", flush=True)
sys.stdin.readline()
late = 0
for _ in range(int(argument)):
    described = store.describe("gli/db")
    label = random.choice(["AWSCURRENT", "AWSPENDING", "blue"])
    to = random.choice(sorted(described.versions))
    try:
        store.move_label("gli/db", label, to=to, expected=described.labelled(label))
    except LabelConflict:
        late += 1
print(late, flush=True)
"""
)

#: Is cut off in a transaction whose pages are on the disk already, for its cache is small.
CUT_OFF = (
    _HEAD
    + """
import os
from datetime import UTC, datetime
from glisecrets.stores.local import rules
print("ready", flush=True)
with store.writing() as transaction:
    transaction.ledger._run("PRAGMA cache_size = 2")
    now = datetime.now(UTC)
    for number in range(20):
        record = rules.created(None, f"gli/{number}", "", now)
        transaction.write(record, f"{number:032}", "x" * 9000, {"AWSCURRENT"}, now)
    os._exit(9)
"""
)

#: Makes one secret in a folder that nobody has made yet.
FIRST = (
    _HEAD
    + """
print("ready", flush=True)
sys.stdin.readline()
store.create(argument, hashlib.sha256(argument.encode()).hexdigest())
print("done", flush=True)
"""
)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Where the store is."""
    return tmp_path / ".secrets"


@contextmanager
def running(program: str, folder: Path, argument: object = "") -> Iterator[subprocess.Popen[str]]:
    """Run a program that is ready to work; kill it in the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(folder), str(argument)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def told_to_start(process: subprocess.Popen[str]) -> None:
    """Let a program begin that waits for a line."""
    process.stdin.write("\n")
    process.stdin.flush()


def check_labels(store: LocalStore) -> None:
    """Hold one consistent view of the secret to the rules of labels."""
    versions = store.describe("gli/db").versions
    counted = Counter(label for labels in versions.values() for label in labels)
    assert set(counted.values()) == {1}, "a label is on two versions"
    assert counted[AWSCURRENT] == 1
    assert not any({AWSCURRENT, AWSPREVIOUS} <= labels for labels in versions.values())


def test_a_writer_that_is_killed_loses_nothing_that_was_acknowledged(folder):
    """Whenever a writer is killed, each write that it was told is done can be read."""
    store = LocalStore(folder)
    store.create("gli/db", "first")
    acknowledged: list[str] = []
    for _ in range(8):
        with running(WRITER, folder) as writer:
            said = [writer.stdout.readline() for _ in range(random.randint(0, 12))]
            # Somewhere within the next write, which takes about two milliseconds.
            threading.Event().wait(random.uniform(0, 0.004))
            writer.send_signal(signal.SIGKILL)
            said += writer.stdout.readlines()
        acknowledged += [line.strip() for line in said if line.endswith("\n")]
        check_labels(LocalStore(folder))
    assert acknowledged
    for token in acknowledged:
        expected = hashlib.sha256(token.encode()).hexdigest()
        assert store.get(Address("gli/db", token)).value == expected
    latest = store.put("gli/db", "last").version_id
    assert store.get(Address("gli/db")).version_id == latest


def test_what_a_killed_writer_left_half_written_is_undone_by_the_next_reader(folder):
    """Pages that reached the disk without their commit are rolled back, even by a read."""
    store = LocalStore(folder)
    store.create("gli/db", "first")
    with running(CUT_OFF, folder) as writer:
        writer.wait()
    assert (folder / "store.db-journal").stat().st_size > 0
    assert store.get(Address("gli/db")).value == "first"
    assert list(store.names()) == ["gli/db"]


def test_two_processes_that_move_labels_keep_the_rules(folder):
    """Each label stays on at most one version, and exactly one version stays current."""
    store = LocalStore(folder)
    store.create("gli/db", "0")
    for number in range(4):
        store.put("gli/db", str(number), labels=[f"v{number}", AWSPENDING])
    with running(MOVER, folder, 80) as one, running(MOVER, folder, 80) as two:
        told_to_start(one)
        told_to_start(two)
        for _ in range(200):
            check_labels(store)
        outcomes = [process.communicate()[0].strip() for process in (one, two)]
    assert all(outcome.isdecimal() for outcome in outcomes)
    check_labels(store)


def test_processes_that_make_the_store_at_once_get_one_key(folder):
    """Whoever comes first makes the key; everybody's secret opens with it."""
    names = [f"gli/{number}" for number in range(5)]
    with ExitStack() as stack:
        processes = [stack.enter_context(running(FIRST, folder, name)) for name in names]
        for process in processes:
            told_to_start(process)
        assert [process.communicate()[0] for process in processes] == ["done\n"] * 5
    store = LocalStore(folder)
    for name in names:
        assert store.get(Address(name)).value == hashlib.sha256(name.encode()).hexdigest()
    assert sorted(path.name for path in folder.iterdir()) == [".gitignore", "key", "store.db"]


def test_threads_of_one_process_write_side_by_side(folder):
    """One store object may be written by many threads; no write is lost."""
    store = LocalStore(folder)
    store.create("gli/db", "first")
    written: list[str] = []

    def write() -> None:
        written.extend(store.put("gli/db", "value", labels=["x"]).version_id for _ in range(10))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = {info.version_id for info in store.versions("gli/db", include_deprecated=True)}
    assert len(written) == 40
    assert set(written) < kept
