"""``rotate repair``: whatever happened to the labels, the accepted version becomes current."""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING, ClassVar

import pytest

from glisecrets.references import AWSCURRENT, AWSPENDING, AWSPREVIOUS, Address
from glisecrets.rotation import Engine, LockedOut, NotRotatable, Rotation, Rotator, Verdict, run
from glisecrets.rotation.operations.repair import Remedy, diagnose, mend
from glisecrets.rotation.running import begin
from glisecrets.stores.local import LocalStore

if TYPE_CHECKING:
    from pathlib import Path

    from glisecrets.stores.base import SecretValue

    from .conftest import Bouncer, Service

NAME = "gli/db/staging"


class Database(Rotator):
    """A database in memory with one user."""

    options: ClassVar[frozenset[str]] = frozenset({"admin"})

    def __init__(self, accepted: set[SecretValue]) -> None:
        self.accepted = accepted

    def propose(self, rotation: Rotation) -> SecretValue:
        return secrets.token_urlsafe(12)

    def apply(self, rotation: Rotation) -> None:
        assert rotation.pending is not None
        self.accepted.clear()
        self.accepted.add(rotation.pending)

    def probe(self, rotation: Rotation, value: SecretValue) -> Verdict:
        return Verdict.ACCEPTED if value in self.accepted else Verdict.REJECTED

    def reset(self, rotation: Rotation) -> None:
        if "admin" not in rotation.options:
            raise NotRotatable("no administrator is named")
        assert rotation.pending is not None
        self.accepted = {rotation.pending}


class Minted(Database):
    """A provider that makes the values itself."""

    minted: ClassVar[bool] = True


class Case:
    """One secret with a history, and its database."""

    def __init__(self, folder: Path, kind: type[Database] = Database, **tags: str) -> None:
        self.store = LocalStore(folder)
        self.database = kind(set())
        self.engine = Engine(self.store, find=lambda _: self.database)
        named = {f"glisecrets:{name}": text for name, text in tags.items()}
        named["glisecrets:rotator"] = "database"
        first = secrets.token_urlsafe(12)
        self.first = self.store.create(NAME, first, tags=named).version_id
        self.database.accepted.add(first)

    def labelled(self, label: str) -> str | None:
        return self.store.describe(NAME).labelled(label)

    def accept(self, version_id: str) -> None:
        """Make the database accept one version alone."""
        value = self.store.get(Address(NAME, version_id)).value
        self.database.accepted.clear()
        self.database.accepted.add(value)

    def accepts_current(self) -> bool:
        return self.store.get(Address(NAME)).value in self.database.accepted

    def mended(self) -> Remedy:
        """Diagnose and mend; a second diagnosis must find nothing left to do."""
        found = diagnose(self.engine, NAME)
        mend(self.engine, found)
        assert diagnose(self.engine, NAME).remedy in {Remedy.NONE, Remedy.GO_ON}
        return found.remedy


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def test_the_lock_out_trap(case: Case) -> None:
    """AWSPENDING was taken off after its password was set: no label leads to it any more."""
    token = begin(case.engine, NAME)
    case.accept(token)
    case.store.move_label(NAME, AWSPENDING, expected=token)
    for label in case.store.describe(NAME).versions.get(token, frozenset()):
        case.store.move_label(NAME, label, expected=token)
    assert case.mended() is Remedy.MAKE_CURRENT
    assert case.labelled(AWSCURRENT) == token
    assert case.accepts_current()
    run(case.engine, NAME)
    assert case.accepts_current()


def test_a_restored_database_accepts_the_version_before(case: Case) -> None:
    """After a snapshot was restored, AWSPREVIOUS is what it knows."""
    run(case.engine, NAME)
    case.accept(case.first)
    assert case.mended() is Remedy.MAKE_CURRENT
    assert case.labelled(AWSCURRENT) == case.first


def test_a_very_old_version_is_found(case: Case) -> None:
    """Deprecated versions are probed, too."""
    for _ in range(3):
        run(case.engine, NAME)
    assert case.labelled(AWSPREVIOUS) != case.first
    case.accept(case.first)
    assert case.mended() is Remedy.MAKE_CURRENT
    assert case.labelled(AWSCURRENT) == case.first


def test_a_rotation_that_stopped_before_the_labels_is_finished(case: Case) -> None:
    """The database has the pending value, and AWSCURRENT is stale."""
    token = begin(case.engine, NAME)
    case.accept(token)
    assert case.mended() is Remedy.FINISH
    assert (case.labelled(AWSCURRENT), case.labelled(AWSPENDING)) == (token, None)


def test_a_rotation_that_can_go_on_is_left_alone(case: Case) -> None:
    """The pending value is stored and not yet in force: the next run puts it there."""
    token = begin(case.engine, NAME)
    assert case.mended() is Remedy.GO_ON
    assert case.labelled(AWSPENDING) == token


def test_all_is_well(case: Case) -> None:
    """Then nothing is changed."""
    before = case.store.describe(NAME)
    assert case.mended() is Remedy.NONE
    assert case.store.describe(NAME) == before


def test_what_a_provider_minted_and_rejects_is_given_up(tmp_path: Path) -> None:
    """It will never become good: the next rotation mints anew."""
    case = Case(tmp_path, Minted)
    begin(case.engine, NAME)
    assert case.mended() is Remedy.DROP_PENDING
    assert (case.labelled(AWSCURRENT), case.labelled(AWSPENDING)) == (case.first, None)


def test_a_value_written_by_hand_wins_over_a_rotation(case: Case) -> None:
    """Somebody set password and secret by hand while a rotation was under way."""
    token = begin(case.engine, NAME)
    by_hand = case.store.put(NAME, secrets.token_urlsafe(12), token=str(uuid.uuid4())).version_id
    if case.labelled(AWSPENDING) is None:
        case.store.move_label(NAME, AWSPENDING, to=token, expected=None)
    case.accept(by_hand)
    assert case.mended() is Remedy.DROP_PENDING
    assert case.labelled(AWSCURRENT) == by_hand


def test_a_pending_value_that_is_in_force_wins_over_one_written_by_hand(case: Case) -> None:
    """The hand-written secret never reached the database."""
    token = begin(case.engine, NAME)
    case.store.put(NAME, secrets.token_urlsafe(12), token=str(uuid.uuid4()))
    if case.labelled(AWSPENDING) is None:
        case.store.move_label(NAME, AWSPENDING, to=token, expected=None)
    case.accept(token)
    assert case.mended() is Remedy.MAKE_CURRENT
    assert case.labelled(AWSCURRENT) == token


def test_an_administrator_puts_the_current_version_in_force(tmp_path: Path) -> None:
    """The database accepts none of all versions, but its administrator is known."""
    case = Case(tmp_path, admin="gli/db-admin/staging")
    case.database.accepted.clear()
    assert case.mended() is Remedy.RESET
    assert case.accepts_current()


def test_without_an_administrator_it_says_what_is_left(case: Case) -> None:
    """Then only a person with other means can help, and is told how to go on."""
    case.database.accepted.clear()
    with pytest.raises(LockedOut, match="accepts none of its versions") as caught:
        mend(case.engine, diagnose(case.engine, NAME))
    assert "glisecrets store put" in caught.value.next_step


# The command --------------------------------------------------------------------------------


@pytest.fixture
def locked_out(service: Service, bouncer: Bouncer) -> str:
    """A secret whose provider accepts an unlabelled version; give that version's id."""
    service.declare(
        f'login: SecretStr = secret("gli/login/{{environment}}", kind="generated",'
        f' rotation={{"probe-url": "{bouncer.url}"}})'
    )
    accepted = service.create("gli/login/staging")
    bouncer.accepted.add(str(service.store.get(Address("gli/login/staging")).value))
    for _ in range(2):
        service.store.put("gli/login/staging", secrets.token_urlsafe(12))
    return accepted


def test_it_shows_every_verdict_and_changes_nothing_without_a_yes(
    service: Service, locked_out: str
) -> None:
    """The first run is dry, and no value is printed."""
    before = service.store.describe("gli/login/staging")
    done = service.call("repair", "gli/login/staging")
    assert done.code == 2
    assert (done.out.count("rejected"), done.out.count("accepted")) == (2, 2)
    assert f"make the accepted version current ({locked_out[:8]})?" in done.err
    assert service.store.describe("gli/login/staging") == before


def test_with_a_yes_the_accepted_version_is_current(service: Service, locked_out: str) -> None:
    """One command ends the outage."""
    done = service.call("repair", "gli/login/{environment}", "--yes", "--format", "json")
    assert done.code == 0
    assert (done.document["remedy"], done.document["mended"]) == ("make-current", True)
    verdicts = {each["version_id"]: each["verdict"] for each in done.document["versions"]}
    assert [key for key, verdict in verdicts.items() if verdict == "accepted"] == [locked_out]
    assert service.store.describe("gli/login/staging").labelled(AWSCURRENT) == locked_out
    again = service.call("repair", "gli/login/staging")
    assert (again.code, "nothing to mend" in again.out) == (0, True)
