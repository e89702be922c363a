"""What a field refuses: each with the error that fits, a next step, and nothing asked in vain."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from glisecrets.errors import AccessDenied, GlisecretsError, StoreUnavailable, Undecryptable
from glisecrets.keys.envelope import (
    AwsWrappingKey,
    DataKey,
    Envelope,
    FieldEnvelope,
    InvalidMessage,
    MemoryDataKeys,
    UnknownDataKey,
)

from .strict_kms import StrictKms

if TYPE_CHECKING:
    from collections.abc import Callable

PARTS = ("confidential", "production", "user.email")
HEADER, OVERHEAD = 34, 74


class World:
    """A KMS, a table of data keys, and one value that a process before this one encrypted."""

    def __init__(self) -> None:
        self.kms, self.data_keys = StrictKms(), MemoryDataKeys()
        self._client = self.kms.client()
        self.message = self.field().encrypt(b"value", "7")
        self.kms.calls.clear()

    def envelope(self) -> Envelope:
        return Envelope(AwsWrappingKey("alias/gli-secrets", client=self._client), self.data_keys)

    def field(self, *parts: str) -> FieldEnvelope:
        """Give a field of a process that has asked for nothing yet."""
        return self.envelope().field(*(parts or PARTS))

    def row(self) -> DataKey:
        (row,) = self.data_keys
        return row


@pytest.fixture(scope="module")
def shared() -> World:
    return World()


@pytest.fixture
def world() -> World:
    return World()


def refused(use: Callable[[], object], error: type[GlisecretsError]) -> str:
    """Expect exactly this class, with a next step and nothing behind it; give the whole text."""
    with pytest.raises(error) as raised:
        use()
    assert type(raised.value) is error
    assert raised.value.next_step
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
    return str(raised.value)


# The message --------------------------------------------------------------------------------


def test_a_changed_byte_is_refused_as_what_it_is(shared: World) -> None:
    """Version and suite: another format. Key id: a data key that is not there. Else: altered."""
    email = shared.field()
    assert email.decrypt(shared.message, "7") == b"value"
    shared.kms.calls.clear()
    for position in range(len(shared.message)):
        changed = bytearray(shared.message)
        changed[position] ^= 0x10
        unknown = 2 <= position < HEADER
        error = UnknownDataKey if unknown else InvalidMessage
        told = refused(partial(email.decrypt, bytes(changed), "7"), error)
        assert re.search("version" if position < 2 else "data key" if unknown else "altered", told)
    assert not shared.kms.calls


def test_a_truncated_message_is_refused_as_what_it_is(shared: World) -> None:
    """At every length: too short for a message, or a message that was altered."""
    email = shared.field()
    email.decrypt(shared.message, "7")
    shared.kms.calls.clear()
    for length in range(len(shared.message)):
        told = refused(partial(email.decrypt, shared.message[:length], "7"), InvalidMessage)
        assert ("too few" if length < OVERHEAD else "altered") in told
    assert not shared.kms.calls


@pytest.mark.parametrize(
    "parts",
    [
        ("internal", "production", "user.email"),
        ("confidential", "staging", "user.email"),
        ("confidential", "production", "user.name"),
    ],
    ids=["class", "environment", "field"],
)
def test_a_value_that_was_moved_is_told_as_such(shared: World, parts: tuple[str, ...]) -> None:
    """The text names the field that was asked and the data key that the message wants."""
    shared.kms.calls.clear()
    told = refused(lambda: shared.field(*parts).decrypt(shared.message, "7"), UnknownDataKey)
    assert parts[2] in told
    assert shared.row().id in told
    assert "another field's or environment's" in told
    assert not shared.kms.calls


@pytest.mark.parametrize("row", ["8", None])
def test_a_value_of_another_row_is_told_as_such(shared: World, row: str | None) -> None:
    """An index out of step, or a forged row: nobody gets another one's value."""
    told = refused(lambda: shared.field().decrypt(shared.message, row), InvalidMessage)
    assert "another row" in told


@pytest.mark.parametrize(("version", "suite"), [(1, 2), (1, 3), (2, 1), (0, 0), (255, 255)])
def test_an_unknown_version_or_suite_asks_for_an_upgrade(
    shared: World, version: int, suite: int
) -> None:
    """Or it is no encrypted value at all; it is never given back as it is."""
    message = bytes([version, suite]) + shared.message[2:]
    told = refused(lambda: shared.field().decrypt(message, "7"), InvalidMessage)
    assert f"version {version}, suite {suite}" in told
    assert "upgrade" in told


# The data key -------------------------------------------------------------------------------


def test_a_deleted_row_is_told_with_its_id(world: World) -> None:
    """Whoever has a copy of the table knows which row to put back."""
    key_id = world.row().id
    world.data_keys.delete(key_id)
    told = refused(lambda: world.field().decrypt(world.message, "7"), UnknownDataKey)
    assert key_id in told
    assert "deleted" in told
    assert not world.kms.calls


def test_a_row_that_was_given_to_another_field_does_not_open(world: World) -> None:
    """KMS itself refuses: the data key was made for another context."""
    row = world.row()
    name = world.field("confidential", "production", "user.name")
    world.data_keys.add(replace(row, context=name.context))
    for use in (lambda: name.encrypt(b"value"), lambda: name.decrypt(world.message, "7")):
        told = refused(use, Undecryptable)
        assert "InvalidCiphertext" in told
        assert "must not change" in told


def test_a_damaged_row_does_not_open(world: World) -> None:
    """Each byte of the encrypted data key counts; the value is not lost with it."""
    row = world.row()
    for position in range(len(row.wrapped.blob)):
        blob = bytearray(row.wrapped.blob)
        blob[position] ^= 1
        damaged = replace(row, wrapped=row.wrapped._replace(blob=bytes(blob)))
        world.data_keys = MemoryDataKeys([damaged])
        told = refused(lambda: world.field().decrypt(world.message, "7"), Undecryptable)
        assert "restore the data key's row" in told
    world.data_keys = MemoryDataKeys([row])
    assert world.field().decrypt(world.message, "7") == b"value"


# KMS ----------------------------------------------------------------------------------------


def denied(kms: StrictKms) -> None:
    kms.failing = "AccessDeniedException"


def disabled(kms: StrictKms) -> None:
    kms.state = "Disabled"


def pending_deletion(kms: StrictKms) -> None:
    kms.state = "PendingDeletion"


def throttled(kms: StrictKms) -> None:
    kms.failing = "ThrottlingException"


KMS_FAULTS = pytest.mark.parametrize(
    ("fault", "error", "told"),
    [
        (denied, AccessDenied, "allow kms:{action}"),
        (disabled, Undecryptable, "enable the key"),
        (pending_deletion, Undecryptable, "cancel its deletion"),
        (throttled, StoreUnavailable, "try again"),
    ],
)


@KMS_FAULTS
def test_every_use_of_kms_tells_its_refusal(
    world: World, fault: Callable[[StrictKms], None], error: type[GlisecretsError], told: str
) -> None:
    """Reading, writing, a field's first value and a new data key: which right, which key."""
    fault(world.kms)
    fresh = world.field("confidential", "production", "user.name")
    uses: list[tuple[Callable[[], object], str]] = [
        (lambda: world.field().decrypt(world.message, "7"), "Decrypt"),
        (lambda: world.field().encrypt(b"value"), "Decrypt"),
        (lambda: world.field().renew_data_key(), "GenerateDataKey"),
        (lambda: fresh.encrypt(b"value"), "GenerateDataKey"),
        (lambda: list(world.envelope().rewrap()), "ReEncrypt"),
    ]
    before = list(world.data_keys)
    for use, action in uses:
        assert told.format(action=action) in refused(use, error)
    assert list(world.data_keys) == before


@KMS_FAULTS
def test_a_refusal_is_not_remembered(
    world: World, fault: Callable[[StrictKms], None], error: type[GlisecretsError], told: str
) -> None:
    """Once the key is enabled, or the right is given, the same process goes on."""
    email = world.field()
    fault(world.kms)
    refused(lambda: email.decrypt(world.message, "7"), error)
    world.kms.failing, world.kms.state = None, "Enabled"
    assert email.decrypt(world.message, "7") == b"value"
