"""The JWKS view: open to whoever verifies."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import RequestFactory, override_settings

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
