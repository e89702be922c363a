"""What leaked is refused after ``rotate all``, also where a Lambda rotates and is told nothing."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from glisecrets.keys import KeyPair
from glisecrets.references import AWSCURRENT, AWSPENDING, Address
from glisecrets.rotation import Engine, Rotation, Rotator, Verdict, handler
from glisecrets.rotation.operations.emergency import TAG, Emergency
from glisecrets.rotation.running import begin
from glisecrets.rotation.subject import Clock
from glisecrets.stores.local import LocalStore

from .fault_injection import Crash
from .test_emergency import Witness, rotate_everything

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from glisecrets.stores.base import SecretValue
    from glisecrets.testing import SecretsManagerServer

    from .conftest import Service

LAMBDA = "arn:aws:lambda:ap-northeast-2:123456789012:function:rotate"
NAME = "gli/key/staging"


class Ticket(Rotator):
    """A kind with an overlap; its provider remembers what was revoked."""

    options: ClassVar[frozenset[str]] = frozenset({"admin"})
    overlap: ClassVar[timedelta | None] = timedelta(days=7)
    revoked: ClassVar[set[SecretValue]] = set()

    def propose(self, rotation: Rotation) -> SecretValue:
        return secrets.token_urlsafe(12)

    def probe(self, rotation: Rotation, value: SecretValue) -> Verdict:
        return Verdict.REJECTED if value in self.revoked else Verdict.ACCEPTED

    def retire(self, rotation: Rotation, old: SecretValue) -> None:
        self.revoked.add(old)


class Rotated:
    """A secret in Secrets Manager that its Lambda rotates: the real handler, in this process."""

    def __init__(self, service: Service, server: SecretsManagerServer) -> None:
        self.service, self.store, self._server = service, service.store, server
        #: What was revoked by the end of each step.
        self.revoked: list[tuple[str, frozenset[SecretValue]]] = []
        server.rotations._on_rotate = self._received
        # Whoever waits for the Lambda is woken as soon as it is done.
        clock = Clock(pause=lambda _: server.wait_for_rotations())
        service.monkeypatch.setattr("glisecrets.rotation.engine.Clock", lambda: clock)

    def _received(self, event: Mapping[str, str]) -> None:
        try:
            handler.handle(event)
        finally:
            self.revoked.append((event["Step"], frozenset(Ticket.revoked)))

    def create(self, kind: str, value: str) -> None:
        """Make the secret and turn its rotation on, without rotating it."""
        self.service.declare(f'key: SecretStr = secret("gli/key/{{environment}}", kind="{kind}")')
        self.store.create(NAME, value, tags={"glisecrets:rotator": kind})
        self.rotate(RotateImmediately=False)

    def rotate(self, **params: Any) -> None:
        """Call RotateSecret as its schedule does, and wait for the Lambda."""
        client = self._server.client()
        rules = {"AutomaticallyAfterDays": 30}
        client.rotate_secret(SecretId=NAME, RotationLambdaARN=LAMBDA, RotationRules=rules, **params)
        client.close()
        self._server.wait_for_rotations()

    def declare_emergency(self) -> None:
        """Leave the tag that ``rotate all`` leaves, for a leak of what is current now."""
        created = self.store.get(Address(NAME)).created
        assert created is not None
        since = created + timedelta(milliseconds=1)
        self.store.tag(NAME, {TAG: str(Emergency.now("laptop stolen", since))})

    @property
    def current(self) -> str:
        return str(self.store.get(Address(NAME)).value)


@pytest.fixture
def rotated(
    aws_service: Service, aws_server: SecretsManagerServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Rotated]:
    """A sandbox of the test's own."""
    monkeypatch.setattr(Ticket, "revoked", set())
    handler._store.cache_clear()
    yield Rotated(aws_service, aws_server)
    handler._store().close()
    handler._store.cache_clear()


def tickets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the kind ``ticket``, and no other."""
    kinds = {"ticket": SimpleNamespace(load=lambda: Ticket, dist=None)}
    monkeypatch.setattr("glisecrets.rotation.finding._entry_points", lambda: kinds)


@pytest.fixture
def overlapping(rotated: Rotated, monkeypatch: pytest.MonkeyPatch) -> Rotated:
    """A secret whose previous value is still good, and will be for a week."""
    tickets(monkeypatch)
    rotated.create("ticket", secrets.token_urlsafe(12))
    rotated.rotate()
    return rotated


# Through a Lambda ---------------------------------------------------------------------------


def accepted(value: str) -> set[str]:
    """Give every key that a keyring's programs sign with or accept."""
    ring = json.loads(value)
    keys = [ring["signing"], ring["next"], *ring["retired"]]
    return {key["material"] for key in keys if key}


@pytest.mark.parametrize("kind", ["django-secret-key", "jwt-keyring"])
def test_no_leaked_key_is_accepted_after_an_emergency(rotated: Rotated, kind: str) -> None:
    """Whoever has read the keyring has the next key too: both are replaced by the Lambda."""
    bare = KeyPair.generate().pem if kind == "jwt-keyring" else secrets.token_urlsafe(48)
    rotated.create(kind, bare)
    rotated.rotate()
    leaked = accepted(rotated.current)
    assert len(leaked) == 2
    done = rotated.service.call("all", "--because", "laptop stolen", "--yes")
    assert done.code == 0
    assert not leaked & accepted(rotated.current)


def test_the_lambda_revokes_a_leaked_value_within_its_overlap(overlapping: Rotated) -> None:
    """It is told no more than a token; the tag tells it that nothing is waited for."""
    old = overlapping.store.get(Address(NAME, None, "AWSPREVIOUS")).value
    overlapping.revoked.clear()
    overlapping.declare_emergency()
    overlapping.rotate()
    assert overlapping.revoked[0] == ("createSecret", frozenset({old}))
    assert overlapping.revoked[-1][0] == "finishSecret"


def test_a_past_emergency_hurries_nothing(overlapping: Rotated) -> None:
    """Once rotated, the tag is history: neither the sweep nor a rotation cuts an overlap short."""
    overlapping.declare_emergency()
    overlapping.rotate()
    made_since, revoked = overlapping.current, set(Ticket.revoked)
    assert TAG in overlapping.store.describe(NAME).tags
    assert handler.handle({"Action": "retire"}) == {"result": "swept 1"}
    overlapping.revoked.clear()
    overlapping.rotate()
    assert {step for step, _ in overlapping.revoked} == {"createSecret"}  # which refused
    assert (overlapping.current, Ticket.revoked) == (made_since, revoked)


# Proposed before the leak -------------------------------------------------------------------


class DiesBeforeTheClaim(LocalStore):
    """Loses its process when ``AWSPENDING`` is to be claimed for a stored proposal."""

    def move_label(self, secret: str, label: str, **moved: Any) -> None:
        if label == AWSPENDING and moved.get("to"):
            raise Crash(label)
        super().move_label(secret, label, **moved)


def test_a_value_proposed_before_the_leak_is_replaced_too(tmp_path: Path) -> None:
    """It lay in the store when the thief read it: it is finished, then rotated once more."""
    witness = Witness()
    store = LocalStore(tmp_path)
    first = store.create("gli/db", "x", tags={"glisecrets:rotator": "witness"}).version_id
    with pytest.raises(Crash):
        begin(Engine(DiesBeforeTheClaim(tmp_path), find=lambda _: witness), "gli/db")
    known = {info.version_id for info in store.versions("gli/db")}
    rotate_everything(Engine(store, find=lambda _: witness))
    assert witness.order == ["gli/db"] * 2
    assert first in known
    assert store.describe("gli/db").labelled(AWSCURRENT) not in known


# What is retired at once --------------------------------------------------------------------


@pytest.fixture
def ticketed(service: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A declared secret of a kind with an overlap, and its administrator's, rotated just now."""
    tickets(monkeypatch)
    monkeypatch.setattr(Ticket, "revoked", set())
    service.declare(
        'key: SecretStr = secret("gli/key/{environment}", kind="ticket",'
        ' rotation={"admin": "gli/admin/{environment}"})'
    )
    for name in (NAME, "gli/admin/staging"):
        service.create(name, rotator="ticket")
        assert service.call("run", name).code == 0
    return service


def previous(service: Service, name: str = NAME) -> SecretValue:
    return service.store.get(Address(name, None, "AWSPREVIOUS")).value


def test_retire_now_means_the_administrators_too(ticketed: Service) -> None:
    """Nobody declares it, but an emergency has rotated it: its old value must go as well."""
    old = {previous(ticketed), previous(ticketed, "gli/admin/staging")}
    done = ticketed.call("retire", "--now", "--format", "json")
    assert done.code == 0
    assert old == Ticket.revoked
    outcomes = {each["secret"]: each["outcome"] for each in done.document["secrets"]}
    assert outcomes == {NAME: "retired", "gli/admin/staging": "retired"}


def test_retire_now_does_not_wait_for_a_rotation_that_hangs(ticketed: Service) -> None:
    """A leaked value goes at once; the rotation can still be finished after that."""
    old = previous(ticketed)
    token = ticketed.store.put(NAME, secrets.token_urlsafe(12), labels=[AWSPENDING]).version_id
    patient = ticketed.call("retire", NAME)
    assert (patient.code, "a rotation is under way" in patient.out) == (0, True)
    assert old not in Ticket.revoked
    assert ticketed.call("retire", NAME, "--now").code == 0
    assert old in Ticket.revoked
    assert ticketed.call("run", NAME).code == 0
    assert ticketed.store.describe(NAME).labelled(AWSCURRENT) == token


def test_retire_now_goes_by_a_rotation_without_a_value(overlapping: Rotated) -> None:
    """Secrets Manager has begun one that the Lambda refuses, as it does within an overlap."""
    old = previous(overlapping.service)
    overlapping.rotate()
    store = overlapping.store
    assert store.describe(NAME).labelled(AWSPENDING) not in {
        None,
        store.describe(NAME).labelled(AWSCURRENT),
    }
    assert "a rotation is under way" in overlapping.service.call("retire", NAME).out
    assert old not in Ticket.revoked
    assert overlapping.service.call("retire", NAME, "--now").code == 0
    assert old in Ticket.revoked


# Only looking -------------------------------------------------------------------------------


def test_a_dry_run_shows_the_order_and_changes_nothing(ticketed: Service) -> None:
    """The administrator goes first; no value, no label and no tag is touched."""
    names = ["gli/admin/staging", NAME]
    before = [ticketed.store.describe(name) for name in names]
    stored = set(ticketed.store.names())
    done = ticketed.call("all", "--because", "laptop stolen", "--dry-run", "--format", "json")
    assert done.code == 0
    assert done.document["waves"] == [[name] for name in names]
    assert (done.document["because"], done.document["done_before"]) == ("laptop stolen", [])
    shown = ticketed.call("all", "--because", "laptop stolen", "--dry-run")
    assert (shown.code, shown.out.count("to rotate")) == (0, 2)
    assert [ticketed.store.describe(name) for name in names] == before
    assert set(ticketed.store.names()) == stored
    assert not Ticket.revoked
