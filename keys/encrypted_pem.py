"""A private key behind a passphrase: PKCS#8 by scrypt and AES-256-CBC.

``cryptography`` reads this form and writes one with 2,048 rounds of PBKDF2 only, for which a
graphics card tries a hundred thousand passphrases in a second. So the 200 bytes around the key are
written here. Sources: RFC 5208, section 6; RFC 8018, section 6.2; RFC 7914, section 7.
"""

from __future__ import annotations

import base64
import os
import textwrap
from typing import Final

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

#: As strong as N = 2¹⁷, p = 1 ("OWASP Password Storage Cheat Sheet"), in 16 MiB: the openssl
#: command refuses what takes over 32.
COST: Final = 2**14
BLOCK_SIZE: Final = 8
PARALLEL: Final = 5
_SALT_BYTES, _KEY_BYTES, _BLOCK_BYTES = 16, 32, 16

#: Object identifiers, as DER writes them.
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_SCRYPT = bytes.fromhex("06092b06010401da47040b")
_AES_256_CBC = bytes.fromhex("060960864801650304012a")

_INTEGER, _OCTETS, _SEQUENCE = 0x02, 0x04, 0x30
#: Lengths from here on are told in more than one byte.
_LONG = 0x80


def encrypted_pem(pkcs8: bytes, passphrase: str) -> str:
    """Give PEM: ``-----BEGIN ENCRYPTED PRIVATE KEY-----``. Takes a sixth of a second.

    Args:
        pkcs8: the private key in DER.
        passphrase: any text; UTF-8 is what the key is derived from.
    """
    salt, vector = os.urandom(_SALT_BYTES), os.urandom(_BLOCK_BYTES)
    key = Scrypt(salt, _KEY_BYTES, COST, BLOCK_SIZE, PARALLEL).derive(passphrase.encode())
    costs = map(_integer, (COST, BLOCK_SIZE, PARALLEL, _KEY_BYTES))
    derivation = _sequence(_SCRYPT, _sequence(_der(_OCTETS, salt), *costs))
    cipher = _sequence(_AES_256_CBC, _der(_OCTETS, vector))
    scheme = _sequence(_PBES2, _sequence(derivation, cipher))
    whole = _sequence(scheme, _der(_OCTETS, _ciphertext(pkcs8, key, vector)))
    lines = textwrap.wrap(base64.b64encode(whole).decode(), 64)
    label = "ENCRYPTED PRIVATE KEY-----"
    return "\n".join([f"-----BEGIN {label}", *lines, f"-----END {label}", ""])


def _ciphertext(plain: bytes, key: bytes, vector: bytes) -> bytes:
    padder = padding.PKCS7(_BLOCK_BYTES * 8).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
    return encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()


def _der(tag: int, content: bytes) -> bytes:
    """Write one element: tag, length, content (X.690, section 8.1)."""
    size = len(content)
    if size < _LONG:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, _LONG | len(length)]) + length + content


def _integer(number: int) -> bytes:
    return _der(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1))


def _sequence(*parts: bytes) -> bytes:
    return _der(_SEQUENCE, b"".join(parts))
