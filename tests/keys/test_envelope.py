"""Fields under data keys: few calls to the wrapping key's keeper, and no value without its key."""

from __future__ import annotations

import os
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from glisecrets.errors import (
    AccessDenied,
    ConfigurationError,
    StoreUnavailable,
    Undecryptable,
)
from glisecrets.keys.envelope import (
    AwsWrappingKey,
    DataKeyCache,
    Envelope,
    FieldEnvelope,
    FileDataKeys,
    InvalidMessage,
    MemoryDataKeys,
    UnknownDataKey,
)

from .strict_kms import StrictKms

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PAIRS = {"data-class": "confidential", "environment": "production", "field": "user.email"}


class Clock:
    """Time that a test moves."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class World:
    """A KMS, the rows of data keys, and processes that use both."""

    def __init__(self, data_keys: Any = None) -> None:
        self.kms, self.clock = StrictKms(), Clock()
        self.data_keys = MemoryDataKeys() if data_keys is None else data_keys
        self._client = self.kms.client()

    def envelope(self, **limits: int) -> Envelope:
        """Give what another process would have."""
        key = AwsWrappingKey("alias/gli-secrets", client=self._client)
        return Envelope(key, self.data_keys, cache=DataKeyCache(clock=self.clock, **limits))

    def email(self, **limits: int) -> FieldEnvelope:
        return self.envelope(**limits).field("confidential", "production", "user.email")


@pytest.fixture(params=["memory", "file"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> World:
    return World(FileDataKeys(tmp_path / "data-keys.json") if request.param == "file" else None)


# One data key per field ---------------------------------------------------------------------


def test_a_field_has_one_data_key_for_all_its_values(world: World) -> None:
    """KMS is asked once, with exactly the field's context, and one row is kept."""
    email = world.email()
    messages = [email.encrypt(b"%d" % number) for number in range(50)]
    assert [email.decrypt(message) for message in messages] == [b"%d" % n for n in range(50)]
    assert world.kms.calls == {"GenerateDataKey": 1}
    assert world.kms.contexts == [PAIRS]
    (row,) = world.data_keys
    assert row.active
    assert row.wrapped.key == world.kms.arn
    assert {message[2:34].hex() for message in messages} == {row.id}


def test_another_process_reads_what_one_wrote(world: World) -> None:
    """It decrypts the row once, with the same context."""
    message = world.email().encrypt(b"value", "7")
    other = world.email()
    assert other.decrypt(message, "7") == b"value"
    assert other.decrypt(other.encrypt(b"more")) == b"more"
    assert world.kms.calls == {"GenerateDataKey": 1, "Decrypt": 1}
    assert world.kms.contexts == [PAIRS, PAIRS]


def test_each_class_environment_and_field_has_a_data_key_of_its_own(world: World) -> None:
    """Giving up one of them gives up nothing else."""
    envelope = world.envelope()
    parts = ("confidential", "internal"), ("production", "staging"), ("user.email", "user.name")
    fields = [envelope.field(c, e, f) for c in parts[0] for e in parts[1] for f in parts[2]]
    messages = [field.encrypt(b"value") for field in fields]
    assert len({message[2:34] for message in messages}) == len(list(world.data_keys)) == 8
    for number, message in enumerate(messages):
        for other, field in enumerate(fields):
            if other != number:
                with pytest.raises(UnknownDataKey):
                    field.decrypt(message)


def test_every_process_gives_a_value_the_same_mac(world: World) -> None:
    """What one process put into a blind index another one finds, after the cache's age too."""
    index = world.email()
    told = index.mac(b"value")
    assert world.email().mac(b"value") == told
    world.clock.now += 301
    assert index.mac(b"value") == told != index.mac(b"Value")
    assert world.kms.calls == {"GenerateDataKey": 1, "Decrypt": 2}


def test_processes_that_start_together_agree_on_one_data_key(world: World) -> None:
    """Whoever was quicker made it; the others take it over."""
    fields = [world.email() for _ in range(4)]
    barrier = threading.Barrier(4)

    def work(field: FieldEnvelope) -> bytes:
        barrier.wait()
        return field.encrypt(b"value")

    with ThreadPoolExecutor(4) as pool:
        messages = list(pool.map(work, fields))
    assert len(list(world.data_keys)) == 1
    assert [field.decrypt(messages[-1 - n]) for n, field in enumerate(fields)] == [b"value"] * 4


def test_a_new_data_key_encrypts_and_the_old_one_still_decrypts(world: World) -> None:
    """After a leak, values are encrypted anew one by one, while all of them stay readable."""
    email, other = world.email(), world.email()
    old = email.encrypt(b"old")
    assert other.decrypt(old) == b"old"
    made = email.renew_data_key()
    new = email.encrypt(b"new")
    assert new[2:34].hex() == made.id != old[2:34].hex()
    assert [email.decrypt(old), other.decrypt(new)] == [b"old", b"new"]
    assert [row.active for row in world.data_keys] == [False, True]


# The cache ----------------------------------------------------------------------------------


def test_a_data_key_is_asked_for_again_after_300_seconds(world: World) -> None:
    """So long a revoked key works on, not longer; reading does not make it younger."""
    email = world.email()
    message = email.encrypt(b"value")
    world.clock.now += 299
    email.decrypt(message)
    assert world.kms.calls["Decrypt"] == 0
    world.clock.now += 1
    for _ in range(5):
        email.decrypt(message)
        email.encrypt(b"value")
    assert world.kms.calls == {"GenerateDataKey": 1, "Decrypt": 1}


def test_nothing_stale_is_served_while_kms_is_down(world: World) -> None:
    """An old key is no key: the error says that it is worth a retry, and a retry works."""
    email = world.email()
    message = email.encrypt(b"value")
    world.clock.now += 300
    world.kms.failing = "ThrottlingException"
    for use in (lambda: email.decrypt(message), lambda: email.encrypt(b"value")):
        with pytest.raises(StoreUnavailable):
            use()
    world.kms.failing = None
    assert email.decrypt(message) == b"value"


def test_a_data_key_encrypts_so_many_messages_and_is_asked_for_again() -> None:
    """KMS, and its log, sees who encrypts much."""
    world = World()
    email = world.email(max_messages=10)
    for _ in range(30):
        email.decrypt(email.encrypt(b"value"))
    assert world.kms.calls == {"GenerateDataKey": 1, "Decrypt": 2}


def test_the_least_recently_used_data_key_goes_first() -> None:
    """A process with very many fields keeps the ones that it uses."""
    world = World()
    envelope = world.envelope(max_entries=4)  # a field that encrypts has two
    fields = [envelope.field("internal", "production", f"f{n}") for n in range(3)]
    for number in (0, 1, 0, 2):
        world.clock.now += 1
        fields[number].encrypt(b"value")
    assert world.kms.calls == {"GenerateDataKey": 3}
    fields[0].encrypt(b"value")
    assert world.kms.calls["Decrypt"] == 0
    fields[1].encrypt(b"value")
    assert world.kms.calls["Decrypt"] == 1


def test_threads_that_need_a_data_key_together_ask_for_it_once(world: World) -> None:
    """A busy server's start, or the end of 300 seconds, is one call."""
    message = world.email().encrypt(b"value")
    email, barrier = world.email(), threading.Barrier(8)

    def work(_: int) -> bytes:
        barrier.wait()
        return email.decrypt(message)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [b"value"] * 8
    assert world.kms.calls["Decrypt"] == 1


def test_a_forked_child_has_no_data_key_of_its_parent(world: World) -> None:
    """It asks for its own: KMS and its policies see every process."""
    email = world.email()
    message = email.encrypt(b"value")
    world.kms.state = "Disabled"
    assert email.decrypt(message) == b"value"
    child = os.fork()
    if child == 0:
        code = 1
        try:
            email.decrypt(message)
        except Undecryptable:
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# Failing closed -----------------------------------------------------------------------------


def denied(world: World) -> None:
    world.kms.failing = "AccessDeniedException"


def disabled(world: World) -> None:
    world.kms.state = "Disabled"


def pending_deletion(world: World) -> None:
    world.kms.state = "PendingDeletion"


def other_material(world: World) -> None:
    world.kms.materials[:] = [secrets.token_bytes(32)]


def gone(world: World) -> None:
    world.kms.arn += "-another"


@pytest.mark.parametrize(
    ("broken", "error", "told"),
    [
        (denied, AccessDenied, "kms:Decrypt"),
        (disabled, Undecryptable, "disabled"),
        (pending_deletion, Undecryptable, "cancel its deletion"),
        (gone, Undecryptable, "not there"),
        (other_material, Undecryptable, "context"),
    ],
)
def test_no_value_is_given_without_its_kms_key(
    world: World, broken: Callable[[World], None], error: type[Exception], told: str
) -> None:
    """Denied, disabled, pending deletion, gone or another: an error, never bytes, never stale."""
    message = world.email().encrypt(b"value")
    broken(world)
    email = world.email()
    for use in (lambda: email.decrypt(message), lambda: email.encrypt(b"value")):
        with pytest.raises(error, match=told) as raised:
            use()
        assert raised.value.__context__ is None
    assert len(list(world.data_keys)) == 1


def test_no_value_is_given_without_its_data_key(world: World) -> None:
    """Crypto-shredding: once the row is deleted, nothing under it can be read; others can."""
    envelope = world.envelope()
    email = envelope.field("confidential", "production", "user.email")
    name = envelope.field("confidential", "production", "user.name")
    shredded, kept = email.encrypt(b"value"), name.encrypt(b"kept")
    assert envelope.shred(shredded[2:34].hex(), give_up=True)
    assert not envelope.shred(shredded[2:34].hex())
    with pytest.raises(UnknownDataKey, match=shredded[2:34].hex()):
        email.decrypt(shredded)
    assert name.decrypt(kept) == b"kept"
    assert email.decrypt(email.encrypt(b"anew")) == b"anew"


def test_a_data_key_that_somebody_may_encrypt_under_is_not_shredded(world: World) -> None:
    """Another process knows it for minutes after it was retired, and would write what is lost."""
    envelope = world.envelope()
    email = envelope.field("confidential", "production", "user.email")
    message = email.encrypt(b"value")
    old = message[2:34].hex()
    with pytest.raises(ConfigurationError, match="is active"):
        envelope.shred(old)
    email.renew_data_key()
    with pytest.raises(ConfigurationError, match=r"for 3[56]\d seconds more"):
        envelope.shred(old)
    assert email.decrypt(message) == b"value"
    row = next(row for row in world.data_keys if row.id == old)
    retired = datetime.now(UTC) - timedelta(seconds=361)
    Envelope(envelope.wrapping_key, MemoryDataKeys([replace(row, retired=retired)])).shred(old)


def test_a_shredded_data_key_is_not_kept_by_a_load_that_was_under_way() -> None:
    """What was being read while the row was deleted is forgotten, too."""
    cache, waiting, go = DataKeyCache(), threading.Event(), threading.Event()

    def load(_: bytes) -> Any:
        waiting.set()
        go.wait()
        return cache.loaded(lambda: None)  # type: ignore[arg-type,return-value]

    with ThreadPoolExecutor(1) as pool:
        early = pool.submit(cache.get, b"slot", load)
        waiting.wait()
        cache.clear()
        go.set()
        early.result()
    assert cache.get(b"slot", lambda _: cache.loaded(lambda: "anew")).cipher == "anew"  # type: ignore[arg-type,return-value,comparison-overlap]


def test_a_data_key_that_lies_in_anothers_row_is_refused() -> None:
    """Rows that were exchanged, by mistake or on purpose, open nothing."""
    world = World()
    email = world.email()
    first = email.encrypt(b"value")
    email.renew_data_key()
    email.encrypt(b"value")
    one, two = world.data_keys
    world.data_keys.rewrapped(one, two.wrapped)
    with pytest.raises(Undecryptable, match="another data key"):
        world.email().decrypt(first)


def test_a_data_key_of_another_context_is_refused_by_kms() -> None:
    """A row that was copied to another field fails in KMS already, and shows in CloudTrail."""
    world = World()
    world.email().encrypt(b"value")
    (row,) = world.data_keys
    other = world.envelope().field("confidential", "production", "user.name")
    with pytest.raises(Undecryptable, match="context"):
        AwsWrappingKey("alias/gli-secrets", client=world.kms.client()).unwrap(
            row.wrapped, other.context
        )


def test_bytes_that_are_no_message_are_refused_before_anyone_is_asked(world: World) -> None:
    """A plain value that was never encrypted costs no call, and is not given back as it is."""
    email = world.email()
    for plain in (b"", b"plain", b"ada@example.com" * 9, bytes(200)):
        with pytest.raises(InvalidMessage):
            email.decrypt(plain)
    assert not world.kms.calls


def test_no_plain_key_is_shown(world: World) -> None:
    """Neither rows, nor fields, nor the cache show a key."""
    email = world.email()
    email.encrypt(b"value")
    plain = AwsWrappingKey("x", client=world.kms.client()).unwrap(
        next(iter(world.data_keys)).wrapped, email.context
    )
    shown = f"{list(world.data_keys)} {email!r} {vars(email)} {email._cache._entries}"
    assert repr(plain)[2:-1] not in shown
    assert plain.hex() not in shown


# Rewrap -------------------------------------------------------------------------------------


def test_a_rewrap_asks_kms_once_per_data_key_and_touches_no_value(world: World) -> None:
    """10 fields with 1,000 values are 10 calls, and the plain key never leaves KMS."""
    envelope = world.envelope()
    fields = [envelope.field("internal", "production", f"f{n}") for n in range(10)]
    messages = [field.encrypt(b"value") for field in fields for _ in range(100)]
    world.kms.rotate()
    world.kms.calls.clear()
    assert len(list(envelope.rewrap())) == 10
    assert world.kms.calls == {"ReEncrypt": 10}
    assert {row.wrapped.material for row in world.data_keys} == {f"{1:064x}"}
    world.kms.materials[0] = b"\0" * 32  # the old material is of no use any more
    other = world.envelope()
    for number, message in enumerate(messages):
        field = other.field("internal", "production", f"f{number // 100}")
        assert field.decrypt(message) == b"value"


def test_a_rewrap_brings_no_deleted_data_key_back() -> None:
    """A data key that is shredded meanwhile stays so."""
    world = World()
    envelope = world.envelope()
    message = envelope.field("confidential", "production", "user.email").encrypt(b"value")
    (row,) = world.data_keys
    envelope.shred(message[2:34].hex(), give_up=True)
    assert not world.data_keys.rewrapped(row, row.wrapped)
    assert list(world.data_keys) == []


# The file of data keys ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"schema": 2}', '{"schema":1,"data-keys":[1]}']
)
def test_a_file_that_holds_no_data_keys_is_told_and_kept(tmp_path: Path, content: str) -> None:
    """A damaged file is never taken for an empty one, and written over."""
    path = tmp_path / "data-keys.json"
    path.write_text(content, "utf-8")
    with pytest.raises(ConfigurationError, match=r"data-keys\.json"):
        World(FileDataKeys(path)).email().encrypt(b"value")
    assert path.read_text("utf-8") == content
