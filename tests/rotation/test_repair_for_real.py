"""``rotate repair`` where it counts: a real PostgreSQL, and a rotation that somebody cancelled."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from glisecrets.references import AWSCURRENT, AWSPENDING
from glisecrets.rotation import Engine, Step, Verdict, run
from glisecrets.rotation.operations.repair import Remedy, diagnose, mend
from glisecrets.stores.aws import AwsStore
from glisecrets.stores.local import LocalStore
from glisecrets.testing import SecretsManagerServer

from .postgresql_roles import ADMIN_SECRET, made, session
from .test_repair import Database

if TYPE_CHECKING:
    from pathlib import Path

    from glisecrets.testing.servers import RunningServer

NAME = "gli/db/staging"


def test_an_administrator_puts_the_current_password_in_force(
    postgres: RunningServer, tmp_path: Path
) -> None:
    """The database knows no version at all: the one that is current is made good again."""
    role, store = made(postgres), LocalStore(tmp_path)
    tags = {"glisecrets:rotator": "postgresql", "glisecrets:admin": ADMIN_SECRET}
    store.create(NAME, role.value(), tags=tags)
    store.create(ADMIN_SECRET, role.administrator())
    engine = Engine(store)
    run(engine, NAME)
    with session(postgres) as connection:
        connection.execute(f"ALTER ROLE {role.name} PASSWORD '{secrets.token_hex(16)}'")
    found = diagnose(engine, NAME)
    assert found.remedy is Remedy.RESET
    mend(engine, found)
    again = diagnose(engine, NAME)
    assert again.remedy is Remedy.NONE
    current = next(each for each in again.probed if AWSCURRENT in each.version.labels)
    assert current.verdict == Verdict.ACCEPTED


@pytest.mark.parametrize("in_force", [True, False])
def test_a_rotation_that_was_cancelled_half_way_is_got_out_of(in_force: bool) -> None:
    """Nobody will go on with it: what is accepted becomes current, and AWSPENDING goes."""
    database = Database(set())
    with SecretsManagerServer() as server:
        store, client = AwsStore(environ=server.environ), server.client()
        engine = Engine(store, find=lambda _: database)
        first = secrets.token_urlsafe(12)
        store.create(NAME, first, tags={"glisecrets:rotator": "database"})
        database.accepted = {first}
        function = "arn:aws:lambda:ap-northeast-2:123456789012:function:rotation"
        rules = {"AutomaticallyAfterDays": 90}
        client.rotate_secret(SecretId=NAME, RotationLambdaARN=function, RotationRules=rules)
        token = store.describe(NAME).labelled(AWSPENDING) or ""
        engine.step(Step.CREATE, NAME, token)
        if in_force:
            engine.step(Step.SET, NAME, token)
        client.cancel_rotate_secret(SecretId=NAME)
        found = diagnose(engine, NAME)
        assert found.remedy is (Remedy.MAKE_CURRENT if in_force else Remedy.DROP_PENDING)
        mend(engine, found)
        described = store.describe(NAME)
        assert described.labelled(AWSPENDING) is None
        assert (described.labelled(AWSCURRENT) == token) is in_force
        client.rotate_secret(SecretId=NAME)  # it can be turned on again
