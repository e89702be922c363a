"""The keyring that signs JSON Web Tokens by RS256, and the JWKS that publishes it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self

from glisecrets.documents import MISSING, UnreadableValue, parse_json
from glisecrets.pem_forms import raw_pem

from .errors import InvalidKeyring
from .key_pair import KeyPair, PublicKey
from .keyring import Key, Keyring


@dataclass(frozen=True, slots=True)
class RsaKeyring(Keyring):
    """RSA keys: the material is PEM, of retired keys the public half; the id is the ``kid``.

    Of a key in AWS KMS the material is its address, ``aws:arn:aws:kms:…``, and its public half.
    """

    @classmethod
    def parse(cls, text: str | bytes) -> Self:
        """Read a keyring's JSON text; of a secret that never rotated, the one key that it holds.

        Raises:
            InvalidKey: it is neither; the message never repeats it.
        """
        bare = _bare_key(text)
        if bare is not None:
            return cls.taken_over(bare, datetime.now(UTC))
        # Slots make the class anew; super() alone would find the first one.
        return super(RsaKeyring, cls).parse(text)

    @classmethod
    def taken_over(cls, value: str, now: datetime) -> Self:
        """Make a keyring of a private key in PEM, of whatever form ``KeyPair.from_pem`` reads."""
        return cls(_key(KeyPair.from_pem(value), now))

    @staticmethod
    def new_key(now: datetime, bits: int = 2048) -> Key:
        """Make a key.

        Raises:
            ConfigurationError: not a size that is made; see ``KeyPair.generate``.
        """
        return _key(KeyPair.generate(bits), now)

    @staticmethod
    def key_in_kms(address: str, now: datetime) -> Key:
        """Take a key that signs in AWS KMS.

        Args:
            address: see :meth:`glisecrets.keys.kms.KmsSigner.open`, which says what is raised.
            now: the time, aware.
        """
        from .kms import KmsSigner

        signer = KmsSigner.open(address)
        return Key(KeyPair(signer).kid, signer.material, now)

    @property
    def key_pair(self) -> KeyPair:
        """What signs. Parsed at each call, which is slow: keep it.

        Raises:
            InvalidKey: it cannot be read.
        """
        return _pair(self.signing)

    def public_keys(self, now: datetime | None = None) -> tuple[PublicKey, ...]:
        """Give every key that verifies, the signing one first.

        Args:
            now: leave out the retired keys that have expired by then.

        Raises:
            InvalidKey: one cannot be read, or its id is not its thumbprint.
        """
        return tuple(_published(key) for key in self.accepted(now))

    def jwks(self, now: datetime | None = None) -> dict[str, Any]:
        """Give the JSON Web Key Set (RFC 7517, section 5) that verifiers read.

        Args:
            now: leave out the retired keys that have expired by then.
        """
        return {"keys": [key.jwk for key in self.public_keys(now)]}

    def check(self) -> None:
        """See that the keys that sign do so, and that what is published of them verifies.

        Raises:
            InvalidKey: one does not; one is weak or has a wrong id; a retired one could sign.
            StoreError: one is in KMS, which does not let it sign.
        """
        private = [key.id for key in self.retired if _is_private(key)]
        if private:
            raise InvalidKeyring(f"the retired key {private[0]} still has its private half")
        for key, jwk in zip(self.accepted(), self.jwks()["keys"], strict=True):
            if key not in self.retired:
                signature = _pair(key).sign(b"glisecrets")
                PublicKey.from_jwk(jwk).verify(signature, b"glisecrets")

    def _spent(self, key: Key) -> Key:
        return replace(key, material=_published(key).pem)


def _bare_key(text: str | bytes) -> str | None:
    """Give the PEM text that a secret is, or has as ``private_key``; what rotation takes over."""
    found = parse_json(text) if isinstance(text, str) else None
    if isinstance(found, dict) and "signing" not in found:
        found = found.get("private_key")
    candidate = text if found is MISSING else found
    with suppress(UnreadableValue):
        return raw_pem(candidate) if isinstance(candidate, str) else None
    return None


def _key(pair: KeyPair, now: datetime) -> Key:
    return Key(pair.kid, pair.pem, now)


def _published(key: Key) -> PublicKey:
    if _is_private(key):
        # check() validates it, once.
        public = _pair(key, validate=False).public
    else:
        public = PublicKey.from_pem(key.material)
    if public.kid != key.id:
        raise InvalidKeyring(
            f"the key {key.id} has another id than its thumbprint, {public.kid}",
            next_step="write the thumbprint as its id, for verifiers look keys up by it",
        )
    return public


def is_in_kms(key: Key) -> bool:
    """Tell whether a key's material is where it is, and not the key itself: no secret."""
    return key.material.startswith("aws:")


def _pair(key: Key, *, validate: bool = True) -> KeyPair:
    if is_in_kms(key):
        from .kms import KmsSigner

        return KeyPair(KmsSigner.of(key.material))
    return KeyPair.from_pem(key.material, validate=validate)


def _is_private(key: Key) -> bool:
    return is_in_kms(key) or "PRIVATE KEY" in key.material.partition("\n")[0]
