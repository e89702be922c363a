"""Somebody writes the secret by hand while a rotation is half-way: the good value is not lost."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql

from glisecrets.ladder import CredentialLadder
from glisecrets.references import AWSCURRENT, AWSPENDING, Address, Reference
from glisecrets.rotation import Engine, Step, run
from glisecrets.rotation.errors import Superseded
from glisecrets.rotation.operations.repair import diagnose, mend
from glisecrets.rotation.running import begin
from glisecrets.stores.local import LocalStore

from .fault_injection import Time
from .postgresql_roles import Role, made, session

if TYPE_CHECKING:
    from pathlib import Path

    from glisecrets.testing.servers import RunningServer

NAME = "gli/db/staging"


class HalfWay:
    """A password that a rotation has put in force; then the process died."""

    def __init__(self, role: Role, folder: Path) -> None:
        self.role, self.store = role, LocalStore(folder)
        self.store.create(NAME, role.value(), tags={"glisecrets:rotator": "postgresql"})
        self.engine = Engine(self.store, clock=Time())  # type: ignore[arg-type]
        self.token = begin(self.engine, NAME)
        self.engine.step(Step.SET, NAME, self.token)

    def write_by_hand(self, **changes: str) -> str:
        """Write the secret as it was before the rotation, with changes; give the version's id."""
        return self.store.put(NAME, self.role.value(**changes)).version_id

    def labelled(self, label: str) -> str | None:
        return self.store.describe(NAME).labelled(label)

    def logs_in(self) -> bool:
        """Log in with what the secret says to whoever knows no ladder."""
        try:
            with session(self.role.server, str(self.store.get(Address(NAME)).value)):
                return True
        except psycopg.OperationalError:
            return False

    def climbs_in(self) -> str:
        """Log in as a program with a ladder; give the version that was accepted."""
        ladder = CredentialLadder(
            lambda reference: self.store.get(reference.address), Reference.parse(NAME)
        )
        with ladder.connect(lambda it: psycopg.connect(**it.parameters())):
            assert ladder.held is not None
            return ladder.held.version_id


@pytest.fixture
def half_way(postgres: RunningServer, tmp_path: Path) -> HalfWay:
    return HalfWay(made(postgres), tmp_path)


def test_the_only_accepted_version_keeps_its_label(half_way: HalfWay) -> None:
    """The old password was written back: the next run stops, and clients go on to get in."""
    by_hand = half_way.write_by_hand(team="billing")
    assert not half_way.logs_in()
    with pytest.raises(Superseded, match=by_hand) as stopped:
        run(half_way.engine, NAME)
    assert "rotate repair" in stopped.value.next_step
    assert half_way.labelled(AWSPENDING) == half_way.token
    assert half_way.climbs_in() == half_way.token


def test_repair_leads_out_of_it(half_way: HalfWay) -> None:
    """What the database accepts becomes current; after that it can be rotated as ever."""
    half_way.write_by_hand(team="billing")
    with pytest.raises(Superseded):
        run(half_way.engine, NAME)
    mend(half_way.engine, diagnose(half_way.engine, NAME))
    assert half_way.labelled(AWSCURRENT) == half_way.token
    assert half_way.logs_in()
    assert run(half_way.engine, NAME) == half_way.labelled(AWSCURRENT) != half_way.token
    assert half_way.logs_in()


def test_a_hand_written_value_that_is_good_is_rotated_anew(half_way: HalfWay) -> None:
    """Database and secret were both set by hand: the value of the dead run is given up."""
    password = secrets.token_hex(16)
    with session(half_way.role.server) as connection:
        user, literal = sql.Identifier(half_way.role.name), sql.Literal(password)
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(user, literal))
    by_hand = half_way.write_by_hand(password=password)
    token = run(half_way.engine, NAME)
    assert token == half_way.labelled(AWSCURRENT)
    assert token not in {by_hand, half_way.token}
    assert half_way.labelled(AWSPENDING) is None
    assert half_way.logs_in()
    given_up = json.loads(half_way.store.get(Address(NAME, half_way.token)).value)["password"]
    assert given_up != json.loads(half_way.store.get(Address(NAME)).value)["password"]
