"""Sets of keys that others publish: what is sound and for RS256 is taken, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from glisecrets.keys import InvalidKey, InvalidKeyring, KeyPair, read_jwks

#: RFC 7517, appendix A.1: the RSA key of its set is also that of RFC 7638.
RFC_7517_SET = {
    "keys": [
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
            "use": "enc",
            "kid": "1",
        },
        {
            "kty": "RSA",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1"
            "L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4"
            "QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbO"
            "pbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csF"
            "Cur-kEgU8awapJzKnqDKgw",
            "e": "AQAB",
            "alg": "RS256",
            "kid": "2011-04-29",
        },
    ]
}


def test_the_example_of_rfc_7517_is_read() -> None:
    """Of a set, the keys that verify RS256 are taken, and no others."""
    found = read_jwks(json.dumps(RFC_7517_SET))
    thumbprint = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert {kid: key.kid for kid, key in found.items()} == {"2011-04-29": thumbprint}


@pytest.mark.parametrize(
    "other",
    [
        {"use": "enc"},
        {"alg": "RSA-OAEP"},
        {"alg": "PS256"},
        {"alg": "RS512"},
        {"alg": None},
        {"key_ops": ["encrypt"]},
        {"key_ops": "verify"},
    ],
    ids=str,
)
def test_a_key_that_is_not_for_rs256_does_not_verify_it(other: dict[str, Any]) -> None:
    """What its owner publishes for something else is not taken for what it is not."""
    key = RFC_7517_SET["keys"][1]
    del (unsaid := dict(key))["alg"]
    assert read_jwks(json.dumps({"keys": [{**key, **other}]})) == {}
    for fine in (unsaid, {**key, "use": "sig", "key_ops": ["verify"]}):
        assert list(read_jwks(json.dumps({"keys": [fine]}))) == ["2011-04-29"]


def test_a_set_with_one_kid_twice_is_refused() -> None:
    """Which of two keys is meant is not guessed at."""
    one = RFC_7517_SET["keys"][1]
    with pytest.raises(InvalidKeyring, match="2011-04-29"):
        read_jwks(json.dumps({"keys": [one, {**one, "n": KeyPair.generate().public.jwk["n"]}]}))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": {}}', '{"keys": [7]}', b"\xff"])
def test_what_is_no_set_is_refused(text: str | bytes) -> None:
    """A page of errors in place of the JWKS is told as such."""
    with pytest.raises(InvalidKeyring, match="JWKS"):
        read_jwks(text)
    with pytest.raises(InvalidKey):
        read_jwks(json.dumps({"keys": [{"kty": "RSA", "kid": "x", "n": "AQAB", "e": "AQAB"}]}))
