"""Tokens by PyJWT, signed and verified by the keys of a keyring.

PyJWT makes the header and checks the claims; which key is meant, and the signature, are ours: its
own way through a token's text takes three times as long as the signature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from glisecrets.errors import MissingExtra

from .errors import InvalidSignature
from .jwt_keys import ALGORITHM

try:
    import jwt
except ImportError:
    raise MissingExtra("tokens by PyJWT", "jwt") from None

if TYPE_CHECKING:
    import json
    from collections.abc import Iterable, Mapping
    from datetime import timedelta

    from .jwt_keys import JwtKeys

#: The claims that PyJWT checks of a token whose signature it has checked itself.
_CLAIMS = ("aud", "exp", "iat", "iss", "jti", "nbf", "sub")
#: A header of no token: ``{}``.
_NO_HEADER = "e30"


def encode(
    keys: JwtKeys, claims: dict[str, Any], *, json_encoder: type[json.JSONEncoder] | None = None
) -> str:
    """Sign claims by the key that signs now; its ``kid`` is in the header.

    Args:
        keys: the keys of now.
        claims: the token's; ``exp``, ``iat`` and ``nbf`` may be times.
        json_encoder: for claims that are not JSON of themselves.
    """
    pair = keys.signing
    header = {"kid": pair.kid}
    return jwt.encode(claims, pair.rsa, ALGORITHM, headers=header, json_encoder=json_encoder)


def decode(
    keys: JwtKeys,
    token: str | bytes,
    *,
    audience: str | Iterable[str] | None = None,
    issuer: str | None = None,
    leeway: float | timedelta = 0,
    options: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Give the claims of a token that is good now, as ``jwt.decode`` does.

    Args:
        keys: the keys of now.
        token: as it came.
        audience: who is meant, where the token says so.
        issuer: who must have issued it.
        leeway: seconds by which clocks may differ.
        options: PyJWT's, such as ``{"require": ["exp"]}``.

    Raises:
        jwt.InvalidTokenError: by its subclasses; of the signature ``jwt.InvalidSignatureError``.
    """
    try:
        payload = keys.verify_segment(token)
    except InvalidSignature as error:
        fault = error.message
    else:
        checks = {f"verify_{claim}": True for claim in _CLAIMS}
        merged: Any = {**checks, **(options or {}), "verify_signature": False}
        # The signature is good: what is left to PyJWT are the claims.
        return jwt.decode(
            f"{_NO_HEADER}.{payload}.",
            options=merged,
            audience=audience,
            issuer=issuer,
            leeway=leeway,
        )
    raise jwt.InvalidSignatureError(fault)
