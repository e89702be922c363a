"""Tokens of djangorestframework-simplejwt: none that is good is refused while keys take turns."""

from __future__ import annotations

import json
import secrets
import threading
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt as pyjwt
import pytest
from django.test import RequestFactory, override_settings
from pydantic import SecretStr

from glisecrets import LiveOptions, LoadOptions, SettingsError, StoreUnavailable, secret
from glisecrets.django_integration import DjangoSettings
from glisecrets.django_integration import jwt_keys as jwt_keys_module
from glisecrets.django_integration.jwks import jwks
from glisecrets.django_integration.jwt_keys import jwt_keys
from glisecrets.keys import KeyPair, RsaKeyring, live_jwt_keys
from glisecrets.keys import pyjwt as ours
from glisecrets.keys.keyring import FOLLOWED_WITHIN
from glisecrets.keys.kms import signing

from ..keys.strict_kms import StrictKms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Traffic, WatchedStore

NAME = "gli/jwt/development"
LIFE = timedelta(days=30)
APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "rest_framework",
    "glisecrets.django_integration",
]

pytestmark = pytest.mark.usefixtures("configured")


class ApiSettings(DjangoSettings):
    """As a project writes it, but each look a fresh one."""

    load_options = LoadOptions(live=LiveOptions(ttl=0))

    secret_key: SecretStr
    jwt_keyring: SecretStr | None = secret("gli/jwt/{environment}", None)


def load(store: WatchedStore) -> ApiSettings:
    environ = {"DJANGO_ENV": "development", "SECRET_KEY": secrets.token_urlsafe(50)}
    return ApiSettings.load(environ=environ, directory=Path(store.location), store=store)


def new_ring() -> RsaKeyring:
    now = datetime.now(UTC)
    return RsaKeyring(RsaKeyring.new_key(now), RsaKeyring.new_key(now))


def rotated(ring: RsaKeyring, keep_for: timedelta = LIFE) -> RsaKeyring:
    now = datetime.now(UTC)
    return ring.rotated(RsaKeyring.new_key(now), now, keep_for)


@pytest.fixture(scope="module")
def first() -> RsaKeyring:
    """A keyring of two; made once, for keys take time."""
    return new_ring()


@pytest.fixture
def ring(store: WatchedStore, first: RsaKeyring) -> Iterator[RsaKeyring]:
    """Serve by a keyring, with our app and Django REST framework installed."""
    store.create(NAME, first.dumps())
    loaded = load(store)
    given = {"GLISECRETS": loaded, "SIMPLE_JWT": loaded.simple_jwt(ISSUER="gli"), "DEBUG": True}
    # Apps get ready before the other settings of the same override are there.
    with override_settings(**given), override_settings(INSTALLED_APPS=APPS):
        yield first


def tokens() -> Any:
    """Give simplejwt's tokens, which can be imported once its apps are there."""
    return import_module("rest_framework_simplejwt.tokens")


def issue() -> str:
    token = tokens().AccessToken()
    token["user_id"] = "7"
    return str(token)


def accept(token: str) -> None:
    assert tokens().AccessToken(token)["user_id"] == "7"


def refused() -> Any:
    return pytest.raises(import_module("rest_framework_simplejwt.exceptions").TokenError)


def test_each_token_names_its_key_and_its_issuer(ring: RsaKeyring) -> None:
    """Verifiers elsewhere find the key in the JWKS; simplejwt's own settings count on."""
    token = issue()
    assert pyjwt.get_unverified_header(token)["kid"] == ring.signing.id
    assert ours.decode(jwt_keys(), token, issuer="gli")["user_id"] == "7"
    accept(token)


def test_the_settings_hold_no_key(ring: RsaKeyring, store: WatchedStore) -> None:
    """Without our app nothing is signed, rather than by a key that is not rotated."""
    assert "BEGIN" not in str(load(store).django()["SIMPLE_JWT"])


def test_a_pair_without_keyring_is_given_as_simplejwt_asks(store: WatchedStore) -> None:
    """The guide's two variables are enough for the start."""
    pair = KeyPair.generate()
    environ = {
        "DJANGO_ENV": "development",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "JWT_PRIVATE_KEY": pair.pem.replace("\n", "\\n"),
        "JWT_PUBLIC_KEY": pair.public.pem,
    }
    loaded = ApiSettings.load(environ=environ, directory=Path(store.location), store=store)
    assert loaded.django()["SIMPLE_JWT"] == {
        "ALGORITHM": "RS256",
        "SIGNING_KEY": pair.pem,
        "VERIFYING_KEY": pair.public.pem,
    }


def test_a_pruned_key_an_unknown_one_and_other_algorithms_are_refused(
    ring: RsaKeyring, store: WatchedStore
) -> None:
    """A process that lives on refuses what one that starts now would."""
    token = issue()
    after = rotated(ring, -FOLLOWED_WITHIN)
    store.put(NAME, after.dumps())
    with refused():
        accept(token)
    claims = pyjwt.decode(token, options={"verify_signature": False})
    pair = KeyPair.from_pem(after.signing.material, validate=False)
    for key, algorithm, kid in (
        (pair.rsa, "RS256", "1"),
        (KeyPair.generate().rsa, "RS256", pair.kid),
        (None, "none", pair.kid),
        (secrets.token_bytes(64), "HS256", pair.kid),
    ):
        with refused():
            accept(pyjwt.encode(claims, key, algorithm, headers={"kid": kid}))
    accept(pyjwt.encode(claims, pair.rsa, "RS256", headers={"kid": pair.kid}))


def test_tokens_from_before_the_keyring_are_good(ring: RsaKeyring) -> None:
    """The backend of simplejwt writes no kid: nobody is logged out when the keyring comes."""
    claims = pyjwt.decode(issue(), options={"verify_signature": False})
    key = KeyPair.from_pem(ring.signing.material, validate=False).rsa
    accept(pyjwt.encode(claims, key, "RS256"))


def test_what_is_wrong_with_a_token_is_told_as_simplejwt_tells_it(ring: RsaKeyring) -> None:
    """Views and clients that tell expired tokens from bad ones go on doing so."""
    errors = import_module("rest_framework_simplejwt.exceptions")
    token = tokens().AccessToken()
    token.set_exp(lifetime=-timedelta(minutes=1))
    with pytest.raises(errors.ExpiredTokenError):
        accept(str(token))
    assert tokens().AccessToken(str(token), verify=False)["token_type"] == "access"
    with refused():
        accept("a.b.c")


def test_no_token_is_refused_while_keys_rotate_under_traffic(
    ring: RsaKeyring, store: WatchedStore, traffic: type[Traffic]
) -> None:
    """Threads log in and come back with every token they have, through three rotations."""
    held: list[str] = [issue()]
    lock = threading.Lock()

    def request() -> None:
        with lock:
            held.append(issue())
            mine = held[:: max(1, len(held) // 5)]
        for token in mine:
            accept(token)

    with traffic(request, threads=3) as clients:
        clients.wait_for(20)
        for _ in range(3):
            ring = rotated(ring)
            store.put(NAME, ring.dumps())
            clients.wait_for(20)
            for _ in range(1000):  # one thread is at it
                if jwt_keys().signing.kid == ring.signing.id:
                    break
                clients.wait_for(1)
            clients.wait_for(20)
    assert clients.failures == []
    assert len({pyjwt.get_unverified_header(token)["kid"] for token in held}) == 4
    for token in held:
        accept(token)


def test_after_an_emergency_the_new_tokens_are_good_before_the_value_is_old(
    store: WatchedStore, first: RsaKeyring
) -> None:
    """A worker that read the keyring a second ago takes them, at few requests to the store."""

    class Patient(ApiSettings):
        load_options = LoadOptions(live=LiveOptions(ttl=3600))

    environ = {"DJANGO_ENV": "development", "SECRET_KEY": secrets.token_urlsafe(50)}
    store.create(NAME, first.dumps())
    loaded = Patient.load(environ=environ, directory=Path(store.location), store=store)
    given = {"GLISECRETS": loaded, "SIMPLE_JWT": loaded.simple_jwt(ISSUER="gli")}
    jwt_keys_module._live.cache_clear()
    with override_settings(**given), override_settings(INSTALLED_APPS=APPS):
        old = issue()
        accept(old)
        after = new_ring()
        store.put(NAME, after.dumps())
        store.asked.clear()
        accept(old)
        claims = pyjwt.decode(old, options={"verify_signature": False})
        key = KeyPair.from_pem(after.signing.material, validate=False)
        new = pyjwt.encode(claims, key.rsa, "RS256", headers={"kid": key.kid})
        for _ in range(50):
            accept(new)
            with refused():
                accept(pyjwt.encode(claims, key.rsa, "RS256", headers={"kid": secrets.token_hex()}))
            with refused():
                accept(old)
    assert len(store.asked) == live_jwt_keys.LOOKS_AT_ONCE
    jwt_keys_module._live.cache_clear()


def test_a_key_in_kms_signs_for_simplejwt(
    store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings load and tokens are verified without KMS, which only signs."""
    kms = StrictKms()
    boto = kms.client()
    monkeypatch.setattr("glisecrets.keys.kms.client.make_client", lambda *_: boto)
    kms.add(KeyPair.generate().rsa, "alias/gli-jwt")
    ring = RsaKeyring(RsaKeyring.key_in_kms("aws:alias/gli-jwt", datetime.now(UTC)))
    kms.calls.clear()
    store.create(NAME, ring.dumps())
    loaded = load(store)
    given = {"GLISECRETS": loaded, "SIMPLE_JWT": loaded.simple_jwt(ISSUER="gli")}
    jwt_keys_module._live.cache_clear()
    with override_settings(**given), override_settings(INSTALLED_APPS=APPS):
        assert not kms.calls
        held = [issue() for _ in range(3)]
        for token in held:
            accept(token)
        assert (
            json.loads(jwks(RequestFactory().get("/")).content)["keys"][0]["kid"] == ring.signing.id
        )
        kms.failing = "ThrottlingException"
        with pytest.raises(StoreUnavailable):
            issue()
        accept(held[0])
    assert kms.calls == {"Sign": 4}
    jwt_keys_module._live.cache_clear()
    signing._client.cache_clear()


def test_the_jwks_says_when_it_has_not_changed(ring: RsaKeyring, store: WatchedStore) -> None:
    """Caches keep it for five minutes, and ask again without loading it again."""
    make = RequestFactory()
    answer = jwks(make.get("/"))
    assert (answer["Cache-Control"], answer.status_code) == ("public, max-age=300", 200)
    again = jwks(make.get("/", headers={"If-None-Match": answer["ETag"]}))
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", answer["ETag"])
    assert again["Cache-Control"] == answer["Cache-Control"]
    assert jwks(make.post("/")).status_code == 405
    store.put(NAME, rotated(ring).dumps())
    after = jwks(make.get("/", headers={"If-None-Match": answer["ETag"]}))
    assert after.status_code == 200
    assert after["ETag"] != answer["ETag"]


@pytest.mark.parametrize("spoil", ["text", "weak"])
def test_what_is_no_keyring_fails_at_the_start(
    store: WatchedStore, first: RsaKeyring, spoil: str
) -> None:
    """Not at the first login; and the fault repeats nothing."""
    hidden = secrets.token_hex()
    document = first.document()
    document["next"] = {**document["signing"], "id": "1"}
    store.create(NAME, hidden if spoil == "text" else json.dumps(document))
    with pytest.raises(SettingsError, match="jwt_keyring") as caught:
        load(store)
    assert hidden not in str(caught.value)
    assert "BEGIN" not in str(caught.value)
