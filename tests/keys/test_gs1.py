"""The ``gs1`` message: the published bytes, and that nothing but them is accepted."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from glisecrets.errors import ConfigurationError
from glisecrets.keys.envelope import FieldCipher, FieldContext, InvalidMessage, UnknownDataKey
from glisecrets.keys.envelope.context import canonical
from glisecrets.keys.envelope.gs1 import OVERHEAD_BYTES
from glisecrets.keys.envelope.xaes import xaes_256_gcm

from . import gs1_decoder

VECTORS = json.loads(Path(__file__).with_name("gs1_vectors.json").read_text("utf-8"))
DOCUMENT = Path(__file__).parents[2] / "docs" / "gs1.md"
EMAIL = FieldContext("confidential", "production", "user.email")

labels = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,30}", fullmatch=True)
contexts = st.builds(
    FieldContext, labels, st.sampled_from(["development", "staging", "production"]), labels
)
rows = st.none() | st.text(min_size=1, max_size=40)


# XAES-256-GCM -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "bound", "ciphertext"),
    [
        (b"\1", b"", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"),
        (
            b"\3",
            b"c2sp.org/XAES-256-GCM",
            "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d",
        ),
    ],
)
def test_xaes_gives_the_vectors_of_c2sp(key: bytes, bound: bytes, ciphertext: str) -> None:
    """Every other implementation reads our body (https://c2sp.org/XAES-256-GCM)."""
    nonce, plain = b"ABCDEFGHIJKLMNOPQRSTUVWX", b"XAES-256-GCM"
    gcm = xaes_256_gcm(key * 32)(nonce[:12])
    assert gcm.encrypt(nonce[12:], plain, bound).hex() == ciphertext
    assert gcm.decrypt(nonce[12:], bytes.fromhex(ciphertext), bound) == plain
    assert gs1_decoder.xaes_open(key * 32, nonce, bytes.fromhex(ciphertext), bound) == plain


def test_xaes_gives_the_accumulated_hash_of_c2sp() -> None:
    """10,000 keys, nonces, texts and associated data of all lengths, as C2SP specifies them."""
    stream, at = hashlib.shake_128(b"").digest(10_000 * (32 + 24 + 2 * 256)), 0

    def read(length: int) -> bytes:
        nonlocal at
        at += length
        return stream[at - length : at]

    told = hashlib.shake_128()
    for _ in range(10_000):
        gcm_of, nonce = xaes_256_gcm(read(32)), read(24)
        plain = read(read(1)[0])
        bound = read(read(1)[0])
        ciphertext = gcm_of(nonce[:12]).encrypt(nonce[12:], plain, bound)
        assert gcm_of(nonce[:12]).decrypt(nonce[12:], ciphertext, bound) == plain
        told.update(ciphertext)
    expected = "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939"
    assert told.hexdigest(32) == expected


# The published format -----------------------------------------------------------------------


def vector_parts(vector: dict[str, Any]) -> tuple[FieldCipher, bytes, bytes]:
    context = FieldContext(vector["data-class"], vector["environment"], vector["field"])
    cipher = FieldCipher(bytes.fromhex(vector["data-key"]), context)
    return cipher, bytes.fromhex(vector["plain"]), bytes.fromhex(vector["message"])


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_messages_stay_as_they_were_published(
    vector: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was encrypted once is read for ever, and by whoever follows docs/gs1.md."""
    cipher, plain, message = vector_parts(vector)
    assert cipher.key_id.hex() == vector["key-id"]
    assert cipher.decrypt(message, vector["row"]) == plain
    monkeypatch.setattr(os, "urandom", lambda _: bytes.fromhex(vector["nonce"]))
    assert cipher.encrypt(plain, vector["row"]) == message
    pairs = cipher._context.pairs()
    data_key = bytes.fromhex(vector["data-key"])
    assert gs1_decoder.decode(message, data_key, pairs, vector["row"]) == plain
    assert cipher.mac(plain).hex() == vector["mac"]
    assert gs1_decoder.mac(plain, data_key, pairs).hex() == vector["mac"]


@pytest.mark.skipif(not DOCUMENT.exists(), reason="reads the source tree, which is not here")
def test_the_document_shows_the_vectors() -> None:
    """An implementer needs nothing but the page."""
    shown = re.sub(r"\s+", "", DOCUMENT.read_text("utf-8"))
    for vector in VECTORS:
        assert vector["message"] in shown
        assert vector["mac"] in shown
        assert vector["key-id"] in shown
        assert vector["data-key"] in shown


@given(plain=st.binary(max_size=300), context=contexts, row=rows)
def test_an_independent_reader_reads_every_message(
    plain: bytes, context: FieldContext, row: str | None
) -> None:
    """Another program, in another language, needs the data key and the page, not us."""
    data_key = secrets.token_bytes(32)
    cipher = FieldCipher(data_key, context)
    message = cipher.encrypt(plain, row)
    assert gs1_decoder.decode(message, data_key, context.pairs(), row) == plain
    assert cipher.decrypt(message, row) == plain
    assert len(message) - len(plain) == OVERHEAD_BYTES == 74
    assert cipher.mac(plain) == gs1_decoder.mac(plain, data_key, context.pairs())


def test_two_messages_of_one_value_have_nothing_in_common() -> None:
    """Equal values are not seen to be equal."""
    cipher = FieldCipher(secrets.token_bytes(32), EMAIL)
    first, second = (cipher.encrypt(bytes(64))[34:] for _ in range(2))
    assert not {first[at : at + 8] for at in range(80)} & {second[at : at + 8] for at in range(80)}


def test_a_mac_is_the_same_for_equal_values_of_one_field_alone() -> None:
    """Equal values are found again; two fields' indexes cannot be joined, even under one key."""
    data_key = secrets.token_bytes(32)
    others = (
        FieldContext("internal", "production", "user.email"),
        FieldContext("confidential", "staging", "user.email"),
        FieldContext("confidential", "production", "user.email/blind-index"),
    )
    macs = [FieldCipher(data_key, context).mac(b"value") for context in (EMAIL, EMAIL, *others)]
    assert macs[0] == macs[1]
    assert len(set(macs)) == len(macs) - 1
    assert FieldCipher(secrets.token_bytes(32), EMAIL).mac(b"value") not in macs


def test_threads_share_a_cipher() -> None:
    """A web server's threads need no lock around a field."""
    cipher = FieldCipher(secrets.token_bytes(32), EMAIL)
    plain = secrets.token_bytes(100)

    def work(_: int) -> bool:
        return all(cipher.decrypt(cipher.encrypt(plain)) == plain for _ in range(500))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


# The context --------------------------------------------------------------------------------


def read_back(data: bytes) -> dict[str, str]:
    """Read canonical bytes: whatever can be read back is unambiguous."""

    def number() -> int:
        return int.from_bytes(take(2), "big")

    def take(length: int) -> bytes:
        nonlocal data
        part, data = data[:length], data[length:]
        return part

    pairs = {}
    for _ in range(number()):
        name = take(number()).decode()
        pairs[name] = take(number()).decode()
    assert not data
    return pairs


names = st.text(st.characters(max_codepoint=127), min_size=1, max_size=9).filter(
    lambda name: not name.lower().startswith(("aws:", "aws-crypto-"))
)


@given(pairs=st.dictionaries(names, st.text(min_size=1, max_size=30), max_size=6))
def test_two_contexts_never_have_the_same_bytes(pairs: dict[str, str]) -> None:
    """No value of one field can be made to look like another field's."""
    told = canonical(pairs)
    assert read_back(told) == pairs
    assert canonical(dict(reversed(pairs.items()))) == told == gs1_decoder.context_bytes(pairs)


@pytest.mark.parametrize(
    "pairs",
    [
        {"": "x"},
        {"é": "x"},
        {"aws:arn": "x"},
        {"AWS-crypto-key": "x"},
        {"a": ""},
        {"a": "x" * 65536},
    ],
    ids=["empty", "not ascii", "aws", "aws-crypto", "empty value", "long value"],
)
def test_a_context_that_others_would_read_differently_is_refused(pairs: dict[str, str]) -> None:
    """KMS, the AWS Encryption SDK and we agree on what a context is."""
    with pytest.raises(ConfigurationError):
        canonical(pairs)


@pytest.mark.parametrize("label", ["", "a b", "é", "a\n", "-a", "a" * 201, "{field}"])
def test_a_label_is_plain(label: str) -> None:
    """It is told in CloudTrail, and matched in policies, letter by letter."""
    for parts in (("confidential", "production", label), (label, "production", "user.email")):
        with pytest.raises(ConfigurationError):
            FieldContext(*parts)
    with pytest.raises(ConfigurationError):
        FieldContext("confidential", "prod", "user.email")


# Failing closed -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cipher() -> FieldCipher:
    return FieldCipher(secrets.token_bytes(32), EMAIL)


@pytest.mark.parametrize("row", [None, "7"])
def test_no_changed_byte_is_accepted(cipher: FieldCipher, row: str | None) -> None:
    """Any bit of any byte: version, suite, key id, nonce, ciphertext, tag."""
    message = cipher.encrypt(b"value", row)
    for position in range(len(message)):
        for bit in range(8):
            changed = bytearray(message)
            changed[position] ^= 1 << bit
            with pytest.raises(InvalidMessage):
                cipher.decrypt(bytes(changed), row)


def test_no_truncated_or_longer_message_is_accepted(cipher: FieldCipher) -> None:
    """A column that was too short, or bytes that were joined."""
    message = cipher.encrypt(b"value")
    for length in range(len(message)):
        with pytest.raises(InvalidMessage):
            cipher.decrypt(message[:length])
        with pytest.raises(InvalidMessage):
            cipher.decrypt(message[length + 1 :])
    for longer in (message + b"\0", b"\0" + message, message + message):
        with pytest.raises(InvalidMessage):
            cipher.decrypt(longer)


@pytest.mark.parametrize(
    "other",
    [
        FieldContext("internal", "production", "user.email"),
        FieldContext("confidential", "staging", "user.email"),
        FieldContext("confidential", "production", "user.name"),
    ],
    ids=["class", "environment", "field"],
)
def test_a_value_that_was_moved_is_not_accepted(other: FieldContext) -> None:
    """Copied to another column or environment, it does not open, even under the same data key."""
    data_key = secrets.token_bytes(32)
    message = FieldCipher(data_key, EMAIL).encrypt(b"value")
    moved = FieldCipher(data_key, other)
    with pytest.raises(UnknownDataKey) as refused:
        moved.decrypt(message)
    assert refused.value.key_id == message[2:34].hex()
    # With the other field's key id written over its own, too.
    with pytest.raises(InvalidMessage):
        moved.decrypt(message[:2] + moved.key_id + message[34:])


@pytest.mark.parametrize(("row", "other"), [("7", "8"), ("7", None), (None, "7"), ("7", "07")])
def test_a_value_of_another_row_is_not_accepted(
    cipher: FieldCipher, row: str | None, other: str | None
) -> None:
    """A value that is bound to its row cannot be given to another user."""
    with pytest.raises(InvalidMessage, match="row"):
        cipher.decrypt(cipher.encrypt(b"value", row), other)


@pytest.mark.parametrize("start", [b"\0\1", b"\2\1", b"\1\0", b"\1\3", b"\1\2", b"gA"])
def test_an_unknown_version_or_suite_is_told(cipher: FieldCipher, start: bytes) -> None:
    """A newer format, or no format at all, is no damaged value."""
    message = start + cipher.encrypt(b"value")[2:]
    with pytest.raises(InvalidMessage, match=f"version {start[0]}, suite {start[1]}"):
        cipher.decrypt(message)


def test_an_empty_row_is_refused(cipher: FieldCipher) -> None:
    """A row that has no id yet must not look like one that has."""
    with pytest.raises(ConfigurationError, match=r"next: .* no id before it is written"):
        cipher.encrypt(b"value", "")


def test_a_refusal_tells_no_value(cipher: FieldCipher) -> None:
    """Neither the error nor what Python keeps of the lower one leads to bytes of the message."""
    message = bytearray(cipher.encrypt(b"a value to be hidden"))
    message[-1] ^= 1
    with pytest.raises(InvalidMessage) as refused:
        cipher.decrypt(bytes(message))
    error = refused.value
    assert error.__context__ is None
    assert error.__cause__ is None
    assert not isinstance(error, InvalidTag)
    assert "hidden" not in "".join(traceback.format_exception(error))


def test_a_cipher_shows_no_key() -> None:
    """A debugger, a log and a crash report show no key."""
    data_key = secrets.token_bytes(32)
    cipher = FieldCipher(data_key, EMAIL)
    shown = repr(cipher) + repr(xaes_256_gcm(data_key))
    for key in (data_key, cipher.stream_key, cipher._mac_key):
        assert repr(key)[2:-1] not in shown
        assert key.hex() not in shown
    with pytest.raises(ValueError, match="32 bytes") as refused:
        FieldCipher(data_key[1:], EMAIL)
    assert data_key[1:].hex() not in str(refused.value)
