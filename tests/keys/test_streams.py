"""Encrypted files: any length, in constant memory, and no part of them moved, repeated or lost."""

from __future__ import annotations

import io
import secrets
import tracemalloc
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glisecrets.keys.envelope import FieldCipher, FieldContext, InvalidMessage, UnknownDataKey
from glisecrets.keys.envelope.gs1 import unknown
from glisecrets.keys.envelope.streams import (
    CHUNK_BYTES,
    decrypt_stream,
    encrypt_stream,
    opened,
    sealed,
)

from . import gs1_decoder

BACKUP = FieldContext("highly-confidential", "production", "backup/database")
DATA_KEY = secrets.token_bytes(32)
CIPHER = FieldCipher(DATA_KEY, BACKUP)
HEADER, SEALED = 66, CHUNK_BYTES + 16


def cipher_of(key_id: bytes, cipher: FieldCipher = CIPHER) -> FieldCipher:
    if key_id != cipher.key_id:
        raise unknown(BACKUP, key_id)
    return cipher


def encrypted(plain: bytes) -> bytes:
    target = io.BytesIO()
    encrypt_stream(CIPHER, io.BytesIO(plain), target)
    return target.getvalue()


def decrypted(file: bytes, cipher: FieldCipher = CIPHER) -> bytes:
    target = io.BytesIO()
    decrypt_stream(partial(cipher_of, cipher=cipher), io.BytesIO(file), target)
    return target.getvalue()


class Pipe(io.RawIOBase):
    """Gives what is there, a few bytes at a time, as a pipe does."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data, self._size = io.BytesIO(data), size

    def read(self, size: int = -1) -> bytes:
        return self._data.read(min(size, self._size))


EDGES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 200_001]


@pytest.mark.parametrize("length", EDGES)
def test_files_of_every_length_come_back(length: int) -> None:
    """Also the empty one, and whole chunks; an independent reader reads them, too."""
    plain = secrets.token_bytes(length)
    file = encrypted(plain)
    assert decrypted(file) == plain
    assert gs1_decoder.decode_stream(file, DATA_KEY, BACKUP.pairs()) == plain
    assert len(file) == HEADER + length + 16 * max(1, -(-length // CHUNK_BYTES))


@settings(max_examples=20)
@given(length=st.integers(0, 3 * CHUNK_BYTES), size=st.integers(100, CHUNK_BYTES))
def test_a_pipe_may_give_what_it_has(length: int, size: int) -> None:
    """How a stream arrives does not show in what becomes of it."""
    plain, target = bytes(length), io.BytesIO()
    encrypt_stream(CIPHER, Pipe(plain, size), target)  # type: ignore[arg-type]
    again = io.BytesIO()
    decrypt_stream(cipher_of, Pipe(target.getvalue(), size), again)  # type: ignore[arg-type]
    assert again.getvalue() == plain


def test_every_byte_counts() -> None:
    """A changed byte anywhere, and any truncation, is refused."""
    file = encrypted(b"a short file")
    for position in range(len(file)):
        changed = bytearray(file)
        changed[position] ^= 1
        with pytest.raises(InvalidMessage):
            decrypted(bytes(changed))
        with pytest.raises(InvalidMessage):
            decrypted(file[:position])
    with pytest.raises(InvalidMessage):
        decrypted(file + b"\0")


def chunks_of(file: bytes) -> tuple[bytes, list[bytes]]:
    parts = range(HEADER, len(file), SEALED)
    return file[:HEADER], [file[at : at + SEALED] for at in parts]


@pytest.mark.parametrize(
    "order",
    [[0, 1], [0, 1, 2], [1, 2, 3], [1, 0, 2, 3], [0, 1, 1, 2, 3], [0, 1, 2, 3, 3], [0, 3], [3], []],
    ids=str,
)
def test_chunks_keep_their_places(order: list[int]) -> None:
    """Left out, exchanged, repeated or cut off at a chunk's end: never taken for the whole."""
    header, chunks = chunks_of(encrypted(secrets.token_bytes(4 * CHUNK_BYTES)))
    assert len(chunks) == 4
    with pytest.raises(InvalidMessage):
        decrypted(header + b"".join(chunks[number] for number in order))


def test_an_empty_chunk_at_the_end_is_refused() -> None:
    """One plain text has one form: nobody hides a mark in another."""
    plain, gcm_of = bytes(CHUNK_BYTES), gs1_decoder.hkdf
    header, _ = chunks_of(encrypted(plain))
    gcm = gs1_decoder.AESGCM(gcm_of(CIPHER.stream_key, header[34:], b"glisecrets gs1 stream", 32))
    bound = header + BACKUP.canonical()
    first = gcm.encrypt(bytes(12), plain, bound)
    last = gcm.encrypt((1).to_bytes(11, "big") + b"\1", b"", bound)
    with pytest.raises(InvalidMessage):
        decrypted(header + first + last)


def test_chunks_of_two_files_do_not_mix() -> None:
    """Each file has a key of its own."""
    one, two = (chunks_of(encrypted(bytes(2 * CHUNK_BYTES))) for _ in range(2))
    with pytest.raises(InvalidMessage):
        decrypted(one[0] + one[1][0] + two[1][1])


def test_a_file_of_another_context_is_refused() -> None:
    """A production backup does not open in staging, even under the same data key."""
    other = FieldCipher(DATA_KEY, FieldContext(BACKUP.data_class, "staging", BACKUP.field))
    with pytest.raises(UnknownDataKey):
        decrypted(encrypted(b"x"), other)


def test_a_changed_key_id_is_refused_whoever_finds_the_key() -> None:
    """The tags cover the key id as it stands in the file."""
    file = bytearray(encrypted(b"x"))
    file[10] ^= 1
    with pytest.raises(InvalidMessage):
        decrypt_stream(lambda _: CIPHER, io.BytesIO(file), io.BytesIO())


def test_a_value_is_no_file_and_a_file_is_no_value() -> None:
    """The suites are told apart."""
    with pytest.raises(InvalidMessage, match="suite 1"):
        decrypted(CIPHER.encrypt(b"x" * 100))
    with pytest.raises(InvalidMessage, match="suite 2"):
        CIPHER.decrypt(encrypted(b"x" * 100))


class Sink(io.RawIOBase):
    """Keeps nothing but the count."""

    length = 0

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.length += len(data)
        return len(data)


class Zeros(io.RawIOBase):
    left = 32 << 20

    def read(self, size: int = -1) -> bytes:
        size = min(size, self.left)
        self.left -= size
        return bytes(size)


@pytest.mark.parametrize("length", EDGES)
def test_a_file_moves_to_another_data_key(length: int) -> None:
    """Its chunks are verified, and encrypted anew as they come."""
    plain, other, target = secrets.token_bytes(length), secrets.token_bytes(32), io.BytesIO()
    moved = FieldCipher(other, BACKUP)
    target.writelines(sealed(moved, opened(cipher_of, io.BytesIO(encrypted(plain)))))
    assert decrypted(target.getvalue(), moved) == plain
    assert gs1_decoder.decode_stream(target.getvalue(), other, BACKUP.pairs()) == plain


def test_memory_does_not_grow_with_a_file_that_moves() -> None:
    """8 MiB out of one data key and into another within two."""
    file = io.BytesIO(encrypted(bytes(8 << 20)))
    moved, sink = FieldCipher(secrets.token_bytes(32), BACKUP), Sink()
    tracemalloc.start()
    try:
        sink.writelines(sealed(moved, opened(cipher_of, file)))
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()
    assert sink.length == len(file.getvalue())


def test_memory_does_not_grow_with_the_file() -> None:
    """32 MiB in and out within two."""
    tracemalloc.start()
    try:
        encrypt_stream(CIPHER, Zeros(), Sink())  # type: ignore[arg-type]
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()
