"""Live values where all goes wrong: hooks, disks, clocks, flapping stores, misfits."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import threading
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from pydantic import BeforeValidator, SecretStr

from glisecrets import (
    Address,
    LoadOptions,
    Settings,
    SettingsError,
    last_known_good,
    live,
    secret,
)

from .test_live import DOWN, Clock, Live, clock, load, remembering, rotate  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# Our fixtures are those of test_live.
# ruff: noqa: F811


def within(seconds: float, action: Callable[[], object]) -> list[object]:
    """Run an action in a thread that may hang; give what it returned."""
    done: list[object] = []
    thread = threading.Thread(target=lambda: done.append(action()), daemon=True)
    thread.start()
    thread.join(seconds)
    assert done, "it hangs"
    return done


@pytest.fixture
def day(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that a test moves, with the time of day along."""

    class Day(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.fromtimestamp(clock() + 1e9, tz)

    monkeypatch.setattr("glisecrets.last_known_good.time.time", lambda: clock() + 1e9)
    monkeypatch.setattr(live, "datetime", Day)
    return clock


# Hooks.


def test_a_hook_may_read_and_refresh_the_same_secret(store, clock: Clock, rotate) -> None:
    """A pool that is drained in the hook connects anew at once, with the new value."""
    rotate()
    settings = load(store)
    seen = []

    def drain(_: object) -> None:
        settings._loaded.live.refresh("password")
        clock.now += 1e6  # past the TTL and past the hard age
        seen.append(settings.live("database").password.get_secret_value())

    settings.live("password")
    settings.live("database")
    settings.on_change("password", drain)
    new = rotate()
    clock.now += 361
    within(20, lambda: settings.live("password"))
    assert seen == [new]


def test_what_a_failing_hook_says_is_masked(store, clock: Clock, rotate, caplog) -> None:
    """A driver's error holds the DSN; the log must not, whatever its handlers."""
    rotate()
    settings = load(store)

    def connect(_: object) -> None:
        password = settings.live("password").get_secret_value()
        raise ConnectionError(f"postgres://gli:{password}@db.staging refused")

    settings.on_change("password", connect)
    new = rotate()
    clock.now += 361
    settings.live("password")
    assert "ConnectionError: postgres://gli:[redacted:" in caplog.text
    assert new not in caplog.text


# Values that no longer fit.


def second_part(text: str) -> str:
    return text.split(":")[1]


class Cutting(Settings):
    cut: Annotated[str, BeforeValidator(second_part)] = secret("gli/db/{environment}#cut")
    whole: SecretStr = secret("gli/db/{environment}#whole")


def test_a_value_that_misfits_one_field_holds_up_no_other(store, clock: Clock, caplog) -> None:
    """Two fields of one secret: the one whose validator crashes keeps its value, and is told."""
    store.create("gli/db/staging", '{"cut": "a:b", "whole": "old-whole"}')
    settings = Cutting.load(environment="staging", environ={}, store=store)
    assert (settings.live("cut"), settings.live("whole").get_secret_value()) == ("b", "old-whole")
    store.put("gli/db/staging", '{"cut": "new-cut", "whole": "new-whole"}')
    clock.now += 361
    assert settings.live("whole").get_secret_value() == "new-whole"
    assert settings.live("cut") == "b"
    assert "does not fit field cut" in caplog.text
    assert "new-cut" not in caplog.text


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({"host": "db.production", "password": "x" * 12}, "belongs to production"),
        ({"host": "db.staging", "password": "glisecrets-build-placeholder"}, "placeholder"),
    ],
)
def test_a_rotated_value_passes_the_same_guard_as_a_loaded_one(
    store, clock: Clock, caplog, document: dict[str, str], complaint: str
) -> None:
    """A rotation that writes production's host into staging's secret changes nothing here."""

    class Guarded(Settings):
        database: dict[str, Any] = secret("gli/db/{environment}")

    store.create("gli/db/staging", '{"host": "db.staging", "password": "first-password"}')
    settings = Guarded.load(environment="staging", environ={}, store=store)
    settings.live("database")
    store.put("gli/db/staging", json.dumps(document))
    clock.now += 361
    assert settings.live("database")["password"] == "first-password"
    assert complaint in caplog.text
    assert "db.production" not in caplog.text


# The disk.


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """The file of last known good values."""
    return tmp_path / "lkg" / "last-known-good"


def break_writing(disk: Path) -> None:
    """As on a folder that turned read-only; modes do not stop root."""
    disk.with_name("last-known-good.lock").unlink()
    disk.with_name("last-known-good.lock").mkdir()


def fill_up(disk: Path) -> None:
    """As on a full disk."""
    disk.with_name(f"last-known-good.{os.getpid()}.part").symlink_to("/dev/full")


@pytest.mark.parametrize("hinder", [break_writing, fill_up])
def test_a_disk_that_takes_no_more_never_brings_back_an_old_value(
    store, remembering: type[Live], day: Clock, rotate, disk: Path, hinder, caplog
) -> None:
    """What lies on the disk is older than what this worker has: the outage must not revive it."""
    rotate()
    settings = load(store, remembering)
    settings.live("password")
    hinder(disk)
    new = rotate()
    day.now += 361
    assert settings.live("password").get_secret_value() == new
    assert "could not be written" in caplog.text
    store.failure = DOWN
    day.now += 361
    for _ in range(3):
        assert settings.live("password").get_secret_value() == new
        day.now += 361


def test_a_damaged_file_is_written_anew(store, remembering: type[Live], rotate, disk: Path) -> None:
    """One bad sector must not cost every later outage; nor a key that was replaced."""
    password = rotate()
    load(store, remembering)
    for damage in (b"", b"\0" * 500, disk.read_bytes()[:-1]):
        disk.write_bytes(damage)
        load(store, remembering)
        store.failure = DOWN
        assert load(store, remembering).password.get_secret_value() == password
        store.failure = None
    disk.with_name("key").unlink()  # a new one is made
    load(store, remembering)
    store.failure = DOWN
    assert load(store, remembering).password.get_secret_value() == password


def test_a_clock_that_ran_ahead_does_not_keep_an_old_value_fresh(
    store, remembering: type[Live], clock: Clock, rotate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine booted a day ahead, wrote the file, and was then set right."""
    now = last_known_good.time.time
    with monkeypatch.context() as ahead:
        ahead.setattr("glisecrets.last_known_good.time.time", lambda: now() + 3000)
        rotate()
        settings = load(store, remembering)
    new = rotate()
    clock.now += 361
    assert settings.live("password").get_secret_value() == new


def test_a_worker_that_hangs_with_the_lock_holds_up_no_other(
    store, remembering: type[Live], rotate, disk: Path, monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    """A stopped process keeps its locks; the others go on without the file."""
    monkeypatch.setattr(last_known_good, "_PATIENCE", 0.05)
    rotate()
    load(store, remembering)
    with disk.with_name("last-known-good.lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        within(20, lambda: load(store, remembering))
    assert "could not be written: BlockingIOError" in caplog.text


def test_processes_that_write_at_once_leave_a_whole_file(
    store, remembering: type[Live], rotate, disk: Path
) -> None:
    """Sixteen workers start at the same moment."""
    password = rotate()
    children = []
    for _ in range(16):
        if (pid := os.fork()) == 0:
            try:
                load(store, remembering)
            finally:
                os._exit(0)
        children.append(pid)
    for pid in children:
        os.waitpid(pid, 0)
    store.failure = DOWN
    assert load(store, remembering).password.get_secret_value() == password
    assert {path.name for path in disk.parent.iterdir()} == {
        "key",
        "last-known-good",
        "last-known-good.lock",
    }


# All at once.


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_threads_forks_and_a_flapping_store_never_turn_a_value_back(
    store, remembering: type[Live], day: Clock, rotate
) -> None:
    """Each reader sees versions in the order in which they were written, and always one."""
    written = [rotate()]
    settings = load(store, remembering)
    going_on = threading.Event()
    faults: list[object] = []

    def read() -> None:
        last = 0
        while not going_on.wait(0.001):
            try:
                number = written.index(settings.live("password").get_secret_value())
            except Exception as error:  # noqa: BLE001 - any at all is what must not be
                faults.append(error)
                return
            faults.extend([(number, last)] if number < last else [])
            last = number

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for turn in range(60):
        store.failure = DOWN if turn % 3 == 1 else None
        if turn % 4 == 0 and store.failure is None:
            password = rotate_known(store, written)
            assert password == written[-1]
        day.now += 100
        if turn % 20 == 0 and (pid := os.fork()) == 0:
            signal.alarm(20)
            os._exit(settings.live("password").get_secret_value() not in written)
        elif turn % 20 == 0:
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    going_on.set()
    for thread in threads:
        thread.join(30)
    assert faults == []
    store.failure = None
    day.now += 361
    assert settings.live("password").get_secret_value() == written[-1]


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_forked_while_threads_read_the_local_store_is_not_stuck(store, rotate) -> None:
    """SQLite's own locks, held by another thread at the fork, would never open in the child."""
    rotate()
    enough = threading.Event()

    def read() -> None:
        while not enough.is_set():
            store.get(Address("gli/db/staging"))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(25):
            if (pid := os.fork()) == 0:
                signal.alarm(20)
                store.get(Address("gli/db/staging"))
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    finally:
        enough.set()
        for thread in threads:
            thread.join()


def rotate_known(store: Any, written: list[str]) -> str:
    """Write a version that the readers' list knows before the store does."""
    written.append(f"password-{len(written)}-{os.urandom(6).hex()}")
    store.put("gli/db/staging", json.dumps({"username": "gli", "password": written[-1]}))
    return written[-1]


def test_a_hard_age_of_nothing_is_kept(store, clock: Clock, rotate) -> None:
    """With max_age=0 an outage is an error at once, as the options say."""

    class Impatient(Live):
        load_options = LoadOptions(live=LoadOptions().live._replace(max_age=0))

    rotate()
    settings = Impatient.load(environment="staging", environ={}, store=store)
    settings.live("password")
    store.failure = DOWN
    clock.now += 361
    with pytest.raises(type(DOWN)):
        settings.live("password")


def test_a_key_file_that_others_may_read_is_not_used(
    store, remembering: type[Live], rotate, disk: Path, caplog
) -> None:
    """The values on disk are worth what their key is."""
    rotate()
    load(store, remembering)
    disk.with_name("key").chmod(0o644)
    store.failure = DOWN
    with pytest.raises(SettingsError, match="no answer within 5 s"):
        load(store, remembering)
    assert "is open to others (mode 0644)" in caplog.text
