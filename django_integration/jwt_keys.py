"""The keys of JWTs as the keyring of a settings field is now, for views and other libraries.

::

    claims = decode(jwt_keys(), token)  # of glisecrets.keys.pyjwt
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

from django.conf import settings

from glisecrets.keys import LiveJwtKeys

if TYPE_CHECKING:
    from glisecrets.keys import JwtKeys

__all__ = ["FIELD", "has_keyring", "jwt_keys"]

#: The settings field that holds the keyring.
FIELD = "jwt_keyring"


def jwt_keys(field: str = FIELD) -> JwtKeys:
    """Give the keys of now: parsed once, and anew after a rotation.

    Args:
        field: the settings field that holds the keyring.

    Raises:
        InvalidKey: it holds none.
    """
    return _live(field)()


def has_keyring(django_settings: Any) -> bool:
    """Tell whether Django's settings come from a class whose field holds a keyring."""
    return bool(getattr(getattr(django_settings, "GLISECRETS", None), FIELD, None))


@cache
def _live(field: str) -> LiveJwtKeys:
    return LiveJwtKeys(partial(_text, field), partial(_refresh, field))


def _text(field: str) -> str:
    text: str = settings.GLISECRETS.live(field).get_secret_value()
    return text


def _refresh(field: str) -> None:
    settings.GLISECRETS.refresh(field)
