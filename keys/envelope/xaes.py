"""XAES-256-GCM: AES-256-GCM with a 192-bit nonce (https://c2sp.org/XAES-256-GCM).

A random nonce is safe for 2⁸⁰ messages per key; plain AES-GCM's 96 bits, for 2³². Each message
has its own AES-GCM key, made from half of the nonce by CMAC (NIST SP 800-108r1, SP 800-38B), which
for one block is one AES call.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES, NONCE_BYTES, TAG_BYTES = 32, 24, 16

_BLOCK_BITS = 128
_HALF_NONCE = 12
#: Writes a half nonce into both blocks of CMAC's input.
_TWICE = 1 << _BLOCK_BITS | 1
#: The rest of both blocks: a 16-bit counter, the label ``X``, a zero byte.
_FRAME = int.from_bytes(
    b"".join(bytes([0, i, 0x58, 0]) + bytes(_HALF_NONCE) for i in (1, 2)), "big"
)


class Xaes256Gcm:
    """One key; a class for what is computed once per key. Safe between threads."""

    __slots__ = ("_blocks", "_mask")

    def __init__(self, key: bytes) -> None:
        # ECB of whole blocks has no state: it is the block cipher that CMAC is made of.
        self._blocks = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update  # noqa: S305
        zero = int.from_bytes(self._blocks(bytes(_BLOCK_BITS // 8)), "big")
        # CMAC's subkey K1: doubling in GF(2¹²⁸).
        carry = 0x87 | 1 << _BLOCK_BITS if zero >> _BLOCK_BITS - 1 else 0
        self._mask = _FRAME ^ (zero << 1 ^ carry) * _TWICE

    def encrypt(self, nonce: bytes, plain: bytes, bound: bytes) -> bytes:
        """Encrypt; ``bound`` is authenticated along. Gives ciphertext and tag."""
        return self._gcm(nonce).encrypt(nonce[_HALF_NONCE:], plain, bound)

    def decrypt(self, nonce: bytes, ciphertext: bytes, bound: bytes) -> bytes:
        """Decrypt.

        Raises:
            cryptography.exceptions.InvalidTag: something is not as it was encrypted.
        """
        return self._gcm(nonce).decrypt(nonce[_HALF_NONCE:], ciphertext, bound)

    def _gcm(self, nonce: bytes) -> AESGCM:
        blocks = int.from_bytes(nonce[:_HALF_NONCE], "big") * _TWICE ^ self._mask
        return AESGCM(self._blocks(blocks.to_bytes(KEY_BYTES, "big")))
