"""``rotate all``: after a leak everything is replaced, in the right order, and can be resumed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

import pytest

from glisecrets.errors import ConfigurationError
from glisecrets.references import AWSCURRENT
from glisecrets.rotation import Engine, Rotation, Rotator, Verdict, run
from glisecrets.rotation.operations.emergency import (
    TAG,
    Emergency,
    EmergencyRun,
    Target,
    begun_before,
    find_targets,
    waves,
)
from glisecrets.rotation.running import begin
from glisecrets.stores.local import LocalStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from glisecrets.stores.base import SecretValue

    from .conftest import Service
    from .loopback import Asked

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
ONE = 'one: SecretStr = secret("gli/one/{environment}", kind="generated")'
TWO = 'two: SecretStr = secret("gli/two/{environment}", kind="generated")'


@dataclass
class Witness(Rotator):
    """Counts who is under way at the same time; ``gate`` waits for that many."""

    options: ClassVar[frozenset[str]] = frozenset({"admin"})
    order: list[str] = field(default_factory=list)
    under_way: set[str] = field(default_factory=set)
    together: list[frozenset[str]] = field(default_factory=list)
    gate: threading.Barrier | None = None
    broken: set[str] = field(default_factory=set)

    def propose(self, rotation: Rotation) -> SecretValue:
        return os.urandom(12).hex()

    def apply(self, rotation: Rotation) -> None:
        self.order.append(rotation.secret)
        self.under_way.add(rotation.secret)
        self.together.append(frozenset(self.under_way))
        if self.gate:
            self.gate.wait(timeout=10)
        self.under_way.discard(rotation.secret)
        if rotation.secret in self.broken:
            raise ZeroDivisionError

    def probe(self, rotation: Rotation, value: SecretValue) -> Verdict:
        return Verdict.ACCEPTED


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def names(ordered: list[list[Target]]) -> list[list[str]]:
    return [[target.secret for target in wave] for wave in ordered]


# Order --------------------------------------------------------------------------------------


def test_an_administrator_goes_before_what_it_administers() -> None:
    """Whoever stole the administrator's password could undo the rotation of all others."""
    app = Target("gli/db", reads=frozenset({"gli/admin"}))
    admin = Target("gli/admin", reads=frozenset({"gli/root"}))
    root, other = Target("gli/root"), Target("gli/webhook")
    ordered = waves([app, other, admin, root])
    assert names(ordered) == [["gli/webhook", "gli/root"], ["gli/admin"], ["gli/db"]]


def test_a_secret_may_name_itself_but_no_circle() -> None:
    """A master user changes its own password; two that need each other are a mistake."""
    assert names(waves([Target("a", reads=frozenset({"a"}))])) == [["a"]]
    with pytest.raises(ConfigurationError, match="a, b name one another"):
        waves([Target("a", reads=frozenset({"b"})), Target("b", reads=frozenset({"a"}))])


def test_dependants_are_never_under_way_together(store: LocalStore) -> None:
    """The rotation of the one reads the other, which must not change meanwhile."""
    witness, first = Witness(), Witness()
    find = {"witness": witness, "first": first}.__getitem__
    store.create("admin", "x", tags={"glisecrets:rotator": "witness"})
    tags = {"glisecrets:rotator": "first", "glisecrets:admin": "admin"}
    for number in range(4):
        store.create(f"app/{number}", "x", tags=tags)
    first.gate = threading.Barrier(4)  # all four are under way at once, or this breaks
    rotate_everything(Engine(store, find=find))
    assert witness.together == [{"admin"}]
    assert set(first.order) == {f"app/{number}" for number in range(4)}
    assert all(version_time(store, "admin") < version_time(store, name) for name in first.order)


def rotate_everything(engine: Engine, emergency: Emergency | None = None) -> EmergencyRun:
    """Rotate all of a store's secrets in an emergency."""
    secrets = [name for name in engine.store.names() if not name.endswith("lease")]
    targets = find_targets(engine, secrets)
    emergency = emergency or Emergency.now("laptop stolen", datetime.now(UTC))

    def rotate(secret: str, told: object) -> str:
        return run(engine, secret, urgent=True, told=told)  # type: ignore[arg-type]

    made = EmergencyRun(engine.store, emergency, rotate)
    made.run(waves([target for target in targets if not target.done(emergency)]))
    return made


def version_time(store: LocalStore, secret: str) -> datetime:
    """Tell when the current version was written."""
    current = store.describe(secret).labelled(AWSCURRENT)
    found = {info.version_id: info.created for info in store.versions(secret)}[current or ""]
    assert found is not None
    return found


# Which emergency ----------------------------------------------------------------------------


def test_the_reason_fits_a_tag_whatever_is_typed() -> None:
    """AWS takes few characters in tags; an odd reason must not stop an emergency."""
    emergency = Emergency.now("laptop 'stolen' (맥북)! " + "x" * 300, NOW)
    tag = str(emergency)
    assert len(tag) <= 256
    assert "laptop  stolen" in tag
    assert Emergency.parse(tag) == emergency


@pytest.mark.parametrize("tag", ["", "yesterday", "2026-11-21T03:00:00 no zone"])
def test_other_peoples_tags_are_no_emergency(tag: str) -> None:
    """What we did not write is not misread."""
    assert Emergency.parse(tag) is None


def test_the_same_reason_within_a_day_is_the_same_emergency() -> None:
    """So that running it again resumes; another reason, or a later day, begins anew."""
    earlier = Emergency.now("laptop stolen", NOW - timedelta(hours=2))
    later = Emergency.now("laptop stolen", NOW - timedelta(hours=1))
    targets = [Target("a", emergency=later), Target("b", emergency=earlier), Target("c")]
    assert begun_before(Emergency.now("laptop stolen", NOW), targets) == earlier
    other = Emergency.now("key on GitHub", NOW)
    assert begun_before(other, targets) == other
    next_day = Emergency.now("laptop stolen", NOW + timedelta(days=2))
    assert begun_before(next_day, targets) == next_day


def test_a_rotation_from_before_does_not_count(store: LocalStore) -> None:
    """A value that was made before the theft may be stolen too: it is finished, then replaced."""
    witness = Witness()
    engine = Engine(store, find=lambda _: witness)
    store.create("gli/db", "x", tags={"glisecrets:rotator": "witness"})
    token = begin(engine, "gli/db")
    rotate_everything(engine)
    versions = store.versions("gli/db", include_deprecated=True)
    assert len(versions) == 3
    assert store.describe("gli/db").labelled(AWSCURRENT) not in {token, None}


def test_a_value_of_unknown_age_may_be_stolen_too() -> None:
    """Where the store does not say when a rotation began, it counts as begun before the theft."""
    emergency = Emergency.now("laptop stolen", NOW)
    assert Target("a", under_way=True).began_before(emergency)
    assert not Target("a", under_way=True, begun=NOW).began_before(emergency)
    assert not Target("a").began_before(emergency)


def test_a_rotation_of_this_emergency_is_resumed_not_repeated(store: LocalStore) -> None:
    """It was interrupted after the first step: the same value is taken on."""
    witness = Witness()
    engine = Engine(store, find=lambda _: witness)
    store.create("gli/db", "x", tags={"glisecrets:rotator": "witness"})
    emergency = Emergency.now("laptop stolen", datetime.now(UTC))
    token = begin(engine, "gli/db")
    rotate_everything(engine, emergency)
    assert store.describe("gli/db").labelled(AWSCURRENT) == token


def test_a_broken_rotator_stops_no_other(store: LocalStore) -> None:
    """Not even by an error that nobody foresaw; and what it says holds no local variable."""
    witness = Witness(broken={"bad"})
    for name in ("bad", "good"):
        store.create(name, "x", tags={"glisecrets:rotator": "witness"})
    made = rotate_everything(Engine(store, find=lambda _: witness))
    found = {result.secret: result for result in made.results}
    assert found["good"].version_id == store.describe("good").labelled(AWSCURRENT)
    assert "unexpected ZeroDivisionError" in str(found["bad"].error)


# The command --------------------------------------------------------------------------------


def test_it_shows_the_order_and_changes_nothing_without_a_yes(service: Service) -> None:
    """The first run is dry."""
    service.declare(ONE, TWO)
    old = [service.create(f"gli/{name}/staging") for name in ("one", "two")]
    done = service.call("all", "--because", "laptop stolen")
    assert done.code == 2
    assert done.out.count("to rotate") == 2
    assert "not confirmed: Rotate 2 secrets of staging now, because: laptop stolen?" in done.err
    now = [
        service.store.describe(f"gli/{name}/staging").labelled(AWSCURRENT)
        for name in ("one", "two")
    ]
    assert now == old
    assert TAG not in service.store.describe("gli/one/staging").tags


def test_it_rotates_all_and_reports_and_keeps_the_reason(service: Service) -> None:
    """Each secret's new version and seconds; the reason stands in a tag for the audit."""
    service.declare(ONE, TWO)
    for name in ("one", "two"):
        service.create(f"gli/{name}/staging")
    done = service.call("all", "--because", "laptop stolen", "--yes", "--format", "json")
    assert done.code == 0
    rotated = {each["secret"]: each["version_id"] for each in done.document["rotated"]}
    for secret, version in rotated.items():
        described = service.store.describe(secret)
        assert described.labelled(AWSCURRENT) == version
        assert described.tags[TAG].endswith(" laptop stolen")
    assert len(rotated) == 2


def test_running_it_again_goes_on_where_it_was(service: Service) -> None:
    """What was rotated since the emergency began is done, without any file to remember it."""
    service.declare(ONE, TWO)
    service.create("gli/one/staging")
    broken = service.call("all", "--because", "laptop stolen", "--yes", "--format", "json")
    assert broken.code == 1  # gli/two is not there yet
    service.create("gli/two/staging")
    first = service.store.describe("gli/one/staging").labelled(AWSCURRENT)
    again = service.call("all", "--because", "laptop stolen", "--yes", "--format", "json")
    assert again.document["since"] == broken.document["since"]
    assert "gli/one/staging" in again.document["done_before"]
    assert service.store.describe("gli/one/staging").labelled(AWSCURRENT) == first


def test_since_says_when_it_began(service: Service) -> None:
    """For what was rotated by hand before somebody thought of the whole."""
    service.declare(ONE)
    service.create("gli/one/staging")
    since = (datetime.now(UTC) - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    done = service.call("all", "--because", "theft", "--since", since, "--yes", "--format", "json")
    assert done.document["done_before"] == ["gli/one/staging"]
    assert done.document["since"] == since


def test_an_emergency_cannot_begin_tomorrow(service: Service) -> None:
    """Local time taken for UTC would have everything rotated again and again."""
    service.declare(ONE)
    service.create("gli/one/staging")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    done = service.call("all", "--because", "theft", "--since", tomorrow, "--yes")
    assert (done.code, "still to come" in done.err) == (2, True)


def test_what_cannot_be_rotated_is_named_and_fails(service: Service) -> None:
    """A secret without a rotator is still in the thief's hands: somebody has to replace it."""
    service.declare(ONE, 'login: SecretStr = secret("gli/login/{environment}")')
    service.create("gli/one/staging")
    service.create("gli/login/staging")
    done = service.call("all", "--because", "laptop stolen", "--yes")
    assert done.code == 1
    assert "cannot be rotated" in done.out
    assert "gli/login/staging has no tag" in done.out
    assert "1 rotated" in done.out


def test_a_reason_is_needed(service: Service) -> None:
    """The log and the tags are read after the incident."""
    service.declare(ONE)
    service.create("gli/one/staging")
    assert service.call("all", "--because", " ", "--yes").code == 2


@pytest.fixture
def slow_provider() -> Iterator[tuple[str, threading.Event, threading.Event]]:
    """A provider that answers when it is told to: its URL, "was asked" and "may answer"."""
    from .loopback import Reply, serving

    asked, may_answer = threading.Event(), threading.Event()

    def answer(_: Asked) -> Reply:
        asked.set()
        may_answer.wait(timeout=30)
        return Reply(200)

    with serving(answer) as url:
        yield url, asked, may_answer


def test_ctrl_c_ends_at_a_step_and_tells_how_to_resume(
    service: Service, slow_provider: tuple[str, threading.Event, threading.Event]
) -> None:
    """Nothing is left in the middle of a step; the same command finishes the rest."""
    url, asked, may_answer = slow_provider
    service.declare(
        f'one: SecretStr = secret("gli/one/{{environment}}", kind="generated",'
        f' rotation={{"probe-url": "{url}"}})'
    )
    old = service.create("gli/one/staging")
    command = [sys.executable, "-P", "-m", "glisecrets", "rotate", "all"]
    because = ["--because", "it's gone", "--yes"]
    with subprocess.Popen(
        [*command, *because], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert asked.wait(timeout=30)
        process.send_signal(signal.SIGINT)
        assert "stopping" in process.stderr.readline()
        may_answer.set()
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted; not done: 1" in err
    assert "rotate all --because 'it s gone' --since 20" in " ".join(err.split())
    assert service.store.describe("gli/one/staging").labelled(AWSCURRENT) == old
    done = service.call("all", *because)
    assert done.code == 0
    assert service.store.describe("gli/one/staging").labelled(AWSCURRENT) != old
    assert len(service.store.versions("gli/one/staging", include_deprecated=True)) == 2
