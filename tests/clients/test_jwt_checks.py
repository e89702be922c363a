"""``manage.py check --deploy`` on a JWT keyring: what would log users out is told first."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.checks import CheckMessage, registry
from django.test import override_settings
from pydantic import SecretStr

from glisecrets import secret
from glisecrets.django_integration import DjangoSettings, jwt_checks
from glisecrets.keys import RsaKeyring

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import WatchedStore

NAME = "gli/jwt/development"
#: Not ours: simplejwt's modules, once imported, keep the settings of that moment.
APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
DAY = timedelta(days=1)

pytestmark = pytest.mark.usefixtures("configured")


class Undeclared(DjangoSettings):
    secret_key: SecretStr
    jwt_keyring: SecretStr | None = secret("gli/jwt/{environment}", None)


class TenDays(Undeclared):
    jwt_keyring: SecretStr | None = secret(
        "gli/jwt/{environment}", None, rotation={"token-life": "10d"}
    )


class Slip(Undeclared):
    jwt_keyring: SecretStr | None = secret(
        "gli/jwt/{environment}", None, rotation={"token-life": "ten"}
    )


@cache
def ring(keep_for: timedelta | None) -> RsaKeyring:
    """A keyring before its first rotation, or after one."""
    now = datetime.now(UTC)
    if keep_for is None:
        return RsaKeyring(RsaKeyring.new_key(now))
    before = replace(ring(None), next=RsaKeyring.new_key(now))
    return before.rotated(RsaKeyring.new_key(now), now, keep_for)


@contextmanager
def serving(
    store: WatchedStore,
    cls: type[Undeclared] = Undeclared,
    *,
    kept: timedelta | None = None,
    **simple_jwt: Any,
) -> Iterator[list[CheckMessage]]:
    """Give what the deploy check tells of a keyring with these settings of simplejwt."""
    store.create(NAME, ring(kept).dumps())
    environ = {"DJANGO_ENV": "development", "SECRET_KEY": secrets.token_urlsafe(50)}
    loaded = cls.load(environ=environ, directory=Path(store.location), store=store)
    given = {"GLISECRETS": loaded, "SIMPLE_JWT": loaded.simple_jwt(**simple_jwt)}
    with override_settings(**given), override_settings(INSTALLED_APPS=APPS):
        yield checked()


def checked() -> list[CheckMessage]:
    """Run our checks, as ``manage.py check --deploy`` does."""
    found = registry.registry.get_checks(include_deployment_checks=True)
    ours = [check for check in found if check.__module__ == jwt_checks.__name__]
    assert len(ours) == 2
    return [told for check in ours for told in check(app_configs=None)]


@pytest.mark.parametrize(
    ("cls", "kept", "refresh"),
    [
        (Undeclared, None, DAY),
        (Undeclared, None, 30 * DAY),
        (Undeclared, 60 * DAY, 60 * DAY),
        (TenDays, None, 10 * DAY),
        (TenDays, 10 * DAY, 10 * DAY),
        (Slip, None, 30 * DAY),
    ],
)
def test_a_key_that_outlives_its_tokens_is_fine(
    store: WatchedStore, cls: type[Undeclared], kept: timedelta | None, refresh: timedelta
) -> None:
    """By the kind's default, as declared, or as a tag says, which the last retired key shows."""
    with serving(store, cls, kept=kept, REFRESH_TOKEN_LIFETIME=refresh) as told:
        assert told == []


@pytest.mark.parametrize(
    ("cls", "kept", "refresh", "leeway", "suggested"),
    [
        (Undeclared, None, 31 * DAY, 0, "32d"),
        (Undeclared, None, 30 * DAY, 60, "31d"),
        (Undeclared, None, 30 * DAY, timedelta(hours=1), "31d"),
        (Undeclared, DAY, 7 * DAY, 0, "8d"),
        (TenDays, None, 14 * DAY, 0, "15d"),
        (TenDays, DAY, 10 * DAY, 0, "11d"),
    ],
)
def test_a_key_that_goes_before_its_tokens_is_told(
    store: WatchedStore,
    cls: type[Undeclared],
    kept: timedelta | None,
    refresh: timedelta,
    leeway: float | timedelta,
    suggested: str,
) -> None:
    """Every rotation would log users out; the hint says what to write."""
    lives = {"REFRESH_TOKEN_LIFETIME": refresh, "LEEWAY": leeway}
    with serving(store, cls, kept=kept, **lives) as told:
        assert [found.id for found in told] == ["glisecrets.W008"]
        assert f'"token-life": "{suggested}"' in str(told[0].hint)


def test_a_longer_access_token_counts_too(store: WatchedStore) -> None:
    """Whichever of simplejwt's tokens lives longest."""
    with serving(store, ACCESS_TOKEN_LIFETIME=90 * DAY) as told:
        assert "90 days" in told[0].msg


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALGORITHM", "HS256"),
        ("ALGORITHM", "RS512"),
        ("SIGNING_KEY", "by hand"),
        ("VERIFYING_KEY", "by hand"),
        ("JWK_URL", "https://api.example.com/.well-known/jwks.json"),
    ],
)
def test_settings_of_keys_that_are_not_used_are_told(
    store: WatchedStore, name: str, value: str
) -> None:
    """Whoever wrote them thinks that tokens are signed by them; the value is not repeated."""
    with serving(store, **{name: value}) as told:
        assert [(found.id, name in found.msg) for found in told] == [("glisecrets.W009", True)]
        assert value not in f"{told[0].msg}{told[0].hint}" or name == "ALGORITHM"


def test_without_a_keyring_nothing_is_said(store: WatchedStore) -> None:
    """Whether simplejwt stands on its own keys is none of our business."""
    with (
        serving(store, REFRESH_TOKEN_LIFETIME=900 * DAY, ALGORITHM="HS256") as told,
        override_settings(GLISECRETS=None),
    ):
        assert len(told) == 2
        assert checked() == []
