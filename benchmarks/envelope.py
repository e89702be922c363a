"""Encrypted fields: gs1 against the bare cipher and Fernet, and how often KMS is asked."""

from __future__ import annotations

import os
import secrets
from functools import partial
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from rows import Row, compared
from turns import interleaved, repeated

from glisecrets.keys.envelope import (
    Envelope,
    FieldCipher,
    FieldContext,
    FieldEnvelope,
    MemoryDataKeys,
    Wrapped,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from surroundings import Surroundings

    RoundTrip = Callable[[bytes], bytes]

BARE, FERNET = "bare AESGCM, object reused", "Fernet"
EMAIL = FieldContext("confidential", "production", "user.email")
#: Size -> what the table calls it, and the goal against the bare cipher.
SIZES = {64: ("64 B", 4.0), 4096: ("4 KiB", 2.5)}
FERNET_GOAL = 0.4
OPERATIONS = 1_000_000


class CountedKey:
    """A wrapping key that wraps nothing and counts its calls, each of which KMS would get."""

    scheme = name = "counted"

    def __init__(self) -> None:
        self.calls = 0

    def generate(self, _: FieldContext) -> tuple[bytes, Wrapped]:
        self.calls += 1
        data_key = secrets.token_bytes(32)
        return data_key, Wrapped(data_key, self.name)

    def unwrap(self, wrapped: Wrapped, _: FieldContext) -> bytes:
        self.calls += 1
        return wrapped.blob

    def rewrap(self, wrapped: Wrapped, _: FieldContext) -> Wrapped:
        self.calls += 1
        return wrapped


def bare() -> RoundTrip:
    """Encrypt and decrypt as cryptography's documentation has it: nonce, then ciphertext."""
    gcm, bound = AESGCM(secrets.token_bytes(32)), EMAIL.canonical()

    def both(plain: bytes) -> bytes:
        nonce = os.urandom(12)
        message = nonce + gcm.encrypt(nonce, plain, bound)
        return gcm.decrypt(message[:12], message[12:], bound)

    return both


def fernet() -> RoundTrip:
    peer = Fernet(Fernet.generate_key())
    return lambda plain: peer.decrypt(peer.encrypt(plain))


def ours(cipher: FieldCipher | FieldEnvelope) -> RoundTrip:
    return lambda plain: cipher.decrypt(cipher.encrypt(plain))


def measure(surroundings: Surroundings) -> list[Row]:
    """Measure times, bytes and calls."""
    rounds = surroundings.rounds_of(61)
    rows = [row for size in SIZES for row in _times(size, rounds)]
    return [*rows, _bytes_added(), _calls(surroundings)]


def _times(size: int, rounds: int) -> list[Row]:
    plain, (called, goal) = secrets.token_bytes(size), SIZES[size]
    field = _field(CountedKey())
    works = {
        "ours": ours(FieldCipher(secrets.token_bytes(32), EMAIL)),
        "cached": ours(field),
        BARE: bare(),
        FERNET: fernet(),
    }
    if any(work(plain) != plain for work in works.values()):
        raise SystemExit("benchmarks: a value did not come back")
    turns = {name: repeated(partial(work, plain)) for name, work in works.items()}
    times, name = interleaved("envelope", turns, rounds), f"encrypt and decrypt, {called}"
    return [
        compared(name, times, BARE, "µs", goal=goal),
        compared(name, times, FERNET, "µs", goal=FERNET_GOAL),
        compared(f"{name}, with the data-key cache", times, BARE, "µs", ours="cached"),
    ]


def _field(key: CountedKey) -> FieldEnvelope:
    return Envelope(key, MemoryDataKeys()).field("confidential", "production", "user.email")


def _bytes_added() -> Row:
    added = len(FieldCipher(secrets.token_bytes(32), EMAIL).encrypt(bytes(64))) - 64
    theirs = len(Fernet(Fernet.generate_key()).encrypt(bytes(64))) - 64
    return Row("bytes added to 64 B", FERNET, added, theirs, "B", goal=74)


def _calls(surroundings: Surroundings) -> Row:
    key = CountedKey()
    both = ours(_field(key))
    for _ in range(surroundings.rounds_of(OPERATIONS // 2)):
        both(b"value")
    name = "KMS calls, 1,000,000 operations on one field"
    return Row(name, "a data key per value", key.calls, OPERATIONS, "to KMS", goal=1)
