"""RSA key pairs that sign JSON Web Tokens by RS256: made, read, published.

Parsing a private key takes a hundred times as long as signing with it: keep the object.
"""

from __future__ import annotations

import base64
import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Self

from cryptography import exceptions
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from glisecrets.documents import UnreadableValue
from glisecrets.errors import ConfigurationError
from glisecrets.pem_forms import raw_pem

from . import base64url
from .encrypted_pem import encrypted_pem
from .errors import InvalidKey, InvalidSignature
from .weak_keys import EXPONENT, checked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: How the algorithm is named of a key that must not sign by RS256 (RFC 4055, section 1.2), in DER.
_PSS_ALONE: Final = bytes.fromhex("06092a864886f70d01010a")
#: Sizes in bits that are made; RFC 7518, section 3.3 asks for 2048 at least.
SIZES: Final = (2048, 3072, 4096)


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
            return cls(checked(loaded))
        if "PRIVATE KEY" in _label(text):
            raise InvalidKey(
                "a private key, where the public one is asked for",
                next_step="has anyone seen it? Then replace it; its public half is printed by:"
                " glisecrets keys jwt public FILE",
            )
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
        return cls(checked(loaded))

    @property
    def pem(self) -> str:
        """PEM, SubjectPublicKeyInfo: ``-----BEGIN PUBLIC KEY-----``."""
        return self._pem(serialization.PublicFormat.SubjectPublicKeyInfo)

    @property
    def pkcs1(self) -> str:
        """PEM, PKCS#1, as ``ssh-keygen -e -m PEM`` writes it."""
        return self._pem(serialization.PublicFormat.PKCS1)

    def _pem(self, form: serialization.PublicFormat) -> str:
        return self.rsa.public_bytes(serialization.Encoding.PEM, form).decode()

    @cached_property
    def kid(self) -> str:
        """The key's id: its SHA-256 thumbprint (RFC 7638)."""
        canonical = json.dumps(self._required, separators=(",", ":"), sort_keys=True)
        return base64url.encode(hashlib.sha256(canonical.encode()).digest())

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
        return cls(rsa.generate_private_key(EXPONENT, bits))

    @classmethod
    def from_pem(cls, text: str, passphrase: str | None = None, *, validate: bool = True) -> Self:
        r"""Read PEM (PKCS#8 or PKCS#1), raw, ``\n``-escaped or base64.

        Args:
            text: the PEM text.
            passphrase: what it is encrypted with.
            validate: see that the numbers fit together, which takes 0.2 s (2048 bits) to 0.7 s
                (4096); ``False`` is for keys that were validated before.

        Raises:
            InvalidKey: no RSA private key, a damaged or a weak one, or behind a passphrase that
                was not given, or another one.
        """
        secret = None if passphrase is None else passphrase.encode()
        loaded = _loaded(
            text,
            lambda pem: serialization.load_pem_private_key(
                pem, secret, unsafe_skip_rsa_key_validation=not validate
            ),
        )
        if isinstance(loaded, rsa.RSAPrivateKey):
            checked(loaded.public_key())
            return cls(loaded)
        raise _no_private_key(_label(text), passphrase)

    @property
    def pem(self) -> str:
        """PEM, PKCS#8, not encrypted: ``-----BEGIN PRIVATE KEY-----``."""
        form = serialization.PrivateFormat.PKCS8
        return self._bytes(serialization.Encoding.PEM, form).decode()

    @property
    def pkcs1(self) -> str:
        """PEM, PKCS#1, not encrypted, as the guide's ``ssh-keygen -m PEM`` writes it."""
        form = serialization.PrivateFormat.TraditionalOpenSSL
        return self._bytes(serialization.Encoding.PEM, form).decode()

    def encrypted(self, passphrase: str) -> str:
        """Give PEM behind a passphrase: ``-----BEGIN ENCRYPTED PRIVATE KEY-----``.

        Takes a sixth of a second, as each guess at the passphrase does.

        Raises:
            ConfigurationError: the passphrase is empty.
        """
        if not passphrase:
            raise ConfigurationError("the passphrase is empty", next_step="choose one")
        form = serialization.PrivateFormat.PKCS8
        return encrypted_pem(self._bytes(serialization.Encoding.DER, form), passphrase)

    def _bytes(self, encoding: serialization.Encoding, form: serialization.PrivateFormat) -> bytes:
        return self.rsa.private_bytes(encoding, form, serialization.NoEncryption())

    @cached_property
    def public(self) -> PublicKey:
        """The half that verifies."""
        return PublicKey(self.rsa.public_key())

    @property
    def kid(self) -> str:
        """The key's id: its SHA-256 thumbprint (RFC 7638)."""
        return self.public.kid

    def check_public(self, public: PublicKey) -> None:
        """See that a public key is the other half of this private one.

        Raises:
            InvalidKey: it is not.
        """
        if public.kid != self.kid:
            raise InvalidKey(
                f"the public key {public.kid} is not the other half of the private key {self.kid}",
                next_step="publish the half that belongs to it",
            )

    def sign(self, message: bytes) -> bytes:
        """Sign by RS256: RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518, section 3.3)."""
        return self.rsa.sign(message, padding.PKCS1v15(), hashes.SHA256())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.kid}>"


def _loaded(text: str, load: Callable[[bytes], object]) -> object:
    """Parse PEM; give ``None`` for what is none, as the library's error may repeat a part.

    Raises:
        InvalidKey: not whole PEM text, encrypted, or for another algorithm.
    """
    try:
        pem = raw_pem(text)
        _refuse_pss(pem)
        return load(pem.encode())
    except UnreadableValue as error:
        fault, step = error.message, error.next_step
    except TypeError:
        encrypted = "ENCRYPTED" in raw_pem(text)
        fault = "the key is behind a passphrase" if encrypted else "the key has no passphrase"
        step = "give its passphrase" if encrypted else "leave the passphrase out"
    except (ValueError, exceptions.UnsupportedAlgorithm):
        return None
    raise InvalidKey(fault, next_step=step)


def _refuse_pss(pem: str) -> None:
    """Refuse what ``cryptography`` takes, and forgets about: a key for RSASSA-PSS alone.

    Of an encrypted key it cannot be seen.
    """
    body = "".join(pem.splitlines()[1:-1])[:64]
    with suppress(ValueError):  # told by whoever parses it
        if _PSS_ALONE in base64.b64decode(body):
            raise InvalidKey(
                "a key for RSASSA-PSS alone, which must not sign by RS256",
                next_step="make one: glisecrets keys jwt generate",
            )


def _label(text: str) -> str:
    """Give the first line of PEM text that could be taken apart."""
    return raw_pem(text).partition("\n")[0]


def _no_private_key(label: str, passphrase: str | None) -> InvalidKey:
    if "PUBLIC KEY" in label:
        return InvalidKey(
            "a public key, where the private one is asked for",
            next_step="give the file that was kept secret, not the .pub one",
        )
    if passphrase is not None:
        return InvalidKey("the private key is damaged, or the passphrase is another one")
    return InvalidKey(
        "not an RSA private key in PEM, or a damaged one",
        next_step="make one: glisecrets keys jwt generate; a key of OpenSSH's own form becomes PEM"
        " by: ssh-keygen -p -m PEM -f FILE",
    )


def _text(number: int) -> str:
    return base64url.encode(number.to_bytes((number.bit_length() + 7) // 8))


def _number(text: str) -> int:
    return int.from_bytes(base64url.decode(text))
