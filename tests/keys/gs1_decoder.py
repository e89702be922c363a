"""A second reader of ``gs1``, written from docs/gs1.md alone: it imports nothing of glisecrets."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from cryptography.hazmat.primitives.hmac import HMAC

if TYPE_CHECKING:
    from collections.abc import Mapping


class Refused(Exception):
    """The message is not of this data key and context."""


def context_bytes(pairs: Mapping[str, str]) -> bytes:
    """Section 2."""
    encoded = sorted((name.encode(), value.encode()) for name, value in pairs.items())
    out = struct.pack(">H", len(encoded))
    for name, value in encoded:
        out += struct.pack(">H", len(name)) + name + struct.pack(">H", len(value)) + value
    return out


def hkdf(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 over SHA-512, by hand."""

    def mac(under: bytes, text: bytes) -> bytes:
        hmac = HMAC(under, SHA512())
        hmac.update(text)
        return hmac.finalize()

    secret, block, out = mac(salt or bytes(64), key), b"", b""
    for number in range(1, -(-length // 64) + 1):
        block = mac(secret, block + info + bytes([number]))
        out += block
    return out[:length]


def derived(data_key: bytes, pairs: Mapping[str, str]) -> tuple[bytes, bytes, bytes, bytes]:
    """Section 3: field key, key id, stream key, MAC key; ``pairs`` without the row."""
    out = hkdf(data_key, b"", b"glisecrets gs1\x01" + context_bytes(pairs), 128)
    return out[:32], out[32:64], out[64:96], out[96:]


def xaes_open(key: bytes, nonce: bytes, ciphertext: bytes, bound: bytes) -> bytes:
    """C2SP's XAES-256-GCM, through CMAC itself."""
    halves = []
    for counter in (b"\0\1", b"\0\2"):
        mac = CMAC(AES(key))
        mac.update(counter + b"X\0" + nonce[:12])
        halves.append(mac.finalize())
    return AESGCM(b"".join(halves)).decrypt(nonce[12:], ciphertext, bound)


def decode(message: bytes, data_key: bytes, pairs: Mapping[str, str], row: str | None) -> bytes:
    """Section 4."""
    field_key, key_id, *_ = derived(data_key, pairs)
    header, nonce, rest = message[:34], message[34:58], message[58:]
    if header != b"\x01\x01" + key_id or len(rest) < 16:
        raise Refused
    whole = dict(pairs) if row is None else {**pairs, "row": row}
    return xaes_open(field_key, nonce, rest, header + context_bytes(whole))


def decode_stream(file: bytes, data_key: bytes, pairs: Mapping[str, str]) -> bytes:
    """Section 5."""
    _, key_id, stream_key, _ = derived(data_key, pairs)
    header, salt, rest = file[:34], file[34:66], file[66:]
    if header != b"\x01\x02" + key_id:
        raise Refused
    gcm = AESGCM(hkdf(stream_key, salt, b"glisecrets gs1 stream", 32))
    bound = header + salt + context_bytes(pairs)
    chunks = [rest[at : at + 65552] for at in range(0, len(rest), 65552)]
    out = b""
    for number, chunk in enumerate(chunks):
        last = number == len(chunks) - 1
        out += gcm.decrypt(number.to_bytes(11, "big") + bytes([last]), chunk, bound)
    return out


def mac(value: bytes, data_key: bytes, pairs: Mapping[str, str]) -> bytes:
    """Section 6."""
    hmac = HMAC(derived(data_key, pairs)[3], SHA256())
    hmac.update(value)
    return hmac.finalize()
