"""djangorestframework-simplejwt on a keyring: each token names its key, every published one counts.

simplejwt has one key to verify with, and writes no ``kid``. It has no setting for another backend;
the app puts this one where each token looks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jwt
from django.utils.translation import gettext_lazy as _
from rest_framework_simplejwt import state
from rest_framework_simplejwt.backends import TokenBackend
from rest_framework_simplejwt.exceptions import TokenBackendError, TokenBackendExpiredToken
from rest_framework_simplejwt.settings import api_settings

from glisecrets.keys import pyjwt

from .jwt_keys import jwt_keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from rest_framework_simplejwt.tokens import Token

    from glisecrets.keys import JwtKeys

__all__ = ["KeyringTokenBackend", "install"]


class KeyringTokenBackend(TokenBackend):
    """Signs by the keyring's signing key, and verifies by whichever key a token names."""

    def __init__(self, keys: Callable[[], JwtKeys], **options: Any) -> None:
        """Take the keys, and simplejwt's own options.

        Args:
            keys: gives those of now.
            **options: ``audience``, ``issuer``, ``leeway`` and ``json_encoder``.
        """
        super().__init__("RS256", **options)
        self._keys = keys

    def encode(self, payload: dict[str, Any]) -> str:
        """Give the token of a payload."""
        own = {"aud": self.audience, "iss": self.issuer}
        claims = {**payload, **{name: text for name, text in own.items() if text is not None}}
        return pyjwt.encode(self._keys(), claims, json_encoder=self.json_encoder)

    def decode(self, token: Token, verify: bool = True) -> dict[str, Any]:
        """Give the payload of a token.

        Raises:
            TokenBackendExpiredToken: it has run out.
            TokenBackendError: it is not signed by a published key, or is no good otherwise.
        """
        try:
            return self._decoded(token, verify)
        except jwt.ExpiredSignatureError as error:
            raise TokenBackendExpiredToken(_("Token is expired")) from error
        except jwt.InvalidTokenError as error:
            raise TokenBackendError(_("Token is invalid")) from error

    def _decoded(self, token: Any, verify: bool) -> dict[str, Any]:
        expected: dict[str, Any] = {"audience": self.audience, "issuer": self.issuer}
        options: Any = {"verify_aud": self.audience is not None}
        if not verify:
            options["verify_signature"] = False
            return jwt.decode(token, options=options, **expected)
        leeway = self.get_leeway()
        return pyjwt.decode(self._keys(), token, options=options, leeway=leeway, **expected)


def install() -> None:
    """Have simplejwt's tokens use the keyring of the field ``jwt_keyring``; again does no harm."""
    state.token_backend = KeyringTokenBackend(
        jwt_keys,
        audience=api_settings.AUDIENCE,
        issuer=api_settings.ISSUER,
        leeway=api_settings.LEEWAY,
        json_encoder=api_settings.JSON_ENCODER,
    )
