"""Files and streams of any length, in constant memory: ``gs1``'s suite 2, see ``docs/gs1.md``.

::

    01 | 02 | key id (32) | salt (32) | chunks

Each chunk is AES-256-GCM over 64 KiB of plain text, the last one over what is left. Its nonce is
its number and whether it is the last: chunks that were reordered, repeated, left out or cut off at
the end do not open (the STREAM construction, https://eprint.iacr.org/2015/189, as age has it).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .errors import InvalidMessage
from .gs1 import HEADER_BYTES, STREAM, VERSION, key_id_of
from .xaes import KEY_BYTES, TAG_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from .gs1 import FieldCipher

CHUNK_BYTES = 1 << 16
_SALT_BYTES = 32

_INFO = b"glisecrets gs1 stream"
_COUNTER_BYTES = 11


def encrypt_stream(cipher: FieldCipher, source: BinaryIO, target: BinaryIO) -> None:
    """Encrypt everything that a file gives."""
    target.writelines(sealed(cipher, _chunks(source, CHUNK_BYTES)))


def decrypt_stream(
    cipher_of: Callable[[bytes], FieldCipher], source: BinaryIO, target: BinaryIO
) -> None:
    """Decrypt a file; each chunk is verified before it is written.

    Args:
        cipher_of: gives the cipher for a key id, or raises.
        source: what :func:`encrypt_stream` wrote.
        target: gets the plain text.

    Raises:
        InvalidMessage: it is no such file, or was altered or cut off.
    """
    target.writelines(opened(cipher_of, source))


def sealed(cipher: FieldCipher, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Give an encrypted file in parts, for plain chunks that all but the last are full."""
    salt = os.urandom(_SALT_BYTES)
    header = bytes([VERSION, STREAM]) + cipher.key_id + salt
    bound, gcm = cipher.bound(header), _gcm(cipher, salt)
    yield header
    for nonce, chunk in _numbered(chunks):
        yield gcm.encrypt(nonce, chunk, bound)


def opened(cipher_of: Callable[[bytes], FieldCipher], source: BinaryIO) -> Iterator[bytes]:
    """Read a file's header, and give its plain chunks, each of them verified.

    Raises:
        InvalidMessage: see :func:`decrypt_stream`; for the header, before this returns.
    """
    header = _read(source, HEADER_BYTES)
    cipher = cipher_of(key_id_of(header, STREAM))
    salt = _read(source, _SALT_BYTES)
    if len(salt) < _SALT_BYTES:
        raise _broken("ends within its header")
    # As read, not as it should be: then the tag covers it, whatever cipher_of gives.
    return _verified(_gcm(cipher, salt), cipher.bound(header + salt), source)


def _verified(gcm: AESGCM, bound: bytes, source: BinaryIO) -> Iterator[bytes]:
    chunks = _chunks(source, CHUNK_BYTES + TAG_BYTES)
    for number, (nonce, chunk) in enumerate(_numbered(chunks)):
        plain = _opened(gcm, nonce, chunk, bound)
        if plain is None or (number and not plain):
            raise _broken(f"was altered or cut off after {number * CHUNK_BYTES} bytes")
        yield plain


def _numbered(chunks: Iterator[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Give nonces and chunks; the last chunk is the only one that may be short, or even empty."""
    number, chunk = 0, next(chunks, b"")
    for number, following in enumerate(chunks, 1):
        yield _nonce(number - 1, last=False), chunk
        chunk = following
    yield _nonce(number, last=True), chunk


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(_COUNTER_BYTES, "big") + bytes([last])


def _chunks(source: BinaryIO, size: int) -> Iterator[bytes]:
    while chunk := _read(source, size):
        yield chunk


def _read(source: BinaryIO, size: int) -> bytes:
    """Read so many bytes, or what is left: a pipe gives less at a time."""
    parts, missing = [], size
    while missing and (part := source.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _opened(gcm: AESGCM, nonce: bytes, chunk: bytes, bound: bytes) -> bytes | None:
    try:
        return gcm.decrypt(nonce, chunk, bound)
    except (InvalidTag, ValueError):  # ValueError: older versions, of less than a tag
        return None


def _gcm(cipher: FieldCipher, salt: bytes) -> AESGCM:
    return AESGCM(HKDF(SHA512(), KEY_BYTES, salt=salt, info=_INFO).derive(cipher.stream_key))


def _broken(how: str) -> InvalidMessage:
    return InvalidMessage(f"the encrypted file {how}", next_step="restore it from a copy")
