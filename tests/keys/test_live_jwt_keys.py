"""Keys that are followed: what an emergency rotation brings is known at once, at few requests."""

from __future__ import annotations

import json
import logging
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest

from glisecrets.errors import StoreUnavailable
from glisecrets.keys import (
    JwtKeys,
    LiveJwtKeys,
    RsaKeyring,
    UnknownKey,
    base64url,
    live_jwt_keys,
)

THREADS, TOKENS = 8, 200


@cache
def rings() -> tuple[RsaKeyring, RsaKeyring]:
    """A keyring, and the one that an emergency puts in its place: no key of it is known."""
    now = datetime.now(UTC)
    one, two = (RsaKeyring(RsaKeyring.new_key(now), RsaKeyring.new_key(now)) for _ in range(2))
    return one, two


@dataclass
class Store:
    """A store that is asked when its value is refreshed, and a clock that a test moves."""

    stored: RsaKeyring
    asked: int = 0
    now: float = 1000.0
    failure: Exception | None = None
    #: Answers wait for it.
    open: threading.Event = field(default_factory=threading.Event)
    _read: str = ""

    def __post_init__(self) -> None:
        self.open.set()
        self._read = self.stored.dumps()

    def read(self) -> str:
        return self._read

    def refresh(self) -> None:
        self.asked += 1
        assert self.open.wait(20)
        if self.failure is not None:
            raise self.failure
        self._read = self.stored.dumps()


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    made = Store(rings()[0])
    monkeypatch.setattr(live_jwt_keys, "monotonic", lambda: made.now)
    return made


@pytest.fixture
def live(store: Store) -> LiveJwtKeys:
    """A process that knows the first keyring."""
    keys = LiveJwtKeys(store.read, store.refresh)
    keys()
    return keys


@cache
def token() -> str:
    """Signed by a process that has the second keyring already."""
    return JwtKeys.of(rings()[1]).sign(b"{}")


def forged() -> str:
    """A token that names a key which nobody has."""
    header = {"alg": "RS256", "kid": secrets.token_urlsafe(32)}
    return f"{base64url.encode(json.dumps(header).encode())}.e30.{token().rpartition('.')[2]}"


def refuse(keys: LiveJwtKeys, text: str) -> None:
    with pytest.raises(UnknownKey):
        keys().verify(text)


def test_a_token_of_an_emergencys_new_key_is_good_at_once(live: LiveJwtKeys, store: Store) -> None:
    """Nobody who logged in after it is turned away while this process' value is still fresh."""
    old = live().sign(b"{}")
    store.stored = rings()[1]
    assert live().verify(token()) == b"{}"
    assert store.asked == 1
    refuse(live, old)


def test_a_flood_of_forged_tokens_asks_the_store_once_in_five_seconds(
    live: LiveJwtKeys, store: Store
) -> None:
    """Whoever makes up key ids cannot make the service hammer its store; nor hide a new key."""
    texts = [forged() for _ in range(TOKENS)]
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda text: refuse(live, text), texts))
        assert store.asked == live_jwt_keys.LOOKS_AT_ONCE
        store.now += live_jwt_keys.BETWEEN_LOOKS
        list(pool.map(lambda text: refuse(live, text), texts))
    assert store.asked == live_jwt_keys.LOOKS_AT_ONCE + 1
    store.stored = rings()[1]
    refuse(live, token())
    store.now += live_jwt_keys.BETWEEN_LOOKS
    refuse(live, forged())
    live().verify(token())
    assert store.asked == live_jwt_keys.LOOKS_AT_ONCE + 2


def test_the_odd_token_of_a_key_that_is_gone_does_not_hide_an_emergencys_new_key(
    live: LiveJwtKeys, store: Store
) -> None:
    """A client comes back after months, a moment before everybody is to log in again."""
    refuse(live, forged())
    store.stored = rings()[1]
    assert live().verify(token()) == b"{}"
    assert store.asked == 2


def test_threads_that_need_the_new_key_together_wait_for_one_look(
    live: LiveJwtKeys, store: Store
) -> None:
    """One asks, all are served."""
    store.stored = rings()[1]
    store.open.clear()
    with ThreadPoolExecutor(THREADS) as pool:
        answers = [pool.submit(lambda: live().verify(token())) for _ in range(THREADS)]
        store.open.set()
        assert {answer.result(20) for answer in answers} == {b"{}"}
    assert store.asked == 1


def test_what_is_known_asks_nobody(live: LiveJwtKeys, store: Store) -> None:
    """Not a good token, not one of an expired key, nor one without an id."""
    ring = rings()[0]
    gone = replace(rings()[1].signing, expires=datetime.now(UTC) - timedelta(seconds=1))
    store.stored = replace(ring, retired=(gone,))
    store.refresh()
    live().verify(live().sign(b"{}"))
    with pytest.raises(UnknownKey):
        live().verify(token())
    assert store.asked == 1


def test_a_store_that_is_down_refuses_unknown_keys_alone(
    live: LiveJwtKeys, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told a few times, then every five seconds; tokens of known keys are good as before."""
    caplog.set_level(logging.WARNING)
    store.failure = StoreUnavailable("out of reach", store="aws")
    for _ in range(5):
        refuse(live, token())
    live().verify(live().sign(b"{}"))
    assert (store.asked, len(caplog.records)) == (3, 3)
    store.failure, store.stored = None, rings()[1]
    store.now += live_jwt_keys.BETWEEN_LOOKS
    live().verify(token())


def test_without_a_way_to_the_store_an_unknown_key_is_unknown(store: Store) -> None:
    """As before: the next look of the live value brings it."""
    refuse(LiveJwtKeys(store.read), token())
    assert store.asked == 0
