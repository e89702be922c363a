"""Whole rotations of a Redis user and of the keyrings, by the engine."""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import redis

from glisecrets.keys import KeyPair, RsaKeyring, SecretKeyring
from glisecrets.references import Address
from glisecrets.rotation.engine import Engine
from glisecrets.rotation.retiring import retire
from glisecrets.rotation.running import run
from glisecrets.rotation.subject import Clock

from .memory_store import MemoryStore

if TYPE_CHECKING:
    from glisecrets.testing.servers import RunningServer

NAME = "gli/test"


class Time:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def now(self) -> datetime:
        return self.time

    def pause(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def engine(time: Time) -> Engine:
    return Engine(MemoryStore(time.now), clock=Clock(time.now, time.pause))


def stored(engine: Engine) -> str:
    return str(engine.store.get(Address(NAME)).value)


def test_a_redis_user_never_has_more_than_two_passwords(
    engine: Engine, time: Time, valkey: RunningServer
) -> None:
    """Over rotations, sweeps and an emergency the newest is good and the replaced ones go."""
    user, password = f"engine-{secrets.token_hex(4)}", secrets.token_hex(16)
    place = {"host": valkey.host, "port": valkey.port}
    with redis.Redis.from_url(valkey.url, decode_responses=True) as admin:
        admin.execute_command("ACL", "SETUSER", user, "on", "+ping", f">{password}")
        login = {"username": valkey.user, "password": valkey.password}
        engine.store.create("gli/admin", json.dumps(place | login))
        engine.store.create(
            NAME,
            json.dumps({"username": user, "password": password, **place}),
            tags={"glisecrets:rotator": "redis-acl", "glisecrets:admin": "gli/admin"},
        )

        def digests() -> set[str]:
            return set(admin.acl_getuser(user)["passwords"])

        def digest() -> str:
            current = json.loads(stored(engine))["password"]
            return hashlib.sha256(current.encode()).hexdigest()

        for urgent in (False, False, True, True):
            before = digest()
            run(engine, NAME, urgent=urgent)
            assert digests() == {before, digest()}
            time.time += timedelta(days=0 if urgent else 8)
        time.time += timedelta(days=8)
        retire(engine.subject(NAME))
        assert digests() == {digest()}
        admin.execute_command("ACL", "DELUSER", user)


@pytest.mark.parametrize("kind", ["jwt-keyring", "django-secret-key"])
def test_a_keyring_takes_turns_in_the_store(kind: str, engine: Engine, time: Time) -> None:
    """From a bare key on, each rotation promotes what the one before has published."""
    bare = KeyPair.generate().pem if kind == "jwt-keyring" else secrets.token_urlsafe(48)
    rings = RsaKeyring if kind == "jwt-keyring" else SecretKeyring
    engine.store.create(NAME, bare, tags={"glisecrets:rotator": kind})
    run(engine, NAME)
    first = rings.parse(stored(engine))
    time.time += timedelta(days=365)
    run(engine, NAME)
    second = rings.parse(stored(engine))
    assert second.signing == first.next
    assert [key.id for key in second.retired] == [first.signing.id]
