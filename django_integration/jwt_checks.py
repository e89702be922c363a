"""System checks of a JWT keyring beside djangorestframework-simplejwt.

======== ===========================================================================
W008     a retired key goes before the last token that it signed
W009     SIMPLE_JWT says something of keys that the keyring's backend does not use
======== ===========================================================================
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004

from glisecrets.declaration import declaration_of
from glisecrets.durations import parse_duration
from glisecrets.errors import ConfigurationError
from glisecrets.keys import InvalidKey, RsaKeyring
from glisecrets.keys.keyring import FOLLOWED_WITHIN

from .apps import has_simple_jwt
from .jwt_keys import FIELD, has_keyring

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check_simple_jwt", "check_token_life"]

_LIFETIMES = ("ACCESS_TOKEN_LIFETIME", "REFRESH_TOKEN_LIFETIME", "SLIDING_TOKEN_LIFETIME")
_OF_KEYS = ("SIGNING_KEY", "VERIFYING_KEY", "JWK_URL")


@register(Tags.security, deploy=True)
def check_token_life(**_: Any) -> list[CheckMessage]:
    """Tell of a keyring that drops a key while its tokens live (W008)."""
    if not _uses_keyring():
        return []
    kept, needed = min(_kept()), _longest_life()
    if kept >= needed:
        return []
    told = (
        f"A retired key of {FIELD} verifies for {kept} after its last use, and simplejwt's tokens "
        f"live for {needed}: each rotation will log users out."
    )
    hint = (
        f'Give the field rotation={{"token-life": "{needed.days + 1}d"}}, or its secret the tag '
        "glisecrets:token-life, or its tokens a shorter life."
    )
    return [Warning(told, hint=hint, id="glisecrets.W008")]


@register(Tags.security, deploy=True)
def check_simple_jwt(**_: Any) -> list[CheckMessage]:
    """Tell of settings that the keyring's backend does not use (W009)."""
    if not _uses_keyring():
        return []
    told = getattr(settings, "SIMPLE_JWT", None) or {}
    ignored = [name for name in _OF_KEYS if told.get(name)]
    if told.get("ALGORITHM", "RS256") != "RS256":
        ignored.insert(0, "ALGORITHM")
    hint = "Take SIMPLE_JWT from settings.simple_jwt(), and leave out what it says of keys."
    return [
        Warning(
            f"SIMPLE_JWT sets {name}, which the keyring of {FIELD} does not use.",
            hint=hint,
            id="glisecrets.W009",
        )
        for name in ignored
    ]


def _uses_keyring() -> bool:
    return has_keyring(settings) and has_simple_jwt() and not settings.GLISECRETS.build_phase


def _longest_life() -> timedelta:
    from rest_framework_simplejwt.settings import api_settings

    told: Any = api_settings.LEEWAY
    leeway = told if isinstance(told, timedelta) else timedelta(seconds=told)
    lives: list[timedelta] = [getattr(api_settings, name) for name in _LIFETIMES]
    return max(lives) + leeway


def _kept() -> Iterator[timedelta]:
    """Give the life of tokens that retired keys are kept for: as declared, as the last one was."""
    declared, last = _declared(), _last()
    if declared is None and last is None:
        from glisecrets.rotation.rotators.jwt_keyring import JwtKeyring

        yield JwtKeyring.life[1]
    yield from (life for life in (declared, last) if life is not None)


def _declared() -> timedelta | None:
    declaration = declaration_of(type(settings.GLISECRETS).model_fields[FIELD])
    options = dict(declaration.rotation) if declaration else {}
    try:
        return parse_duration(options.get("token-life"))
    except ConfigurationError:
        return None  # told by whoever plans its rotation


def _last() -> timedelta | None:
    try:
        ring = RsaKeyring.parse(getattr(settings.GLISECRETS, FIELD).get_secret_value())
    except InvalidKey:
        return None
    spent = [(key.retired, key.expires) for key in ring.retired]
    kept = (expires - retired for retired, expires in spent if retired and expires)
    return next((life - FOLLOWED_WITHIN for life in kept), None)
