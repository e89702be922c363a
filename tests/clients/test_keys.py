"""SECRET_KEY, SECRET_KEY_FALLBACKS and the JWKS follow their keyrings without a restart."""

from __future__ import annotations

import json
import logging
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.core import signing
from django.core.signals import request_started
from django.test import RequestFactory, override_settings
from pydantic import SecretStr

from glisecrets import LiveOptions, LoadOptions, SettingsError, StoreUnavailable, secret
from glisecrets.django_integration import DjangoSettings, secret_keys
from glisecrets.django_integration.jwks import jwks
from glisecrets.django_integration.secret_keys import KeyFollower
from glisecrets.keys import RsaKeyring, SecretKeyring
from glisecrets.redaction import process_redactor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from .conftest import WatchedStore

WEEKS = timedelta(days=14)

pytestmark = pytest.mark.usefixtures("configured")


class ApiSettings(DjangoSettings):
    """With keyrings, and each look a fresh one."""

    load_options = LoadOptions(live=LiveOptions(ttl=0))

    secret_key: SecretStr = secret("gli/django/{environment}")
    jwt_keyring: SecretStr | None = secret("gli/jwt/{environment}", None)


def load(store: WatchedStore, **environ: str) -> ApiSettings:
    """Load as a process does at its start."""
    environ = {"DJANGO_ENV": "development", **environ}
    return ApiSettings.load(environ=environ, directory=Path(store.location), store=store)


def ring_of_two() -> SecretKeyring:
    """Give a keyring that has a next key."""
    now = datetime.now(UTC)
    ring = SecretKeyring.taken_over(secrets.token_urlsafe(50), now)
    return ring.rotated(SecretKeyring.new_key(now), now, WEEKS)


def rotated(ring: Any) -> Any:
    """Give the keyring after a rotation."""
    now = datetime.now(UTC)
    return ring.rotated(ring.new_key(now), now, WEEKS)


@pytest.fixture
def served(store: WatchedStore) -> Iterator[SecretKeyring]:
    """Serve by a keyring: Django's settings are the loaded ones, and requests start."""
    ring = ring_of_two()
    store.create("gli/django/development", ring.dumps())
    loaded = load(store)
    given = loaded.django()
    names = ("GLISECRETS", "SECRET_KEY", "SECRET_KEY_FALLBACKS")
    with override_settings(**{name: given[name] for name in names}):
        follower = KeyFollower.of(settings)
        request_started.connect(follower, weak=False)
        yield ring
        request_started.disconnect(follower)


def request_starts() -> None:
    """Do what Django's handlers do first."""
    request_started.send(sender=object, environ={})


def test_a_keyring_gives_both_settings(store: WatchedStore) -> None:
    """The next key verifies already: who has rotated earlier signs with it."""
    ring = rotated(ring_of_two())
    store.create("gli/django/development", ring.dumps())
    given = load(store).django()
    assert given["SECRET_KEY"] == ring.signing.material
    assert given["SECRET_KEY_FALLBACKS"] == [ring.next.material, ring.retired[0].material]
    shown = process_redactor().redact(f"{ring.signing.material} {ring.next.material}")
    assert ring.signing.material not in shown
    assert ring.next.material not in shown


def test_one_text_is_a_secret_key_as_ever(store: WatchedStore) -> None:
    """SECRET_KEY_FALLBACKS stay the project's own."""
    given = load(store, SECRET_KEY=secrets.token_urlsafe(50)).django()
    assert "SECRET_KEY_FALLBACKS" not in given


@pytest.mark.parametrize("weak", ["signing", "next", "none"])
def test_a_keyring_is_held_to_the_same_rules(store: WatchedStore, weak: str) -> None:
    """A keyring's length says nothing of its keys; other JSON is no SECRET_KEY by accident."""
    document = ring_of_two().document()
    if weak in document:
        document[weak]["material"] = secrets.token_hex(8)
    text = json.dumps(document if weak in document else {"key": secrets.token_hex(40)})
    environ = {"SECRET_KEY": text, "DJANGO_ENV": "production", "ALLOWED_HOSTS": "api.example.com"}
    with pytest.raises(SettingsError, match="secret_key"):
        ApiSettings.load(environ=environ, directory=Path(store.location), store="off")


def test_what_was_signed_stays_valid_through_two_rotations(
    served: SecretKeyring, store: WatchedStore
) -> None:
    """Nobody is logged out, and new signatures are by the new key."""
    signed = [signing.dumps("session")]
    ring = served
    for _ in range(2):
        ring = rotated(ring)
        store.put("gli/django/development", ring.dumps())
        request_starts()
        assert ring.secret_key == settings.SECRET_KEY
        signed.append(signing.dumps("session"))
        assert [signing.loads(text) for text in signed] == ["session"] * len(signed)
    assert ring.fallbacks() == settings.SECRET_KEY_FALLBACKS


def test_a_retired_key_is_forgotten_when_it_runs_out(
    served: SecretKeyring, store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that lives for months accepts no more than one that starts today."""
    ring = rotated(served)
    store.put("gli/django/development", ring.dumps())
    request_starts()
    retired = ring.retired[0].material
    assert retired in settings.SECRET_KEY_FALLBACKS

    class Later(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime.now(tz) + WEEKS + timedelta(days=1)

    monkeypatch.setattr(secret_keys, "datetime", Later)
    request_starts()
    assert [ring.next.material] == settings.SECRET_KEY_FALLBACKS


def test_a_process_that_has_not_followed_yet_reads_what_the_others_sign(
    served: SecretKeyring,
) -> None:
    """Workers do not change over in the same moment."""
    ahead = rotated(served)
    text = signing.dumps("session", key=ahead.secret_key)
    assert signing.loads(text) == "session"


def test_a_store_that_is_down_changes_no_key(
    served: SecretKeyring, store: WatchedStore, caplog: pytest.LogCaptureFixture
) -> None:
    """Requests are served with the keys there are."""
    store.failure = StoreUnavailable("cannot be reached", store="local")
    request_starts()
    assert served.secret_key == settings.SECRET_KEY
    store.failure = None
    caplog.set_level(logging.ERROR)
    store.put("gli/django/development", json.dumps({"signing": secrets.token_hex()}))
    request_starts()
    assert served.secret_key == settings.SECRET_KEY
    assert caplog.records


def test_a_project_that_sets_its_own_key_keeps_it(store: WatchedStore) -> None:
    """What stands after the three lines overrides, as everything does."""
    store.create("gli/django/development", ring_of_two().dumps())
    with override_settings(GLISECRETS=load(store), SECRET_KEY=secrets.token_hex(40)):
        assert KeyFollower.of(settings) is None
    with override_settings(GLISECRETS=None):
        assert KeyFollower.of(settings) is None


def test_the_key_set_is_that_of_now(served: SecretKeyring, store: WatchedStore) -> None:
    """Verifiers find the next key a whole period before it signs."""
    now = datetime.now(UTC)
    ring = RsaKeyring(RsaKeyring.new_key(now), RsaKeyring.new_key(now))
    store.create("gli/jwt/development", ring.dumps())
    with override_settings(GLISECRETS=load(store)):
        first = json.loads(jwks(RequestFactory().get("/")).content)
        assert [key["kid"] for key in first["keys"]] == [ring.signing.id, ring.next.id]
        assert {key["kty"] for key in first["keys"]} == {"RSA"}
        assert not {"d", "p", "q"} & {name for key in first["keys"] for name in key}
        after = rotated(ring)
        store.put("gli/jwt/development", after.dumps())
        answer = jwks(RequestFactory().get("/"))
    kids = [key["kid"] for key in json.loads(answer.content)["keys"]]
    assert kids == [after.signing.id, after.next.id, ring.signing.id]
    assert answer["Cache-Control"] == "public, max-age=300"
