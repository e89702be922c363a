"""``rotate repair`` keeps to the server of the current version, and copes with odd old ones."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest

from glisecrets.references import AWSCURRENT, AWSPENDING
from glisecrets.rotation import Engine, LockedOut, NotRotatable, Verdict
from glisecrets.rotation.errors import RotationError, Unreachable
from glisecrets.rotation.operations.repair import (
    ELSEWHERE,
    UNKNOWN,
    Diagnosis,
    Remedy,
    diagnose,
    mend,
)
from glisecrets.stores.local import LocalStore

from .postgresql_roles import made
from .test_repair import Database

if TYPE_CHECKING:
    from pathlib import Path

    from glisecrets.rotation import Rotation
    from glisecrets.stores.base import SecretValue
    from glisecrets.testing.servers import RunningServer

    from .conftest import Bouncer, Service

NAME = "gli/db/staging"


class Watched(Database):
    """A database that remembers what it was asked, and may give no answer about some."""

    def __init__(self) -> None:
        super().__init__(set())
        self.asked: list[SecretValue] = []
        self.unclear: dict[SecretValue, RotationError] = {}

    def probe(self, rotation: Rotation, value: SecretValue) -> Verdict:
        self.asked.append(value)
        if value in self.unclear:
            raise self.unclear[value]
        return super().probe(rotation, value)


class Case:
    """One secret with a history, and its database."""

    def __init__(self, folder: Path) -> None:
        self.store, self.database = LocalStore(folder), Watched()
        self.engine = Engine(self.store, find=lambda _: self.database)
        self.values: dict[str, str] = {}

    def write(self, value: str, label: str = AWSCURRENT) -> str:
        """Write a version; give its id."""
        if not self.values:
            tags = {"glisecrets:rotator": "database"}
            written = self.store.create(NAME, value, tags=tags)
        else:
            written = self.store.put(NAME, value, labels=[label])
        self.values[written.version_id] = value
        return written.version_id

    def diagnosed(self) -> tuple[Diagnosis, dict[str, str]]:
        """Diagnose; give each version's verdict too."""
        found = diagnose(self.engine, NAME)
        return found, {each.version.version_id: each.verdict for each in found.probed}


def login(**place: Any) -> str:
    """Give a secret's value, with a password of its own."""
    return json.dumps({"password": secrets.token_urlsafe(12), **place})


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"host": "db-a", "port": 5432}, {"host": "db-b", "port": 5432}),
        ({"host": "db-a", "port": 5432}, {"host": "db-a", "port": 5433}),
        ({"url": "postgres://u@db-a:5432/x"}, {"url": "postgres://u@db-b:5432/x"}),
    ],
    ids=["host", "port", "url"],
)
def test_a_version_for_another_server_never_becomes_current(
    case: Case, old: dict[str, Any], new: dict[str, Any]
) -> None:
    """The old server still accepts its password, but clients must not be led back to it."""
    before, current = case.write(login(**old)), case.write(login(**new))
    case.database.accepted = {case.values[before]}
    found, verdicts = case.diagnosed()
    assert verdicts == {before: ELSEWHERE, current: "rejected"}
    assert case.database.asked == [case.values[current]]
    assert found.remedy is Remedy.RESET
    with pytest.raises(LockedOut):
        mend(case.engine, found)
    assert case.store.describe(NAME).labelled(AWSCURRENT) == current


def test_the_command_says_so(service: Service, bouncer: Bouncer) -> None:
    """Whoever reads the table learns why that version was passed over."""
    service.declare(
        'login: SecretStr = secret("gli/db/{environment}", kind="generated",'
        f' rotation={{"probe-url": "{bouncer.url}", "key": "password"}})'
    )
    old, new = login(host="db-a"), login(host="db-b")
    service.store.create(NAME, old)
    service.store.put(NAME, new)
    bouncer.accepted |= {json.loads(value)["password"] for value in (old, new)}
    done = service.call("repair", NAME)
    assert (done.code, "nothing to mend" in done.out) == (0, True)
    assert "other server or form" in done.out
    document = service.call("repair", NAME, "--format", "json").document
    assert {each["verdict"] for each in document["versions"]} == {ELSEWHERE, "accepted"}


@pytest.mark.parametrize("error", [Unreachable, NotRotatable])
def test_an_old_version_without_an_answer_does_not_stop_the_diagnosis(
    case: Case, error: type[RotationError]
) -> None:
    """An outage may not wait for a relic: it is shown as unknown, with the reason."""
    relic, good, bad = (case.write(login()) for _ in range(3))
    case.database.accepted = {case.values[good]}
    case.database.unclear[case.values[relic]] = error("no clear answer")
    found, verdicts = case.diagnosed()
    assert verdicts == {relic: UNKNOWN, good: "accepted", bad: "rejected"}
    assert [each.error.message for each in found.probed if each.error] == ["no clear answer"]
    assert (found.remedy, found.version_id) == (Remedy.MAKE_CURRENT, good)


def test_old_forms_of_a_database_secret_do_not_stop_the_diagnosis(
    postgres: RunningServer, tmp_path: Path
) -> None:
    """Once it was a bare password, then a JSON without one: neither can log in."""
    role, store = made(postgres), LocalStore(tmp_path)
    bare = store.create(NAME, role.password, tags={"glisecrets:rotator": "postgresql"}).version_id
    incomplete = store.put(NAME, role.value(password=None)).version_id
    current = store.put(NAME, role.value()).version_id
    found = diagnose(Engine(store), NAME)
    verdicts = {each.version.version_id: each.verdict for each in found.probed}
    assert verdicts == {bare: ELSEWHERE, incomplete: UNKNOWN, current: "accepted"}
    assert found.remedy is Remedy.NONE


@pytest.mark.parametrize("label", [AWSCURRENT, AWSPENDING])
@pytest.mark.parametrize("error", [Unreachable, NotRotatable])
def test_no_answer_about_what_is_in_doubt_is_an_error(
    case: Case, error: type[RotationError], label: str
) -> None:
    """Without it no advice is sound: an older version may be accepted, too."""
    good, doubtful = case.write(login()), case.write(login(), label)
    case.database.accepted = {case.values[good]}
    case.database.unclear[case.values[doubtful]] = error("no clear answer")
    with pytest.raises(error, match="no clear answer"):
        diagnose(case.engine, NAME)
