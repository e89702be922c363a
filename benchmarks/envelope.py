"""Encrypted fields: gs1 against the bare cipher, Fernet and AWS's SDK, and calls to KMS."""

from __future__ import annotations

import os
import secrets
from functools import partial
from typing import TYPE_CHECKING

import aws_encryption_sdk as sdk
from aws_encryption_sdk.internal.crypto.wrapping_keys import WrappingKey
from aws_encryption_sdk.key_providers.raw import RawMasterKeyProvider
from counting_kms import counting_kms
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
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from counting_kms import CountingKms
    from surroundings import Surroundings

    RoundTrip = Callable[[bytes], bytes]

BARE, FERNET = "bare AESGCM, object reused", "Fernet"
ESDK = "AWS Encryption SDK, caching"
EMAIL = FieldContext("confidential", "production", "user.email")
#: Size -> what the table calls it, and the goal against the bare cipher.
SIZES = {64: ("64 B", 4.0), 4096: ("4 KiB", 2.5)}
FERNET_GOAL, ESDK_GOAL = 0.4, 0.025
OPERATIONS = 1_000_000


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


class LocalKeys(RawMasterKeyProvider):
    """The SDK's own way to keep a wrapping key in the process: no KMS is waited for."""

    provider_id = "local"

    def _get_raw_key(self, key_id: bytes) -> WrappingKey:  # noqa: ARG002 - the SDK's signature
        return WrappingKey(
            wrapping_algorithm=sdk.identifiers.WrappingAlgorithm.AES_256_GCM_IV12_TAG16_NO_PADDING,
            wrapping_key=secrets.token_bytes(32),
            wrapping_key_type=sdk.identifiers.EncryptionKeyType.SYMMETRIC,
        )


def esdk() -> RoundTrip:
    """Encrypt and decrypt by the SDK at its quickest: cached data keys, no signature."""
    keys = LocalKeys()
    keys.add_master_key("key")
    cached = sdk.CachingCryptoMaterialsManager(
        master_key_provider=keys,
        cache=sdk.LocalCryptoMaterialsCache(capacity=100),
        max_age=300.0,
        max_messages_encrypted=2**20,
    )
    client, suite = sdk.EncryptionSDKClient(), sdk.Algorithm.AES_256_GCM_HKDF_SHA512_COMMIT_KEY
    context = EMAIL.pairs()

    def both(plain: bytes) -> bytes:
        message, _ = client.encrypt(
            source=plain, materials_manager=cached, algorithm=suite, encryption_context=context
        )
        back, _ = client.decrypt(source=message, materials_manager=cached)
        return bytes(back)

    return both


def ours(cipher: FieldCipher | FieldEnvelope) -> RoundTrip:
    return lambda plain: cipher.decrypt(cipher.encrypt(plain))


def measure(surroundings: Surroundings) -> list[Row]:
    """Measure times, bytes and calls."""
    rounds = surroundings.rounds_of(61)
    with counting_kms() as kms:
        rows = [row for size in SIZES for row in _times(size, _field(kms), rounds)]
        return [*rows, _bytes_added(), _calls(kms, surroundings.rounds_of(OPERATIONS // 2))]


def _times(size: int, field: FieldEnvelope, rounds: int) -> list[Row]:
    plain, (called, goal) = secrets.token_bytes(size), SIZES[size]
    works = {
        "ours": ours(FieldCipher(secrets.token_bytes(32), EMAIL)),
        "cached": ours(field),
        BARE: bare(),
        FERNET: fernet(),
        ESDK: esdk(),
    }
    if any(work(plain) != plain for work in works.values()):
        raise SystemExit("benchmarks: a value did not come back")
    turns = {name: repeated(partial(work, plain)) for name, work in works.items()}
    times, name = interleaved("envelope", turns, rounds), f"encrypt and decrypt, {called}"
    return [
        compared(name, times, BARE, "µs", goal=goal),
        compared(name, times, FERNET, "µs", goal=FERNET_GOAL),
        compared(name, times, ESDK, "µs", goal=ESDK_GOAL if size == 64 else None),
        compared(f"{name}, with the data-key cache", times, BARE, "µs", ours="cached"),
    ]


def _field(kms: CountingKms) -> FieldEnvelope:
    return FieldEnvelope(Envelope(kms.wrapping_key(), MemoryDataKeys()), EMAIL)


def _bytes_added() -> Row:
    added = len(FieldCipher(secrets.token_bytes(32), EMAIL).encrypt(bytes(64))) - 64
    theirs = len(Fernet(Fernet.generate_key()).encrypt(bytes(64))) - 64
    return Row("bytes added to 64 B", FERNET, added, theirs, "B", goal=74)


def _calls(kms: CountingKms, rounds: int) -> Row:
    both = ours(_field(kms))
    kms.calls.clear()
    for _ in range(rounds):
        both(b"value")
    name = "KMS calls, 1,000,000 operations on one field"
    return Row(name, "a data key per value", kms.calls.total(), OPERATIONS, "to KMS", goal=1)
