"""How the local store encrypts: AES-256-GCM.

A sealed value is 12 random bytes of nonce and the ciphertext with its tag. The associated data is
the secret's name and the version id, so a value that was moved to another place does not open.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING

from ...errors import Undecryptable
from .key_sources import KEY_VARIABLE

if TYPE_CHECKING:
    from ..base import SecretValue
    from .key_sources import KeySource
    from .ledger import Ledger

_NONCE_BYTES = 12
_CHECK = b"glisecrets local store, key check"
_TEXT, _BYTES = b"t", b"b"


class Cipher:
    """Seals and opens values under one key."""

    def __init__(self, key: bytes) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._aead = AESGCM(key)

    def seal(self, value: SecretValue, *, secret: str, version_id: str) -> bytes:
        """Encrypt a value for one place."""
        plain = _TEXT + value.encode() if isinstance(value, str) else _BYTES + value
        return self.encrypt(plain, _place(secret, version_id))

    def open(self, sealed: bytes, *, secret: str, version_id: str) -> SecretValue:
        """Decrypt a value from its place.

        Raises:
            Undecryptable: the stored bytes were altered, or were sealed for another place.
        """
        plain = self.decrypt(sealed, _place(secret, version_id))
        if plain is None:
            raise Undecryptable(
                f"{secret}: the stored value was altered",
                store="local",
                secret=secret,
                version=version_id,
                next_step="restore store.db from a copy, or write the secret anew",
            )
        return plain[1:].decode() if plain.startswith(_TEXT) else plain[1:]

    def check(self) -> bytes:
        """Give a mark by which :meth:`fits` knows this key again."""
        return self.encrypt(b"", _CHECK)

    def fits(self, check: bytes) -> bool:
        """Tell whether a mark was made with this key."""
        return self.decrypt(check, _CHECK) is not None

    def encrypt(self, plain: bytes, place: bytes) -> bytes:
        """Encrypt bytes for one place."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, plain, place)

    def decrypt(self, sealed: bytes, place: bytes) -> bytes | None:
        """Decrypt bytes; ``None`` if they were altered, or are of another place or key."""
        from cryptography.exceptions import InvalidTag

        # ValueError: the stored bytes are too short to hold a nonce and a tag.
        with suppress(InvalidTag, ValueError):
            return self._aead.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place)
        return None


class CipherOfStore:
    """The cipher under a store's own key; the key is looked for when a value is first touched."""

    def __init__(self, source: KeySource) -> None:
        self._source = source
        #: The store's key check, and the cipher that fits it.
        self._known: tuple[bytes, Cipher] | None = None

    def get(self, ledger: Ledger) -> Cipher:
        """Give the cipher; a store without a value yet gets its key here.

        Raises:
            Undecryptable: the key is gone, or is another store's.
        """
        check = ledger.key_check
        if self._known and self._known[0] == check:
            return self._known[1]
        key = self._source.read()
        if check is None:
            cipher = Cipher(key or self._source.make())
            check = ledger.key_check = cipher.check()
        else:
            cipher = self._fitting(key, check)
        self._known = check, cipher
        return cipher

    def forget(self) -> None:
        """Let go of the key."""
        self._known = None

    def _fitting(self, key: bytes | None, check: bytes) -> Cipher:
        cipher = Cipher(key) if key else None
        if cipher and cipher.fits(check):
            return cipher
        raise Undecryptable(
            f"{self._source.place} is {'the wrong key for this local store' if key else 'gone'}",
            store="local",
            next_step=f"put the store's own key back; {KEY_VARIABLE} overrides the key file",
        )


def _place(secret: str, version_id: str) -> bytes:
    return f"{secret}\0{version_id}".encode()
