"""Tokens: what a published key signed is good; what says otherwise, in any way, is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet
from jwt.exceptions import InvalidSubjectError

from glisecrets.keys import (
    InvalidKeyring,
    InvalidSignature,
    JwtKeys,
    KeyPair,
    LiveJwtKeys,
    RsaKeyring,
    UnknownKey,
    pyjwt,
    read_jwks,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = timedelta(days=1)
CLAIMS = {"sub": "7", "scope": "läsen"}

#: RFC 7515, appendix A.2: the key, and the token that it signs.
RFC_7515_N = (
    "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4Q"
    "lL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBY"
    "UsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNm"
    "oudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"
)
RFC_7515_D = (
    "Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJ"
    "e46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI"
    "9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9p"
    "IuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ"
)
RFC_7515_TOKEN = (
    "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9"
    "pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc"
    "_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPv"
    "kSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI"
    "2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
)


def number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=="))


def segment(thing: Any) -> str:
    data = thing if isinstance(thing, bytes) else json.dumps(thing).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forged(header: dict[str, Any], payload: Any = CLAIMS, pair: KeyPair | None = None) -> str:
    """A token with any header, its signature by a key of the ring."""
    message = f"{segment(header)}.{segment(payload)}"
    return f"{message}.{segment((pair or keys().signing).sign(message.encode()))}"


@cache
def rings() -> tuple[RsaKeyring, ...]:
    """One keyring before, and after each of three rotations, a month apart; all keys live on."""
    now = datetime.now(UTC)
    ring = RsaKeyring(RsaKeyring.new_key(now), RsaKeyring.new_key(now))
    found = [ring]
    for _ in range(3):
        found.append(found[-1].rotated(RsaKeyring.new_key(now), now, 30 * DAY))
    return tuple(found)


@cache
def keys() -> JwtKeys:
    return JwtKeys.of(rings()[1])


def sign(keys: JwtKeys) -> str:
    return keys.sign(json.dumps(CLAIMS).encode())


def test_the_example_of_rfc_7515_is_signed_and_verified() -> None:
    """RS256 is the standard's: the same bytes come out, and the token without kid is read."""
    n, d = number(RFC_7515_N), number(RFC_7515_D)
    p, q = rsa.rsa_recover_prime_factors(n, 65537, d)
    p, q = max(p, q), min(p, q)
    parts = (rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q))
    private = rsa.RSAPrivateNumbers(p, q, d, *parts, rsa.RSAPublicNumbers(65537, n))
    pair = KeyPair(private.private_key())
    message, _, signature = RFC_7515_TOKEN.rpartition(".")
    assert segment(pair.sign(message.encode())) == signature
    ring = RsaKeyring.taken_over(pair.pem, datetime.now(UTC))
    assert json.loads(JwtKeys.of(ring).verify(RFC_7515_TOKEN))["iss"] == "joe"


def test_our_own_set_reads_back() -> None:
    """What is published is what verifies, by the same ids."""
    assert list(read_jwks(json.dumps(keys().jwks()))) == list(keys().published)


def test_tokens_issued_before_during_and_after_a_rotation_are_good() -> None:
    """Whatever worker signed it, however far behind: every other worker takes it."""
    processes = [JwtKeys.of(ring) for ring in rings()]
    for i in range(3):
        for signer in processes[i : i + 2]:
            for verifier in processes[i : i + 2]:
                assert json.loads(verifier.verify(sign(signer))) == CLAIMS


def test_a_pruned_or_expired_key_and_an_unknown_one_are_refused() -> None:
    """A token dies with its key; a process that lives for months refuses it on the same day."""
    token = sign(JwtKeys.of(rings()[0]))
    last = rings()[3]
    JwtKeys.of(last).verify(token)
    gone = datetime.now(UTC) - timedelta(seconds=1)
    expired = replace(last, retired=tuple(replace(key, expires=gone) for key in last.retired))
    pruned = replace(last, retired=())
    for ring in (expired, pruned):
        with pytest.raises(UnknownKey):
            JwtKeys.of(ring).verify(token)
        with pytest.raises(jwt.InvalidTokenError):
            pyjwt.decode(JwtKeys.of(ring), token)
    assert [key["kid"] for key in JwtKeys.of(expired).jwks()["keys"]] == [
        key.id for key in pruned.accepted()
    ]


def hs256(header: dict[str, Any], secret: bytes) -> str:
    message = f"{segment(header)}.{segment(CLAIMS)}"
    return f"{message}.{segment(hmac.digest(secret, message.encode(), hashlib.sha256))}"


def bad_tokens() -> Iterator[tuple[str, str]]:
    kid = keys().signing.kid
    good = sign(keys())
    header, payload, signature = good.split(".")
    yield "alg none", f"{segment({'alg': 'none', 'kid': kid})}.{payload}."
    yield "alg none, signed", forged({"alg": "none", "kid": kid})
    yield "no alg", forged({"kid": kid})
    for pem in (keys().signing.public.pem, keys().signing.public.pkcs1):
        yield "the public key as secret", hs256({"alg": "HS256", "kid": kid}, pem.encode())
        yield "the same without kid", hs256({"alg": "HS256"}, pem.encode())
    yield "another algorithm of RSA", forged({"alg": "RS512", "kid": kid})
    yield "unknown kid", forged({"alg": "RS256", "kid": "1"})
    yield "kid of another key", forged({"alg": "RS256", "kid": list(keys().published)[1]})
    yield "no text as kid", forged({"alg": "RS256", "kid": 1})
    yield "something critical", forged({"alg": "RS256", "kid": kid, "crit": ["b64"], "b64": False})
    yield "header of another kind", forged([])  # type: ignore[arg-type]
    yield "endless header", forged({"alg": "RS256", "kid": kid, "x": "x" * 2000})
    yield "foreign key without kid", forged({"alg": "RS256"}, pair=JwtKeys.of(rings()[3]).signing)
    yield "payload changed", f"{header}.{segment({'sub': '8'})}.{signature}"
    yield "no signature", f"{header}.{payload}."
    yield "padding", f"{good}=="
    yield "too few parts", f"{header}.{signature}"
    yield "too many parts", f"{good}.{signature}"
    yield "line break", f"{good}\n"
    yield "not ASCII", f"{good[:-1]}ü"
    yield "empty", ""


def test_what_is_no_good_token_is_refused_in_each_way() -> None:
    """No header talks us out of RS256 by a published key; PyJWT's users get PyJWT's error."""
    for name, token in bad_tokens():
        with pytest.raises(InvalidSignature):
            pytest.fail(f"{name}: {keys().verify(token)!r}")
        with pytest.raises(jwt.InvalidSignatureError):
            pytest.fail(f"{name}: {pyjwt.decode(keys(), token)}")
        with pytest.raises(InvalidSignature):
            keys().verify(token.encode())


@pytest.mark.parametrize("token", [None, 7, ["a.b.c"], {"alg": "none"}], ids=repr)
def test_a_token_that_is_no_text_is_refused_as_any_other(token: Any) -> None:
    """A client sends JSON with a number where its token belongs: a 401, not a 500."""
    with pytest.raises(InvalidSignature, match="no text"):
        keys().verify(token)
    with pytest.raises(jwt.InvalidTokenError):
        pyjwt.decode(keys(), token)


@given(place=st.integers(0, 10_000), character=st.sampled_from("Aa9-_.=+/ \x00é"))
def test_no_character_of_a_token_can_be_another(place: int, character: str) -> None:
    """Nor is there a second text of the same token, which a list of revoked ones would miss."""
    token = sign(keys())
    place %= len(token)
    if token[place] != character:
        with pytest.raises(InvalidSignature):
            keys().verify(token[:place] + character + token[place + 1 :])


def test_other_libraries_read_our_tokens_and_we_theirs() -> None:
    """PyJWT by the parsed key, joserfc by the published set."""
    token = sign(keys())
    assert jwt.decode(token, keys().signing.public.rsa, ["RS256"]) == CLAIMS
    assert joserfc_jwt.decode(token, KeySet.import_key_set(keys().jwks())).claims == CLAIMS
    theirs = jwt.encode(CLAIMS, keys().signing.rsa, "RS256", headers={"kid": keys().signing.kid})
    assert json.loads(keys().verify(theirs)) == CLAIMS
    assert pyjwt.decode(keys(), pyjwt.encode(keys(), CLAIMS)) == CLAIMS


@pytest.mark.parametrize(
    ("claims", "options", "error"),
    [
        ({"exp": 1}, {}, jwt.ExpiredSignatureError),
        ({"nbf": 2**33}, {}, jwt.ImmatureSignatureError),
        ({"iat": 2**33}, {}, jwt.ImmatureSignatureError),
        ({"aud": "a"}, {}, jwt.InvalidAudienceError),
        ({"aud": "a"}, {"audience": "b"}, jwt.InvalidAudienceError),
        ({}, {"audience": "b"}, jwt.MissingRequiredClaimError),
        ({"iss": "a"}, {"issuer": "b"}, jwt.InvalidIssuerError),
        ({"sub": 7}, {}, InvalidSubjectError),
        ({}, {"options": {"require": ["exp"]}}, jwt.MissingRequiredClaimError),
    ],
)
def test_claims_are_checked_as_pyjwt_checks_them(
    claims: dict[str, Any], options: dict[str, Any], error: type[Exception]
) -> None:
    """The oracle is PyJWT's own decode, with the same arguments."""
    token = keys().sign(json.dumps(claims).encode())
    with pytest.raises(error):
        jwt.decode(token, keys().signing.public.rsa, ["RS256"], **options)
    with pytest.raises(error):
        pyjwt.decode(keys(), token, **options)


def test_live_keys_are_parsed_once_and_anew_after_a_rotation() -> None:
    """Parsing takes as long as a hundred signatures."""
    text = rings()[0].dumps()
    live = LiveJwtKeys(lambda: text)
    first = live()
    assert live() is first
    text = rings()[1].dumps()
    assert live().signing.kid == rings()[1].signing.id
    live().verify(sign(first))


def test_a_keyring_that_cannot_be_read_changes_no_key(caplog: pytest.LogCaptureFixture) -> None:
    """Tokens are signed and verified on; it is told once, and without what is in it."""
    text = rings()[0].dumps()
    live = LiveJwtKeys(lambda: text)
    first = live()
    text = json.dumps({"signing": secrets.token_hex()})
    caplog.set_level(logging.ERROR)
    assert [live(), live()] == [first, first]
    assert len(caplog.records) == 1
    with pytest.raises(InvalidKeyring):
        LiveJwtKeys(lambda: text)()
