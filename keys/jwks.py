"""JSON Web Key Sets (RFC 7517, section 5) that others publish, or that we have published."""

from __future__ import annotations

from typing import Any

from glisecrets.documents import UnreadableValue, parse_object

from .errors import InvalidKeyring
from .key_pair import PublicKey


def read_jwks(text: str | bytes) -> dict[str, PublicKey]:
    """Give the keys of a set that verify RS256, by their ``kid``.

    Keys of other kinds, algorithms and uses are passed over, as RFC 7517, section 5 has it.

    Raises:
        InvalidKeyring: no set, a key without ``kid``, or two of the same: which one is meant is
            then anyone's guess.
        InvalidKey: a key is weak, or none.
    """
    found: dict[str, PublicKey] = {}
    for jwk in _keys_of(text):
        kid = jwk.get("kid")
        if not isinstance(kid, str):
            raise InvalidKeyring("a key of the JWKS has no kid")
        if kid in found:
            raise InvalidKeyring(f"the JWKS has two keys of the kid {kid[:64]!r}")
        found[kid] = PublicKey.from_jwk(jwk)
    return found


def _keys_of(text: str | bytes) -> list[dict[str, Any]]:
    try:
        keys = parse_object(text.decode() if isinstance(text, bytes) else text).get("keys")
    except (UnreadableValue, UnicodeDecodeError):
        keys = None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise InvalidKeyring("a JWKS is expected: a JSON object with a list of keys")
    return [key for key in keys if _verifies_rs256(key)]


def _verifies_rs256(jwk: dict[str, Any]) -> bool:
    """Tell by what a key says of itself (RFC 7517, sections 4.1 to 4.4); unsaid, it is so."""
    operations = jwk.get("key_ops", ["verify"])
    return (
        (jwk.get("kty"), jwk.get("use", "sig"), jwk.get("alg", "RS256")) == ("RSA", "sig", "RS256")
        and isinstance(operations, list)
        and "verify" in operations
    )
