"""The ``gs1`` message of one value: ``docs/gs1.md`` is its specification, with test vectors.

::

    01 | suite | key id (32) | nonce (24) | ciphertext | tag (16)

The key id is derived from the data key together with the context: it finds the data key, and no
other key and no other context has it (key commitment). XAES-256-GCM itself does not commit.
"""

from __future__ import annotations

import hmac
import os
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .errors import InvalidMessage, UnknownDataKey
from .xaes import HALF_BYTES, KEY_BYTES, NONCE_BYTES, TAG_BYTES, xaes_256_gcm

if TYPE_CHECKING:
    from .context import FieldContext

VERSION = 1
#: Suites: one value, and a stream of chunks.
VALUE, STREAM = 1, 2
KEY_ID_BYTES = 32
#: Version, suite and key id.
HEADER_BYTES = 2 + KEY_ID_BYTES
#: What a message is longer than its value.
OVERHEAD_BYTES = HEADER_BYTES + NONCE_BYTES + TAG_BYTES

_INFO = b"glisecrets gs1"
#: Where a value's second half of the nonce begins, and where its ciphertext does.
_SECOND_HALF = HEADER_BYTES + HALF_BYTES
_BODY = HEADER_BYTES + NONCE_BYTES
#: What must be there before the key id is read.
_FEWEST_BYTES = {VALUE: OVERHEAD_BYTES, STREAM: HEADER_BYTES}


class FieldCipher:
    """One data key, at one field's service. Safe between threads; its ``repr`` shows no key.

    Args:
        data_key: 32 bytes.
        context: the field.
    """

    __slots__ = ("_bound", "_context", "_gcm", "_header", "_mac_key", "key_id", "stream_key")

    def __init__(self, data_key: bytes, context: FieldContext) -> None:
        canonical = context.canonical()
        field_key, self.key_id, self.stream_key, self._mac_key = _derived(data_key, canonical)
        self._context = context
        self._header = bytes([VERSION, VALUE]) + self.key_id
        self._bound = self._header + canonical
        self._gcm = xaes_256_gcm(field_key)

    def encrypt(self, plain: bytes, row: str | None = None) -> bytes:
        """Encrypt a value.

        Args:
            plain: up to 64 GiB.
            row: the id of the row that it is bound to; needed again to decrypt it.

        Raises:
            ConfigurationError: ``row`` is empty or too long.
        """
        nonce = os.urandom(NONCE_BYTES)
        bound = self._bound if row is None else self._bound_to(row)
        gcm = self._gcm(nonce[:HALF_BYTES])
        return self._header + nonce + gcm.encrypt(nonce[HALF_BYTES:], plain, bound)

    def decrypt(self, message: bytes, row: str | None = None) -> bytes:
        """Decrypt a message.

        Raises:
            UnknownDataKey: it is of another data key, field or environment.
            InvalidMessage: it is no message, was altered, or is of another row.
            ConfigurationError: ``row`` is empty or too long.
        """
        if not message.startswith(self._header) or len(message) < OVERHEAD_BYTES:
            raise self._foreign(message)
        bound = self._bound if row is None else self._bound_to(row)
        gcm = self._gcm(message[HEADER_BYTES:_SECOND_HALF])
        try:
            return gcm.decrypt(message[_SECOND_HALF:_BODY], message[_BODY:], bound)
        except InvalidTag:
            pass  # raised below, where the lower error is not its context
        raise altered(self._context)

    def mac(self, value: bytes) -> bytes:
        """Give HMAC-SHA256 of a value: equal for equal values, and for nobody without the key.

        For a blind index, whose field should encrypt nothing.
        """
        return hmac.digest(self._mac_key, value, "sha256")

    def bound(self, header: bytes) -> bytes:
        """Give what a message of another suite is bound to: its header, and the field."""
        return header + self._context.canonical()

    def _bound_to(self, row: str) -> bytes:
        return self._header + self._context.canonical(row)

    def _foreign(self, message: bytes) -> InvalidMessage:
        key_id = key_id_of(message)
        if key_id == self.key_id:
            return altered(self._context)
        return unknown(self._context, key_id)


def key_id_of(message: bytes, suite: int = VALUE) -> bytes:
    """Read which data key a message was encrypted under; nothing of it is verified yet.

    Raises:
        InvalidMessage: too short, or of another version or suite.
    """
    if len(message) < _FEWEST_BYTES[suite]:
        raise InvalidMessage(
            f"no gs1 message: {len(message)} bytes are too few",
            next_step="a value from before encryption? else restore it from a copy",
        )
    if message[0] != VERSION or message[1] != suite:
        raise InvalidMessage(
            f"no gs1 message that is known here: version {message[0]}, suite {message[1]}",
            next_step="a value from before encryption? else upgrade glisecrets",
        )
    return message[2:HEADER_BYTES]


def altered(context: FieldContext) -> InvalidMessage:
    """Give the error for a message whose tag is wrong."""
    return InvalidMessage(
        f"an encrypted value of {context} was altered, or belongs to another row",
        next_step="restore it from a copy",
    )


def unknown(context: FieldContext, key_id: bytes) -> UnknownDataKey:
    """Give the error for a message whose data key the field does not have."""
    return UnknownDataKey(
        f"an encrypted value names data key {key_id.hex()}, which {context} does not have",
        key_id=key_id.hex(),
        next_step="it is another field's or environment's, or its data key was deleted",
    )


def _derived(data_key: bytes, canonical: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Give field key, key id, stream key and MAC key (RFC 5869)."""
    if len(data_key) != KEY_BYTES:
        raise ValueError(f"a data key has {KEY_BYTES} bytes")
    info = _INFO + bytes([VERSION]) + canonical
    keys = HKDF(SHA512(), 4 * KEY_BYTES, salt=None, info=info).derive(data_key)
    return keys[:32], keys[32:64], keys[64:96], keys[96:]
