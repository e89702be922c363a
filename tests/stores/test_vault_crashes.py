"""Labels in Vault hold when a writer dies, or another one comes in between, at any call."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from itertools import count, product
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from glisecrets.errors import LabelConflict, SecretExists
from glisecrets.references import AWSCURRENT, AWSPENDING, AWSPREVIOUS, Address
from glisecrets.stores.vault import VaultStore
from glisecrets.stores.vault.failures import CheckAndSetFailed
from glisecrets.stores.vault.versioned import VersionedSecrets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from glisecrets.stores.vault.kv import Kv2

    from .openbao import OpenBao

T1, T2, T3, T4 = ("t1" * 16, "t2" * 16, "t3" * 16, "t4" * 16)

#: The value of each version, by its id, and of what an operator writes by hand.
VALUES = {T1: '{"v": "T1"}', T2: '{"v": "T2"}', T3: '{"v": "T3"}', T4: '{"v": "T4"}'}
BY_HAND = '{"v": "hand"}'

Change = Callable[[VersionedSecrets, str], object]


class Died(BaseException):
    """The process is killed here."""


class Watched:
    """A mount of which every single call can be watched, before and after it happens."""

    def __init__(self, kv: Kv2, watch: Callable[[int, str], None]) -> None:
        self._kv = kv
        self._watch = watch
        self.calls = 0
        self.mount = kv.mount

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._kv, name)

        def watched(*args: Any, **named: Any) -> Any:
            self.calls += 1
            number = self.calls
            self._watch(number, "before")
            try:
                return call(*args, **named)
            finally:
                self._watch(number, "after")

        return watched


def put_current(secrets_: VersionedSecrets, path: str) -> object:
    """Write T3 as the new AWSCURRENT."""
    return secrets_.put(path, VALUES[T3], T3, (AWSCURRENT,))


def put_pending(secrets_: VersionedSecrets, path: str) -> object:
    """Write T3 as AWSPENDING, which steals the label from T2."""
    return secrets_.put(path, VALUES[T3], T3, (AWSPENDING,))


def put_another(secrets_: VersionedSecrets, path: str) -> object:
    """Write T4 as the new AWSCURRENT."""
    return secrets_.put(path, VALUES[T4], T4, (AWSCURRENT,))


def promote(secrets_: VersionedSecrets, path: str) -> object:
    """Finish the rotation to T2, if it is not finished."""
    current = secrets_.describe(path).labelled(AWSCURRENT)
    if current != T2:
        secrets_.move_label(path, AWSCURRENT, T2, current)
    return None


def drop_pending(secrets_: VersionedSecrets, path: str) -> object:
    """Take AWSPENDING off whatever has it."""
    pending = secrets_.describe(path).labelled(AWSPENDING)
    return pending and secrets_.move_label(path, AWSPENDING, None, pending)


def go_back(secrets_: VersionedSecrets, path: str) -> object:
    """Move AWSCURRENT to T1, wherever it is."""
    current = secrets_.describe(path).labelled(AWSCURRENT)
    return current != T1 and secrets_.move_label(path, AWSCURRENT, T1, current)


CHANGES = [put_current, put_pending, promote, drop_pending, go_back]


class Mount:
    """The mount ``secret/`` with what a test needs of it."""

    def __init__(self, store: VaultStore, operator: Any) -> None:
        self.secrets = store._found("secret/x")[0]
        self.kv = self.secrets._kv
        self.operator = operator.secrets.kv.v2

    def rotating(self) -> str:
        """Make a secret with a rotation under way: T1 is AWSCURRENT, T2 AWSPENDING."""
        path = f"crash-{secrets.token_hex(6)}"
        self.secrets.create(path, VALUES[T1], T1, None)
        self.secrets.put(path, VALUES[T2], T2, (AWSPENDING,))
        return path

    def watched(self, watch: Callable[[int, str], None]) -> VersionedSecrets:
        """Give the secrets of the mount, with every call watched."""
        return VersionedSecrets(Watched(self.kv, watch))

    def plain(self, path: str) -> str:
        """Read as a program that knows no labels."""
        read = self.operator.read_secret_version(path, raise_on_deleted_version=True)
        return json.dumps(read["data"]["data"])

    def by_hand(self, _: VersionedSecrets, path: str) -> object:
        """Write as an operator does in an emergency."""
        return self.operator.create_or_update_secret(path, {"v": "hand"})

    def labelled(self, path: str) -> dict[str, str]:
        """Give label -> value, having held every version to what must always be true."""
        found = {}
        for told in self.secrets.versions(path, include_deprecated=True):
            read = self.secrets.get(path, Address("x", told.version_id))
            assert (read.version_id, read.labels) == (told.version_id, told.labels)
            assert read.value == VALUES.get(told.version_id, BY_HAND)
            found.update(dict.fromkeys(told.labels, read.value))
        return found


@pytest.fixture(scope="module")
def mount(openbao: OpenBao) -> Iterator[Mount]:
    """The mount that every OpenBao has."""
    store = VaultStore.from_options("", {}, environ=openbao.environ())
    with closing(store), openbao.client() as operator:
        yield Mount(store, operator)


def before(number: int, action: Callable[[], object]) -> Callable[[int, str], None]:
    """Do something just before the n-th call."""

    def watch(call: int, moment: str) -> None:
        if (call, moment) == (number, "before"):
            action()

    return watch


def die_after(number: int) -> Callable[[int, str], None]:
    """Kill the process when its n-th call has happened; 0: before the first."""

    def watch(call: int, moment: str) -> None:
        if (call, moment) in {(number, "after"), (number + 1, "before")}:
            raise Died

    return watch


def calls_of(mount: Mount, change: Change) -> int:
    """Count the calls of a change that nobody disturbs."""
    watched = mount.watched(lambda *_: None)
    change(watched, mount.rotating())
    return watched._kv.calls


@pytest.mark.parametrize("change", CHANGES)
def test_a_writer_that_dies_after_any_call_leaves_a_whole_secret(mount, change):
    """The change has happened or not; another try completes it; nothing pending ever shows."""
    expected_path = mount.rotating()
    change(mount.secrets, expected_path)
    expected = mount.labelled(expected_path)
    shown = {VALUES[T1], mount.plain(expected_path)}
    for number in range(calls_of(mount, change)):
        path = mount.rotating()
        with pytest.raises(Died):
            change(mount.watched(die_after(number)), path)
        assert mount.plain(path) in shown
        assert mount.labelled(path)[AWSCURRENT] in shown
        change(mount.secrets, path)
        assert mount.labelled(path) == expected
        assert mount.plain(path) == expected[AWSCURRENT]


def test_a_creation_that_dies_can_be_repeated(mount):
    """With the same token it goes on; until then nothing half-made is read as a secret."""
    for number in count():
        path = f"crash-{secrets.token_hex(6)}"
        try:
            mount.watched(die_after(number)).create(path, VALUES[T1], T1, None)
        except Died:
            mount.secrets.create(path, VALUES[T1], T1, None)
            assert mount.labelled(path) == {AWSCURRENT: VALUES[T1]}
            assert mount.plain(path) == VALUES[T1]
        else:
            break
    assert number > 4


def test_a_value_that_was_staged_and_never_labelled_may_be_made_anew(mount):
    """The writer died before its token was known: another value for the token is no conflict."""
    path = mount.rotating()
    with pytest.raises(Died):
        dies_when_written(mount, f"{path}/_staged/{T3}").put(path, VALUES[T4], T3, (AWSPENDING,))
    mount.secrets.put(path, VALUES[T3], T3, (AWSPENDING,))
    assert mount.labelled(path)[AWSPENDING] == VALUES[T3]


def dies_when_written(mount: Mount, place: str) -> VersionedSecrets:
    """Give secrets whose writer dies when it has written a certain document."""

    class Dying(Watched):
        def write(self, path: str, *args: Any, **named: Any) -> Any:
            written = self._kv.write(path, *args, **named)
            if path == place:
                raise Died
            return written

    return VersionedSecrets(Dying(mount.kv, lambda *_: None))


def outcome(mount: Mount, *changes: Change) -> dict[str, str]:
    """Tell where the labels are when changes are made one after the other."""
    path = mount.rotating()
    for change in changes:
        attempt(change, mount.secrets, path)
    return mount.labelled(path)


def attempt(change: Change, secrets_: VersionedSecrets, path: str) -> bool:
    """Make a change; tell whether it was refused because another one was there first."""
    try:
        change(secrets_, path)
    except (LabelConflict, SecretExists):
        return True
    return False


PAIRS = [
    *product((put_current,), (put_another, promote, drop_pending, go_back, "by_hand")),
    *product((promote, put_pending, go_back), (put_another, "by_hand")),
]


@pytest.mark.parametrize(("change", "other"), PAIRS)
def test_two_changes_end_as_if_one_had_come_after_the_other(mount, change, other):
    """Whatever another writer does between two calls of ours, no label and no value is lost."""
    other = mount.by_hand if other == "by_hand" else other
    serial = [outcome(mount, change, other), outcome(mount, other, change)]
    alone = [outcome(mount, other)]
    for number in range(1, calls_of(mount, change) + 1):
        path = mount.rotating()
        between = before(number, partial(attempt, other, mount.secrets, path))
        refused = attempt(change, mount.watched(between), path)
        labelled = mount.labelled(path)
        assert labelled in (alone if refused else serial), number
        assert mount.plain(path) == labelled[AWSCURRENT]


def test_a_publication_that_arrives_late_is_not_taken_for_one_by_hand(mount):
    """A writer was cut off when its last request was already under way, and others went on."""
    expected = outcome(mount, put_current, put_another)
    for number in range(1, calls_of(mount, put_another) + 6):
        path = mount.rotating()
        with suppress(Died):
            put_current(dies_when_written(mount, f"{path}/_stages"), path)

        def arrive(path: str = path) -> None:
            with suppress(CheckAndSetFailed):
                mount.kv.write(path, json.loads(VALUES[T3]), cas=1)

        put_another(mount.watched(before(number, arrive)), path)
        assert mount.labelled(path) == expected, number


@pytest.mark.parametrize("label", [AWSCURRENT, AWSPENDING, AWSPREVIOUS])
@pytest.mark.parametrize("change", [promote, put_another])
def test_a_reader_gets_a_whole_version_while_another_is_published(mount, label, change):
    """Id and value always belong together, and both were labelled so before or after."""
    for number in range(1, 8):
        path = mount.rotating()
        mount.secrets.put(path, VALUES[T3], T3, (AWSPREVIOUS,))

        was = mount.labelled(path)[label]
        between = before(number, partial(change, mount.secrets, path))
        read = mount.watched(between).get(path, Address("x", label=label))
        assert read.value == VALUES[read.version_id]
        assert read.value in {was, mount.labelled(path)[label]}


steps = st.tuples(st.sampled_from([*CHANGES, put_another, None]), st.integers(0, 14))


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(steps, min_size=2, max_size=5))
def test_any_row_of_changes_and_deaths_leaves_a_whole_secret(mount, steps):
    """Crash after crash, and operators writing by hand in between: no version is lost."""
    path = mount.rotating()
    for change, number in steps:
        with suppress(Died):
            attempt(change or mount.by_hand, mount.watched(die_after(number)), path)
        assert AWSCURRENT in mount.labelled(path)
    assert mount.plain(path) == mount.labelled(path)[AWSCURRENT]


def test_many_writers_at_once_all_succeed_and_leave_one_order(mount):
    """Four threads write sixteen versions: the last one is what everybody reads, under its id."""
    path = mount.rotating()
    tokens = [secrets.token_hex(16) for _ in range(16)]

    def write(token: str) -> str:
        return mount.secrets.put(path, f'{{"v": "{token}"}}', token, (AWSCURRENT,)).version_id

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(write, tokens)) == tokens
    for label in (AWSCURRENT, AWSPREVIOUS):
        read = mount.secrets.get(path, Address("x", label=label))
        assert read.version_id in tokens
        assert read.value == f'{{"v": "{read.version_id}"}}'
    assert mount.plain(path) == mount.secrets.get(path, Address("x")).value


def test_one_token_never_has_two_values_when_two_write_it_at_once(mount):
    """One of two racing writers is refused; what was accepted is what is kept."""
    for _ in range(5):
        path = mount.rotating()

        def write(value: str, path: str = path) -> str | None:
            try:
                mount.secrets.put(path, value, T3, (AWSPENDING,))
            except SecretExists:
                return None
            return value

        with ThreadPoolExecutor(4) as threads:
            accepted = set(threads.map(write, ["1", "2", "3", "4"])) - {None}
        assert accepted == {mount.secrets.get(path, Address("x", T3)).value}
