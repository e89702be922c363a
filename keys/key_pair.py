"""RSA key pairs that sign JSON Web Tokens by RS256: made, read, published.

Parsing a private key takes a hundred times as long as signing with it: keep the object.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Self

from cryptography import exceptions
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from glisecrets.documents import UnreadableValue
from glisecrets.errors import ConfigurationError
from glisecrets.pem_forms import raw_pem

from .errors import InvalidKey, InvalidSignature

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Sizes in bits that are made; RFC 7518, section 3.3 asks for 2048 at least.
SIZES: Final = (2048, 3072, 4096)
#: The public exponent of every key that is made, and the smallest that is accepted.
_EXPONENT: Final = 65537


@dataclass(frozen=True)
class PublicKey:
    """The half that verifies; may be shown to anyone."""

    #: The parsed key.
    rsa: rsa.RSAPublicKey = field(repr=False)

    @classmethod
    def from_pem(cls, text: str) -> Self:
        r"""Read PEM (SubjectPublicKeyInfo or PKCS#1), raw, ``\n``-escaped or base64.

        Raises:
            InvalidKey: no RSA public key, or a weak one.
        """
        loaded = _loaded(text, serialization.load_pem_public_key)
        if isinstance(loaded, rsa.RSAPublicKey):
            return cls(_strong(loaded))
        raise InvalidKey("not an RSA public key in PEM")

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, Any]) -> Self:
        """Read a JSON Web Key (RFC 7517).

        Raises:
            InvalidKey: no RSA public key, or a weak one.
        """
        try:
            numbers = rsa.RSAPublicNumbers(_number(jwk["e"]), _number(jwk["n"]))
            loaded = numbers.public_key() if jwk.get("kty") == "RSA" else None
        except (KeyError, TypeError, ValueError):
            loaded = None
        if loaded is None:
            raise InvalidKey("not an RSA key as JSON Web Key")
        return cls(_strong(loaded))

    @property
    def pem(self) -> str:
        """PEM, SubjectPublicKeyInfo: ``-----BEGIN PUBLIC KEY-----``."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.rsa.public_bytes(serialization.Encoding.PEM, form).decode()

    @cached_property
    def kid(self) -> str:
        """The key's id: its SHA-256 thumbprint (RFC 7638)."""
        canonical = json.dumps(self._required, separators=(",", ":"), sort_keys=True)
        return _base64url(hashlib.sha256(canonical.encode()).digest())

    @property
    def jwk(self) -> dict[str, str]:
        """The JSON Web Key (RFC 7517), for use in a JWKS."""
        return {**self._required, "use": "sig", "alg": "RS256", "kid": self.kid}

    @cached_property
    def _required(self) -> dict[str, str]:
        numbers = self.rsa.public_numbers()
        return {"kty": "RSA", "n": _text(numbers.n), "e": _text(numbers.e)}

    def verify(self, signature: bytes, message: bytes) -> None:
        """See that a signature is the other half's, of this message.

        Raises:
            InvalidSignature: it is not.
        """
        try:
            self.rsa.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        except exceptions.InvalidSignature:
            raise InvalidSignature(f"not a signature by key {self.kid}") from None


@dataclass(frozen=True)
class KeyPair:
    """Both halves. Its ``repr`` shows the key's id alone."""

    #: The parsed private key.
    rsa: rsa.RSAPrivateKey = field(repr=False)

    @classmethod
    def generate(cls, bits: int = 2048) -> Self:
        """Make a key pair.

        Args:
            bits: 2048, 3072 or 4096. Signing with 4096 takes five times as long as with 2048.

        Raises:
            ConfigurationError: another size.
        """
        if bits not in SIZES:
            sizes = ", ".join(map(str, SIZES))
            raise ConfigurationError(
                f"{bits} is no size of an RSA key that is made here",
                next_step=f"choose one of: {sizes}",
            )
        return cls(rsa.generate_private_key(_EXPONENT, bits))

    @classmethod
    def from_pem(cls, text: str, *, validate: bool = True) -> Self:
        r"""Read PEM (PKCS#8 or PKCS#1), raw, ``\n``-escaped or base64.

        Args:
            text: the PEM text.
            validate: see that the numbers fit together, which takes 0.2 s (2048 bits) to 0.7 s
                (4096); ``False`` is for keys that were validated before.

        Raises:
            InvalidKey: no RSA private key, a damaged or a weak one, or behind a passphrase.
        """
        loaded = _loaded(
            text,
            lambda pem: serialization.load_pem_private_key(
                pem, None, unsafe_skip_rsa_key_validation=not validate
            ),
        )
        if isinstance(loaded, rsa.RSAPrivateKey):
            _strong(loaded.public_key())
            return cls(loaded)
        raise InvalidKey(
            "not an RSA private key in PEM, or a damaged one",
            next_step="make one: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048;"
            " a key of OpenSSH's own form becomes PEM by: ssh-keygen -p -m PEM -f FILE",
        )

    @property
    def pem(self) -> str:
        """PEM, PKCS#8, not encrypted: ``-----BEGIN PRIVATE KEY-----``."""
        return self.rsa.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    @cached_property
    def public(self) -> PublicKey:
        """The half that verifies."""
        return PublicKey(self.rsa.public_key())

    @property
    def kid(self) -> str:
        """The key's id: its SHA-256 thumbprint (RFC 7638)."""
        return self.public.kid

    def sign(self, message: bytes) -> bytes:
        """Sign by RS256: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, section 3.3)."""
        return self.rsa.sign(message, padding.PKCS1v15(), hashes.SHA256())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.kid}>"


def _loaded(text: str, load: Callable[[bytes], object]) -> object:
    """Parse PEM; give ``None`` for what is none, as the library's error may repeat a part.

    Raises:
        InvalidKey: not whole PEM text, or encrypted.
    """
    try:
        return load(raw_pem(text).encode())
    except UnreadableValue as error:
        fault = error.message
    except TypeError:
        fault = "the key is behind a passphrase"
    except (ValueError, exceptions.UnsupportedAlgorithm):
        return None
    raise InvalidKey(fault)


def _strong(key: rsa.RSAPublicKey) -> rsa.RSAPublicKey:
    exponent = key.public_numbers().e
    if key.key_size < SIZES[0]:
        raise InvalidKey(f"an RSA key of {key.key_size} bits: at least {SIZES[0]} are asked for")
    if exponent < _EXPONENT:
        raise InvalidKey(f"an RSA key with exponent {exponent}: at least {_EXPONENT} is asked for")
    return key


def _text(number: int) -> str:
    return _base64url(number.to_bytes((number.bit_length() + 7) // 8))


def _number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
