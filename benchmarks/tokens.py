"""Tokens by RS256: our backend of simplejwt against PyJWT with a key object that is parsed already.

A busy machine is no friend of ratios near one: each round lets both sign, or verify, in turn.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import jwt
from django.conf import settings
from rows import Row, compared
from turns import interleaved, repeated

from glisecrets.keys import JwtKeys, RsaKeyring

if TYPE_CHECKING:
    from surroundings import Surroundings

PEER = "PyJWT, key object"
#: A signature takes a millisecond: a turn of ours is longer than others'.
SECONDS_PER_TURN = 0.02


def claims() -> dict[str, Any]:
    """Give what simplejwt puts into an access token."""
    now = int(time.time())
    own = {"token_type": "access", "jti": "0" * 32, "user_id": "7"}
    return {**own, "iat": now, "exp": now + 3600}


def backend(keys: JwtKeys) -> Any:
    """Give our backend, with the least of Django that simplejwt can be imported with."""
    if not settings.configured:
        apps = ["django.contrib.contenttypes", "django.contrib.auth"]
        settings.configure(INSTALLED_APPS=apps, SECRET_KEY="-", USE_TZ=True)
        import django

        django.setup()
    from glisecrets.django_integration.simple_jwt import KeyringTokenBackend

    return KeyringTokenBackend(lambda: keys)


def measure(surroundings: Surroundings) -> list[Row]:
    """Measure signing and verifying, with keys of both usual sizes."""
    return [row for bits in (2048, 4096) for row in _rows(bits, surroundings.rounds_of(31))]


def _rows(bits: int, rounds: int) -> list[Row]:
    keys = JwtKeys.of(RsaKeyring(RsaKeyring.new_key(datetime.now(UTC), bits)))
    ours, pair, payload = backend(keys), keys.signing, claims()
    token = ours.encode(payload)
    # Theirs writes the kid too; which key a token names, theirs does not look up.
    header = {"kid": pair.kid}
    sign = {
        "ours": partial(ours.encode, payload),
        PEER: partial(jwt.encode, payload, pair.rsa, "RS256", headers=header),
    }
    verify = {
        "ours": partial(ours.decode, token),
        PEER: partial(jwt.decode, token, pair.public.rsa, ["RS256"]),
    }
    if sign["ours"]() != sign[PEER]() or verify["ours"]() != verify[PEER]():
        raise SystemExit("benchmarks: tokens: the results differ")
    goal = bits == 2048
    return [
        # As rates: at least 0.9 and 1.0 of theirs.
        _row(f"RS256, sign with {bits} bits", sign, rounds, 1 / 0.9 if goal else None),
        _row(f"RS256, verify with {bits} bits", verify, rounds, 1.0 if goal else None),
    ]


def _row(name: str, works: dict[str, Any], rounds: int, goal: float | None) -> Row:
    turns = {who: repeated(work, SECONDS_PER_TURN) for who, work in works.items()}
    return compared(name, interleaved("tokens", turns, rounds), PEER, "µs", goal=goal)
