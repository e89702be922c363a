"""Keyrings: whatever a published key signs is good for as long as it was promised."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glisecrets.keys import (
    InvalidKey,
    InvalidKeyring,
    Key,
    KeyPair,
    PublicKey,
    RsaKeyring,
    SecretKeyring,
)
from glisecrets.pem_forms import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def text_key() -> Key:
    return SecretKeyring.new_key(START)


@cache
def rsa_ring() -> RsaKeyring:
    """A ring with each kind of place filled."""
    ring = RsaKeyring.taken_over(KeyPair.generate().pem, START)
    for _ in range(2):
        ring = ring.rotated(RsaKeyring.new_key(START), START + DAY, 30 * DAY)
    return ring


gaps = st.lists(st.integers(1, 60), min_size=1, max_size=12)


@given(gaps=gaps, life=st.integers(1, 90))
def test_nothing_signed_in_its_life_is_refused_and_nothing_later_is_kept(
    gaps: list[int], life: int
) -> None:
    """Over any rotations, a ring accepts a key while, and only while, its last token may live.

    The oracle is a list of who signed until when: a process that cannot reach the store goes on
    for a day with the keyring that it has.
    """
    now, ring = START, SecretKeyring(text_key(), text_key())
    signed_until: dict[str, datetime] = {}
    for gap in gaps:
        now += gap * DAY
        signed_until[ring.signing.material] = now + DAY
        promoted = ring.next
        ring = ring.rotated(text_key(), now, life * DAY)
        assert ring.signing == promoted, "what signs was published a whole period before"
        alive = {key for key, until in signed_until.items() if until + life * DAY > now}
        assert set(ring.fallbacks(now)) == alive | {ring.next.material if ring.next else ""}
    later = now + (life + 2) * DAY
    assert len(ring.fallbacks(later)) == 1


def test_the_first_rotation_of_a_bare_key_changes_nothing_for_who_signs_and_verifies() -> None:
    """A key that was used alone signs on; the next one is published before it signs."""
    old = text_key().material
    ring = SecretKeyring.taken_over(old, START)
    new = text_key()
    after = ring.rotated(new, START, DAY)
    assert (after.secret_key, after.fallbacks(START)) == (old, [new.material])
    again = after.rotated(text_key(), START + DAY, DAY)
    assert again.secret_key == new.material
    assert old in again.fallbacks(START + DAY)


@pytest.mark.parametrize("form", ["PEM", "base64", "private_key"])
def test_a_pair_that_was_used_alone_is_read_before_its_first_rotation(form: str) -> None:
    """Programs that follow the keyring are deployed first, and the secret rotates after."""
    pair = KeyPair.generate()
    text = {
        "PEM": pair.pem,
        "base64": one_line(pair.pem),
        "private_key": json.dumps({"private_key": pair.pem, "public_key": pair.public.pem}),
    }[form]
    ring = RsaKeyring.parse(text)
    assert (ring.signing.id, ring.next, ring.retired) == (pair.kid, None, ())
    ring.check()
    with pytest.raises(InvalidKey, match="public key"):
        RsaKeyring.parse(pair.public.pem)


def test_a_retired_rsa_key_keeps_its_public_half_alone() -> None:
    """Who steals the secret cannot sign as a key that has been rotated away."""
    ring = rsa_ring()
    (retired,) = ring.retired
    assert "PRIVATE" not in retired.material
    assert PublicKey.from_pem(retired.material).kid == retired.id
    ring.check()


def test_the_jwks_publishes_every_key_and_no_private_part() -> None:
    """Verifiers find the signing, the next and the retired key by their ids, and n and e alone."""
    ring = rsa_ring()
    keys = ring.jwks()["keys"]
    assert [key["kid"] for key in keys] == [key.id for key in ring.accepted()]
    assert len(keys) == 3
    assert all(key.keys() == {"kty", "use", "alg", "kid", "n", "e"} for key in keys)
    assert ring.retired[0].id not in str(ring.jwks(START + 32 * DAY))


@pytest.mark.parametrize("kind", ["rsa", "text"])
def test_a_ring_reads_back_as_it_was_written(kind: str) -> None:
    """A store gives back the same ring; keys of its object that are not the ring's are ignored."""
    ring = rsa_ring() if kind == "rsa" else SecretKeyring(text_key(), None, ())
    document = {**json.loads(ring.dumps()), "issuer": "gli"}
    assert type(ring).parse(json.dumps(document)) == ring


def spoilt(path: str, value: object) -> str:
    """A ring's text with one thing in it changed; ``None`` takes it away."""
    document = json.loads(rsa_ring().dumps())
    *way, last = path.split(".")
    node = document
    for part in way:
        node = node[int(part)] if part.isdecimal() else node[part]
    node[last] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("signing", None),
        ("signing", "-----BEGIN"),
        ("next", []),
        ("retired", {"id": "x"}),
        ("retired.0.material", ""),
        ("signing.id", 7),
        ("signing.created", "yesterday"),
        ("signing.created", "2026-01-01T00:00:00"),
        ("retired.0.expires", 3),
    ],
)
def test_a_spoilt_ring_is_refused_and_its_error_repeats_nothing(path: str, value: object) -> None:
    """What a hand has spoilt is named by its place; no value is in the message."""
    with pytest.raises(InvalidKeyring, match=r"keyring's (signing|next|retired)") as caught:
        RsaKeyring.parse(spoilt(path, value))
    assert "BEGIN" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "hunter2", '{"password": "hunter2"}'])
def test_what_is_no_ring_is_refused_and_not_repeated(text: str) -> None:
    """Another secret by mistake fails clearly and stays secret."""
    with pytest.raises(InvalidKeyring, match="keyring") as caught:
        SecretKeyring.parse(text)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__context__ is None


def test_two_keys_of_one_id_are_refused() -> None:
    """A verifier that looks keys up by their id finds one."""
    key = text_key()
    with pytest.raises(InvalidKeyring, match=key.id):
        SecretKeyring(key, key)


def test_the_check_finds_rsa_keys_that_do_not_fit() -> None:
    """A wrong id, a retired key that could still sign and a next that could not are found."""
    ring = rsa_ring()
    private, public = ring.signing, ring.retired[0]
    for signing, following, retired in [
        (Key("1", private.material, START), None, ()),
        (private, public, ()),
        (private, None, (ring.next or private,)),
        (public, None, ()),
    ]:
        with pytest.raises(InvalidKey):
            RsaKeyring(signing, following, retired).check()


@pytest.mark.parametrize(
    "make",
    [
        lambda: secrets.token_urlsafe(30),
        lambda: "abcd" * 20,
        lambda: "django-insecure-" + secrets.token_urlsafe(48),
    ],
    ids=["short", "four characters", "Django's mark"],
)
def test_the_check_finds_weak_secret_keys(make: Callable[[], str]) -> None:
    """What Django's own check warns of does not get into a ring unseen."""
    weak = make()
    with pytest.raises(InvalidKey, match="weak") as caught:
        SecretKeyring.taken_over(weak, START).check()
    assert weak not in str(caught.value)
    SecretKeyring.taken_over(text_key().material, START).check()


def test_no_repr_shows_material() -> None:
    """A ring in a log or a traceback gives nothing away."""
    key = text_key()
    assert key.material not in repr(SecretKeyring(key)) + repr(key)
    assert "BEGIN" not in repr(rsa_ring())
