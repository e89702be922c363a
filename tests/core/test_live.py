"""Live values: they follow a rotation, ask seldom, and outlive a store that is down."""

from __future__ import annotations

import json
import logging
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel, SecretStr

from glisecrets import (
    AccessDenied,
    Change,
    LiveOptions,
    LoadOptions,
    Settings,
    SettingsError,
    StoreUnavailable,
    live,
    secret,
)

if TYPE_CHECKING:
    from collections.abc import Callable

DOWN = StoreUnavailable("no answer within 5 s", store="local")


class Credentials(BaseModel):
    username: str
    password: SecretStr


class Live(Settings):
    database: Credentials = secret("gli/db/{environment}")
    password: SecretStr = secret("gli/db/{environment}#password")
    region: str = "ap-northeast-2"


class Clock:
    """Monotonic time that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    from glisecrets import settings

    clock = Clock()
    monkeypatch.setattr(live, "monotonic", clock)
    monkeypatch.setattr(settings, "monotonic", clock)
    return clock


@pytest.fixture
def rotate(store, value: Callable[[], str]) -> Callable[[], str]:
    """Writes a new version of the database secret and gives its password."""

    def write() -> str:
        document = json.dumps({"username": "gli", "password": (password := value())})
        write = store.put if list(store.names("gli/db")) else store.create
        write("gli/db/staging", document)
        return password

    return write


def load(store: Any, cls: type[Live] = Live) -> Live:
    return cls.load(environment="staging", environ={}, store=store)


def test_a_read_within_the_ttl_asks_nothing(store, clock: Clock, rotate) -> None:
    """A request handler may read as often as it likes."""
    password = rotate()
    settings = load(store)
    for _ in range(1000):
        assert settings.live("password").get_secret_value() == password
    clock.now += 200
    assert settings.live("password").get_secret_value() == password
    assert len(store.asked) == 1


def test_after_the_ttl_a_rotated_value_arrives(store, clock: Clock, rotate) -> None:
    """No restart: at most the TTL, give or take 20 %, after the rotation."""
    rotate()
    settings = load(store)
    loaded = settings.password.get_secret_value()
    password = rotate()
    clock.now += 361
    assert settings.live("password").get_secret_value() == password
    assert settings.live("database").password.get_secret_value() == password
    assert settings.password.get_secret_value() == loaded


def test_a_copy_reads_the_same_live_values(store, clock: Clock, rotate) -> None:
    """Frameworks copy settings, deeply too: a copy follows rotations and asks no more often."""
    rotate()
    settings = load(store)
    settings.live("password")
    copy = settings.model_copy(deep=True)
    password = rotate()
    clock.now += 361
    assert copy.live("password").get_secret_value() == password
    assert settings.live("password").get_secret_value() == password
    assert len(store.asked) == 2


def test_the_ttl_varies_by_a_fifth(store, clock: Clock, rotate) -> None:
    """The workers of a service do not ask in step."""
    rotate()
    asked_after = set()
    for _ in range(30):
        settings, started = load(store), clock.now
        settings.live("password")
        before = len(store.asked)
        while len(store.asked) == before:
            clock.now += 1
            settings.live("password")
        asked_after.add(clock.now - started)
    assert min(asked_after) >= 240
    assert max(asked_after) <= 361
    assert len(asked_after) > 5


def test_a_field_that_no_store_gave_never_asks(store, clock: Clock, rotate) -> None:
    """A default or a variable does not rotate."""
    rotate()
    settings = load(store)
    clock.now += 10_000
    assert settings.live("region") == "ap-northeast-2"
    assert len(store.asked) == 1


def test_one_thread_asks_while_the_others_go_on(store, clock: Clock, rotate) -> None:
    """Single flight: forty threads at the end of a TTL cost one call, and none of them waits."""
    rotate()
    settings = load(store)
    settings.live("password")
    asking, answer = threading.Event(), threading.Event()
    inner = store.get_many

    def slow(addresses: Any) -> Any:
        asking.set()
        assert answer.wait(30)
        return inner(addresses)

    store.get_many = slow
    old, new = settings.live("password"), rotate()
    clock.now += 361
    asker = threading.Thread(target=settings.live, args=("password",))
    asker.start()
    assert asking.wait(30)
    for _ in range(40):
        assert settings.live("password") == old
    answer.set()
    asker.join()
    assert settings.live("password").get_secret_value() == new
    assert len(store.asked) == 2


def test_the_fields_stay_the_only_fields(store, rotate) -> None:
    """What settings keep besides their values shows up in no dict and no comparison."""
    rotate()
    settings = load(store)
    settings.live("region")
    assert list(dict(settings)) == list(settings.model_dump()) == list(Live.model_fields)
    assert settings == load(store)


def test_a_store_that_is_down_costs_a_warning(
    store, clock: Clock, rotate, caplog: pytest.LogCaptureFixture
) -> None:
    """The last known good value is served, and the store is not asked at each read."""
    password = rotate()
    settings = load(store)
    store.failure = DOWN
    clock.now += 361
    with caplog.at_level(logging.WARNING, "glisecrets.live"):
        for _ in range(100):
            assert settings.live("password").get_secret_value() == password
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "last known good value is used, read 361 s ago: no answer within 5 s" in record.message
    assert password not in caplog.text
    assert len(store.asked) == 2
    store.failure = None
    new = rotate()
    clock.now += 16
    assert settings.live("password").get_secret_value() == new


def test_a_refusal_is_an_error_in_the_log_and_still_no_outage(
    store, clock: Clock, rotate, caplog: pytest.LogCaptureFixture
) -> None:
    """A right that was taken away, or a value that no longer fits, must be seen at once."""
    password = rotate()
    settings = load(store)
    store.failure = AccessDenied("no right to gli/db/staging", store="local")
    clock.now += 361
    assert settings.live("password").get_secret_value() == password
    store.failure = None
    store.put("gli/db/staging", json.dumps({"username": "gli"}))
    clock.now += 361
    assert settings.live("password").get_secret_value() == password
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.ERROR]


def test_after_the_hard_age_the_value_is_not_served(store, clock: Clock, rotate) -> None:
    """A day-old secret is more likely wrong than right."""
    rotate()
    settings = load(store)
    settings.live("password")
    store.failure = DOWN
    clock.now += 86_401
    with pytest.raises(StoreUnavailable, match="no answer within 5 s"):
        settings.live("password")


def test_a_hook_tells_that_a_value_changed(
    store, clock: Clock, rotate, caplog: pytest.LogCaptureFixture
) -> None:
    """A pool can be drained when its credentials are new; a broken hook breaks nothing."""
    rotate()
    settings = load(store)
    changes: list[Change] = []

    def broken(change: Change) -> None:
        raise RuntimeError("hook")

    settings.on_change("password", broken)
    settings.on_change("password", changes.append)
    first = settings.origin("password").version_id
    password = rotate()
    clock.now += 361
    assert settings.live("password").get_secret_value() == password
    clock.now += 361
    settings.live("password")
    (change,) = changes
    assert (change.field, change.old_version) == ("password", first)
    assert change.new_version != first
    assert "a hook for password failed" in caplog.text


def test_a_forked_child_is_not_stuck_on_its_parents_flight(store, clock: Clock, rotate) -> None:
    """A lock that was held while the process forked would never be let go in the child."""
    rotate()
    settings = load(store)
    settings.live("password")
    new = rotate()
    clock.now += 86_401  # too old: a reader has to wait for the one who asks
    inner = store.get_many
    child: list[int] = []

    def fork_while_asking(addresses: Any) -> Any:
        store.get_many = inner
        pid = os.fork()
        if pid == 0:
            same = settings.live("password").get_secret_value() == new
            os._exit(0 if same else 1)
        child.append(pid)
        return inner(addresses)

    store.get_many = fork_while_asking
    settings.live("password")
    _, status = os.waitpid(child[0], 0)
    assert os.waitstatus_to_exitcode(status) == 0


@pytest.fixture
def remembering(tmp_path: Path) -> type[Live]:
    class Remembering(Live):
        load_options = LoadOptions(live=LiveOptions(folder=tmp_path / "lkg", max_age=3600))

    return Remembering


def test_a_service_starts_from_the_disk_while_the_store_is_down(
    store, remembering: type[Live], rotate, caplog: pytest.LogCaptureFixture
) -> None:
    """A new task must be able to start during an outage; the origin says where it stands."""
    password = rotate()
    load(store, remembering)
    store.failure = DOWN
    settings = load(store, remembering)
    assert settings.password.get_secret_value() == password
    assert "last known good of 20" in str(settings.origin("password"))
    assert "1 last known good values are used" in caplog.text


def test_without_the_disk_a_store_that_is_down_stops_the_start(store, rotate) -> None:
    """The error is clear and names the fields."""
    rotate()
    store.failure = DOWN
    with pytest.raises(SettingsError, match="no answer within 5 s") as caught:
        load(store)
    assert {fault.kind for fault in caught.value.faults} == {"unavailable"}


def test_the_disk_holds_no_clear_text_and_is_private(
    store, remembering: type[Live], rotate, tmp_path: Path
) -> None:
    """The file is encrypted, and only its owner may read it and its key."""
    password = rotate()
    load(store, remembering)
    folder = tmp_path / "lkg"
    for file in folder.iterdir():
        assert password.encode() not in file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0
    assert folder.stat().st_mode & 0o077 == 0


def test_too_old_or_damaged_values_on_disk_are_not_used(
    store, remembering: type[Live], rotate, tmp_path: Path, monkeypatch, caplog
) -> None:
    """Past the hard age, or when the file is not whole, the start fails clearly."""
    import time

    rotate()
    load(store, remembering)
    store.failure = DOWN
    later = time.time() + 3601
    with monkeypatch.context() as patch:
        patch.setattr("glisecrets.last_known_good.time.time", lambda: later)
        with pytest.raises(SettingsError, match="no answer within 5 s"):
            load(store, remembering)
    file = tmp_path / "lkg" / "last-known-good"
    data = bytearray(file.read_bytes())
    data[20] ^= 1
    file.write_bytes(data)
    with pytest.raises(SettingsError, match="no answer within 5 s"):
        load(store, remembering)
    assert "damaged or of another key" in caplog.text


def test_workers_of_a_host_share_one_read(
    store, remembering: type[Live], clock: Clock, rotate
) -> None:
    """Sixteen workers at the end of a TTL: one asks the store, fifteen read its file."""
    rotate()
    workers = [load(store, remembering) for _ in range(16)]
    before = len(store.asked)
    new = rotate()
    for worker in workers:
        worker.live("password")
    clock.now += 361
    # The file on disk carries wall-clock times: it is as fresh as the last load, so the first
    # refresh has to come after half a TTL of real time has passed.
    memory = Path(remembering.load_options.live.folder or "") / "last-known-good"
    memory.unlink()
    for worker in workers:
        assert worker.live("password").get_secret_value() == new
    assert len(store.asked) == before + 1
