"""XAES-256-GCM: AES-256-GCM with a 192-bit nonce (https://c2sp.org/XAES-256-GCM).

A random nonce is safe for 2⁸⁰ messages per key; plain AES-GCM's 96 bits, for 2³². Each message
has its own AES-GCM key, made from half of the nonce by CMAC (NIST SP 800-108r1, SP 800-38B), which
for one block is one AES call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_BYTES, NONCE_BYTES, TAG_BYTES = 32, 24, 16
#: Half of a nonce makes the key, the other half is AES-GCM's own nonce.
HALF_BYTES = 12

_BLOCK_BITS = 128
#: Writes a half nonce into both blocks of CMAC's input.
_TWICE = 1 << _BLOCK_BITS | 1
#: The rest of both blocks: a 16-bit counter, the label ``X``, a zero byte.
_FRAME = int.from_bytes(b"".join(bytes([0, i, 0x58, 0]) + bytes(HALF_BYTES) for i in (1, 2)), "big")


def xaes_256_gcm(key: bytes) -> Callable[[bytes], AESGCM]:
    """Give what makes the AES-GCM of each nonce, from the first 12 of the nonce's 24 bytes.

    That AES-GCM works with the nonce's other half. A closure, which is quicker than a method, and
    shows no key. Safe between threads.
    """
    # ECB of whole blocks has no state: it is the block cipher that CMAC is made of.
    blocks = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update  # noqa: S305
    zero = int.from_bytes(blocks(bytes(_BLOCK_BITS // 8)))
    # CMAC's subkey K1: doubling in GF(2¹²⁸).
    carry = 0x87 | 1 << _BLOCK_BITS if zero >> _BLOCK_BITS - 1 else 0
    mask = _FRAME ^ (zero << 1 ^ carry) * _TWICE
    number = int.from_bytes  # a name of the closure is found more quickly than an attribute

    def gcm(half: bytes) -> AESGCM:
        return AESGCM(blocks((number(half) * _TWICE ^ mask).to_bytes(KEY_BYTES)))

    return gcm
