"""The keys of a keyring, parsed once: they sign and verify JSON Web Tokens by RS256.

::

    keys = JwtKeys.of(RsaKeyring.parse(text))
    token = keys.sign(json.dumps(claims).encode())
    claims = json.loads(keys.verify(token))

This is the signature alone (RFC 7515, compact serialisation); what the claims say, and whether
they have run out, is checked by PyJWT, joserfc or simplejwt: see ``docs/jwt.md``.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn, Self

from glisecrets.documents import parse_json

from . import base64url
from .errors import InvalidSignature, UnknownKey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .key_pair import KeyPair, PublicKey
    from .rsa_keyring import RsaKeyring

ALGORITHM: Final = "RS256"
#: A longer protected header is nobody's who means well, in characters.
_LONGEST_HEADER = 1024


class PublishedKey(NamedTuple):
    """A key that verifies, and until when; ``None`` of one that still signs."""

    public: PublicKey
    expires: datetime | None


@dataclass(frozen=True)
class JwtKeys:
    """What signs and what verifies. A class, for parsing takes 100 times as long as signing."""

    signing: KeyPair
    #: By their ``kid``; the signing key first.
    published: Mapping[str, PublishedKey]
    #: Gives the keys of a newer keyring, if there may be one; asked about ids that are not here.
    newer: Callable[[], JwtKeys] | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, ring: RsaKeyring, newer: Callable[[], JwtKeys] | None = None) -> Self:
        """Parse the keys of a keyring; takes 0.2 s (2048 bits) to 0.7 s (4096).

        Args:
            ring: the keyring.
            newer: gives the keys of a newer one; :class:`.LiveJwtKeys` brings its own.

        Raises:
            InvalidKey: one cannot be read, is weak, or has another id than its thumbprint.
        """
        publics = zip(ring.accepted(), ring.public_keys(), strict=True)
        return cls(
            ring.key_pair,
            {key.id: PublishedKey(public, key.expires) for key, public in publics},
            newer,
        )

    def accepted(self) -> list[PublicKey]:
        """Give the keys that verify now, the signing one first."""
        now = datetime.now(UTC)
        return [key.public for key in self.published.values() if _is_good(key, now)]

    def jwks(self) -> dict[str, Any]:
        """Give the JSON Web Key Set (RFC 7517, section 5) of now."""
        return {"keys": [public.jwk for public in self.accepted()]}

    def find(self, kid: str) -> PublicKey:
        """Give the key that verifies what has this id in its header.

        Raises:
            UnknownKey: none does: it was never published, or is pruned by now, and a newer
                keyring does not have it either.
        """
        key = self.published.get(kid)
        if key is None and self.newer is not None:
            key = self.newer().published.get(kid)
        if key is None or not _is_good(key, datetime.now(UTC)):
            raise UnknownKey(f"no published key has the kid {kid[:64]!r}")
        return key.public

    def sign(self, payload: bytes) -> str:
        """Give the token of a payload, its header with ``alg``, ``kid`` and ``typ``."""
        message = f"{self._header}.{base64url.encode(payload)}"
        return f"{message}.{base64url.encode(self.signing.sign(message.encode()))}"

    def verify(self, token: str | bytes) -> bytes:
        """Give the payload of a token whose signature is good.

        Raises:
            InvalidSignature: see :meth:`verify_segment`.
        """
        return _decoded(self.verify_segment(token))

    def verify_segment(self, token: str | bytes) -> str:
        """Give the payload of a token whose signature is good, in base64url as it came.

        A token without ``kid`` is held against every published key: those that were issued
        before there was a keyring have none, and RFC 7515, section 4.1.4 asks for none.

        Raises:
            UnknownKey: its ``kid`` is not, or no longer, published.
            InvalidSignature: no token by RS256, or the signature is not the key's.
        """
        text: object = token.decode("ascii", "replace") if isinstance(token, bytes) else token
        if not isinstance(text, str):  # of JSON that a client has sent, it may be anything
            _refuse("it is no text")
        message, _, signature = text.rpartition(".")
        header, _, payload = message.partition(".")
        if len(header) > _LONGEST_HEADER:
            _refuse("its header is too long")
        self._verify(_kid(header), _decoded(signature), message.encode("ascii", "replace"))
        return payload

    def _verify(self, kid: str | None, signature: bytes, message: bytes) -> None:
        for public in self.accepted() if kid is None else [self.find(kid)]:
            with suppress(InvalidSignature):
                public.verify(signature, message)
                return
        _refuse("its signature is not that of a published key, or not of this message")

    @cached_property
    def _header(self) -> str:
        header = {"alg": ALGORITHM, "kid": self.signing.kid, "typ": "JWT"}
        return base64url.encode(json.dumps(header, separators=(",", ":")).encode())


@lru_cache(maxsize=32)
def _kid(header: str) -> str | None:
    """Give the ``kid`` of a protected header; the tokens of one key all have the same one.

    Raises:
        InvalidSignature: another algorithm, or what is said to be critical.
    """
    document = parse_json(_decoded(header).decode("utf-8", "replace"))
    if not isinstance(document, dict):
        _refuse("its header is no JSON object")
    # Not what the token asks for is done, but what we do (RFC 8725, section 3.1): neither "none"
    # nor HS256 with the public key for its secret.
    if document.get("alg") != ALGORITHM:
        _refuse(f"its algorithm is not {ALGORITHM}")
    if "crit" in document:
        _refuse("its header has extensions that are not understood")
    kid = document.get("kid")
    if not isinstance(kid, str | None):
        _refuse("its kid is no text")
    return kid


def _is_good(key: PublishedKey, now: datetime) -> bool:
    return key.expires is None or key.expires > now


def _refuse(fault: str) -> NoReturn:
    raise InvalidSignature(f"no token that is accepted: {fault}")


def _decoded(text: str) -> bytes:
    try:
        return base64url.decode(text)
    except ValueError:
        pass
    _refuse("a part of it is no base64url")
