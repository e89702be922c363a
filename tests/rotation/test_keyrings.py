"""``jwt-keyring`` and ``django-secret-key``: a new key is published before it signs."""

from __future__ import annotations

import dataclasses
import json
import secrets
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from django.core import signing

from glisecrets.keys import KeyPair, RsaKeyring, SecretKeyring
from glisecrets.rotation.errors import NotRotatable
from glisecrets.rotation.finding import find_rotator
from glisecrets.rotation.rotator import Rotation, Verdict
from glisecrets.rotation.rotators.django_secret_key import DjangoSecretKey
from glisecrets.rotation.rotators.jwt_keyring import JwtKeyring

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
#: One bare value of each kind, and its kind.
KINDS = ["jwt", "django"]


@cache
def pem() -> str:
    return KeyPair.generate().pem


def rotator(kind: str) -> JwtKeyring | DjangoSecretKey:
    return JwtKeyring() if kind == "jwt" else DjangoSecretKey()


def bare(kind: str) -> str:
    return pem() if kind == "jwt" else secrets.token_urlsafe(48)


def rotation(current: str | bytes, at: datetime = START, **options: str) -> Rotation:
    named = {name.replace("_", "-"): text for name, text in options.items()}
    return Rotation("gli/key/test", secrets.token_hex(16), current, options=named, now=lambda: at)


def rotated(kind: str, current: str, at: datetime = START, **options: str) -> str:
    return str(rotator(kind).propose(rotation(current, at, **options)))


def probed(kind: str, value: str | bytes, **options: str) -> Verdict:
    return rotator(kind).probe(rotation(value, **options), value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bare_key_is_taken_over_and_signs_on(kind: str) -> None:
    """A secret from before keyrings needs no migration by hand: its first rotation is one."""
    old = bare(kind)
    assert probed(kind, old) is Verdict.ACCEPTED
    first = json.loads(rotated(kind, old))
    assert first["signing"]["material"] == old
    second = json.loads(rotated(kind, json.dumps(first), START + DAY))
    assert second["signing"] == first["next"]
    assert second["retired"][0]["id"] == first["signing"]["id"]
    assert probed(kind, json.dumps(second)) is Verdict.ACCEPTED


@pytest.mark.parametrize("kind", KINDS)
def test_a_retired_key_is_kept_for_its_life_and_then_dropped(kind: str) -> None:
    """The option says how long, from the day on in which every process follows the secret."""
    life = {"token_life": "3d"} if kind == "jwt" else {"session_life": "3d"}
    ring = rotated(kind, rotated(kind, bare(kind)))
    oldest = json.loads(ring)["signing"]["id"]
    ring = rotated(kind, ring, START + DAY, **life)
    ring = rotated(kind, ring, START + 4 * DAY, **life)
    assert oldest in str(json.loads(ring)["retired"])
    ring = rotated(kind, ring, START + 5 * DAY, **life)
    assert oldest not in ring


@pytest.mark.parametrize("kind", KINDS)
def test_the_keyring_may_stand_at_a_key_beside_others(kind: str) -> None:
    """Whatever else the secret holds stays as it was."""
    value = json.dumps({"keys": {"main": bare(kind)}, "note": "메모"})
    for _ in range(2):
        value = rotated(kind, value, key="keys.main")
    assert json.loads(value)["note"] == "메모"
    assert json.loads(value)["keys"]["main"].keys() == {"signing", "next", "retired"}
    assert len(json.loads(value)["keys"]["main"]["retired"]) == 1
    assert probed(kind, value, key="keys.main") is Verdict.ACCEPTED
    as_text = json.dumps({"ring": json.dumps(json.loads(value)["keys"]["main"])})
    assert probed(kind, as_text, key="ring") is Verdict.ACCEPTED


def test_programs_that_know_no_keyring_follow_the_signing_key() -> None:
    """A service that reads private_key, public_key or secret_key goes on working."""
    pair = KeyPair.from_pem(pem())
    value = json.dumps({"private_key": pem(), "public_key": pair.public.pem, "issuer": "gli"})
    for _ in range(2):
        value = rotated("jwt", value)
        document = json.loads(value)
        signing = RsaKeyring.parse(value).key_pair
        assert (document["private_key"], document["public_key"]) == (
            signing.pem,
            signing.public.pem,
        )
        assert document["issuer"] == "gli"
    value = json.dumps({"secret_key": secrets.token_urlsafe(48)})
    for _ in range(2):
        value = rotated("django", value)
        assert json.loads(value)["secret_key"] == SecretKeyring.parse(value).secret_key


def test_what_django_signs_is_accepted_before_during_and_after_a_rotation() -> None:
    """Processes before, between and after two rotations accept each other's sessions."""
    values = [rotated("django", bare("django"))]
    for day in (1, 2):
        values.append(rotated("django", values[-1], START + day * DAY))
    rings = [SecretKeyring.parse(value) for value in values]
    for one, other in [*pairwise(rings), *pairwise(reversed(rings))]:
        signed = signing.Signer(key=one.secret_key, fallback_keys=[]).sign("session")
        accepting = signing.Signer(key=other.secret_key, fallback_keys=other.fallbacks(START))
        assert accepting.unsign(signed) == "session"


@pytest.mark.parametrize("kind", KINDS)
def test_after_a_leak_nothing_old_is_accepted(kind: str) -> None:
    """The next key has leaked with the signing one: an urgent rotation replaces both."""
    old = rotated(kind, rotated(kind, bare(kind)))
    urgent = dataclasses.replace(rotation(old), urgent=True)
    new = str(rotator(kind).propose(urgent))
    leaked = {json.loads(old)[place]["id"] for place in ("signing", "next")}
    assert not any(name in new for name in leaked)
    assert json.loads(new)["retired"] == []
    assert probed(kind, new) is Verdict.ACCEPTED


def test_new_jwt_keys_are_as_long_as_the_signing_key_unless_told() -> None:
    """A service with keys of 3072 bits does not end up with weaker ones."""
    ring = RsaKeyring.parse(rotated("jwt", KeyPair.generate(3072).pem))
    assert ring.next
    assert KeyPair.from_pem(ring.next.material).rsa.key_size == 3072
    ring = RsaKeyring.parse(rotated("jwt", ring.dumps(), bits="2048"))
    assert ring.next
    assert KeyPair.from_pem(ring.next.material).rsa.key_size == 2048


@pytest.mark.parametrize(
    "options", [{"bits": "1024"}, {"bits": "many"}, {"token_life": "soon"}, {"key": "a.b"}]
)
def test_an_option_that_makes_no_sense_is_refused(options: dict[str, str]) -> None:
    """Before anything is stored, with the option or the key in the message."""
    value = rotated("jwt", pem())
    with pytest.raises(NotRotatable, match=r"1024|bits|soon|'a'") as caught:
        rotated("jwt", value, **options)
    assert caught.value.__context__ is None


def broken() -> list[tuple[str, Any]]:
    ring = json.loads(rotated("jwt", rotated("jwt", pem())))
    other = RsaKeyring.new_key(START)
    swapped = {**ring, "signing": {**ring["signing"], "material": other.material}}
    return [
        ("jwt", "hunter2"),
        ("jwt", '{"password": "hunter2"}'),
        ("jwt", b"hunter2"),
        ("jwt", json.dumps(swapped)),
        ("jwt", json.dumps({**ring, "next": {**ring["next"], "material": "hunter2"}})),
        ("django", "hunter2"),
        ("django", "x" * 64),
        ("django", json.dumps({"secret_key": 7})),
        ("django", json.dumps({"signing": {"material": "hunter2"}})),
        ("django", b"hunter2"),
    ]


def test_what_cannot_sign_is_rejected_and_not_rotated() -> None:
    """A mangled keyring is noticed before programs read it, and its error repeats nothing."""
    for kind, value in broken():
        assert probed(kind, value) is Verdict.REJECTED, value
        with pytest.raises(NotRotatable) as caught:
            rotated(kind, value)
        assert "hunter2" not in str(caught.value)
        assert caught.value.__context__ is None


def test_both_kinds_are_found_by_their_names() -> None:
    """A tag names the kind."""
    assert isinstance(find_rotator("jwt-keyring"), JwtKeyring)
    assert isinstance(find_rotator("django-secret-key"), DjangoSecretKey)
