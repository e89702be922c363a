"""The JWKS view: open to whoever verifies, and the keyring or the one key that it publishes."""

from __future__ import annotations

import secrets
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory, override_settings
from pydantic import SecretStr

from glisecrets import secret
from glisecrets.django_integration import DjangoSettings
from glisecrets.keys import KeyPair, read_jwks

if TYPE_CHECKING:
    from .conftest import WatchedStore

APPS = ["django.contrib.contenttypes", "django.contrib.auth"]


@pytest.mark.usefixtures("configured")
@override_settings(INSTALLED_APPS=APPS, ALLOWED_HOSTS=["testserver"])
def test_the_jwks_is_open_where_every_other_view_asks_for_a_login() -> None:
    """Verifiers have no account: Django's LoginRequiredMiddleware would send them to a form."""
    jwks = import_module("glisecrets.django_integration.jwks").jwks
    request: Any = RequestFactory().get("/")
    request.user = SimpleNamespace(is_authenticated=False)
    middleware = import_module("django.contrib.auth.middleware")
    guard = middleware.LoginRequiredMiddleware(lambda _: HttpResponse())
    guard.handle_no_permission = lambda *_: HttpResponse(status=302)  # no form to send to here
    assert guard.process_view(request, lambda _: HttpResponse(), [], {}) is not None
    assert guard.process_view(request, jwks, [], {}) is None


class ApiSettings(DjangoSettings):
    secret_key: SecretStr
    jwt_keyring: SecretStr | None = secret("gli/jwt/{environment}", None)


@pytest.mark.usefixtures("configured")
def test_a_secret_with_one_bare_key_is_served_before_its_first_rotation(
    store: WatchedStore,
) -> None:
    """The program that follows a keyring is deployed before there is one."""
    pair = KeyPair.generate()
    store.create("gli/jwt/development", pair.pem)
    environ = {"DJANGO_ENV": "development", "SECRET_KEY": secrets.token_urlsafe(50)}
    loaded = ApiSettings.load(environ=environ, directory=Path(store.location), store=store)
    module = import_module("glisecrets.django_integration.jwt_keys")
    module._live.cache_clear()
    with override_settings(GLISECRETS=loaded):
        answer = import_module("glisecrets.django_integration.jwks").jwks(RequestFactory().get("/"))
        assert list(read_jwks(answer.content)) == [pair.kid]
    module._live.cache_clear()
