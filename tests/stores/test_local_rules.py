"""The local store's rules of versions, against an oracle that was written apart from them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glisecrets.errors import (
    InvalidRequest,
    LabelConflict,
    SecretExists,
    SecretNotFound,
    StoreError,
)
from glisecrets.references import AWSCURRENT, AWSPENDING, AWSPREVIOUS, Address
from glisecrets.stores.local import rules

if TYPE_CHECKING:
    from glisecrets.stores.local.record import SecretRecord

START = datetime(2026, 1, 1, tzinfo=UTC)
TOKENS = tuple(letter * 32 for letter in "abcdefg")
LABELS = (AWSCURRENT, AWSPENDING, AWSPREVIOUS, "blue")
VALUES = ("one", "two")


class Service:
    """The oracle: Secrets Manager as a list of versions, each with its own set of labels."""

    def __init__(self) -> None:
        self.rows: list[SimpleNamespace] = []

    def row(self, token):
        return next((row for row in self.rows if row.token == token), None)

    def holder(self, label):
        rows = [row for row in self.rows if label in row.labels]
        assert len(rows) <= 1
        return rows[0] if rows else None

    def give(self, label, row):
        """Put one label on a row, with its consequences."""
        old = self.holder(label)
        if old is row:
            return
        if old:
            old.labels.remove(label)
        row.labels.add(label)
        if label == AWSCURRENT and old:
            old.labels.discard(AWSPENDING)
            if self.holder(AWSPREVIOUS):
                self.holder(AWSPREVIOUS).labels.remove(AWSPREVIOUS)
            old.labels.add(AWSPREVIOUS)

    def put(self, token, value, labels, day):
        row = self.row(token)
        if row and row.value is not None:
            return None if row.value == value else SecretExists
        first = not self.rows
        if row is None:
            row = SimpleNamespace(token=token, value=None, labels=set(), day=day)
            self.rows.append(row)
        row.value = value
        wanted = sorted({*labels, *([AWSCURRENT] if first else [])}, key=LABELS.index)
        for label in wanted:
            self.give(label, row)
        self.clean(day)
        return None

    def clean(self, day):
        for row in list(self.rows):
            if len(self.rows) > rules.KEEP_VERSIONS and not row.labels and day - row.day > 1:
                self.rows.remove(row)

    def move(self, label, to, expected):
        old = self.holder(label)
        if (old.token if old else None) != expected:
            return LabelConflict
        if to is not None and self.row(to) is None:
            return SecretNotFound
        if label == AWSCURRENT and (to is None or (to != expected and self.row(to).value is None)):
            return InvalidRequest
        if to is None:
            if old:
                old.labels.remove(label)
        else:
            self.give(label, self.row(to))
        return None

    def rotate(self, token, day):
        pending, current = self.holder(AWSPENDING), self.holder(AWSCURRENT)
        if pending and pending is not current and pending.token != token:
            return InvalidRequest
        if current and current.token == token:
            return None
        if self.row(token) is None:
            self.rows.append(SimpleNamespace(token=token, value=None, labels=set(), day=day))
        self.give(AWSPENDING, self.row(token))
        return None

    def read(self, token, label):
        row = self.row(token) if token else self.holder(label)
        if row is None:
            return SecretNotFound
        if token and label and label not in row.labels:
            return InvalidRequest
        return SecretNotFound if row.value is None else row.value


tokens = st.sampled_from(TOKENS)
labels = st.sampled_from(LABELS)
steps = st.one_of(
    st.tuples(st.just("put"), tokens, st.sampled_from(VALUES), st.frozensets(labels, min_size=1)),
    st.tuples(st.just("move"), labels, st.none() | tokens, st.just("holder") | st.none() | tokens),
    st.tuples(st.just("rotate"), tokens),
    st.tuples(st.just("days"), st.integers(1, 3)),
)


@given(st.lists(steps, max_size=30), st.none() | tokens, st.none() | labels)
def test_any_history_leaves_a_secret_as_secrets_manager_would(history, token, label):
    """Writes, moves and rotations in any order: same labels, same versions, same refusals."""
    keep, rules.KEEP_VERSIONS = rules.KEEP_VERSIONS, 3
    try:
        record, oracle, values, day = rules.created(None, "gli/db", "", START), Service(), {}, 0
        for kind, *arguments in history:
            now = START + timedelta(days=day)
            if kind == "days":
                day += arguments[0]
                continue
            expected, change = play(kind, arguments, record, oracle, values, now, day)
            if expected is None:
                record = change()
                values = {vid: text for vid, text in values.items() if vid in record.versions}
            else:
                with pytest.raises(expected):
                    change()
            assert {vid: set(v.labels) for vid, v in record.versions.items()} == {
                row.token: row.labels for row in oracle.rows
            }
        check_read(record, oracle, values, token, label)
    finally:
        rules.KEEP_VERSIONS = keep


def play(kind, arguments, record, oracle, values, now, day):
    """Give what the oracle expects of a step, and the step on the real rules."""
    if kind == "put":
        token, value, wanted = arguments
        same = values[token] == value if token in values else None
        expected = oracle.put(token, value, wanted, day)
        if expected is None:
            values.setdefault(token, value)
        return expected, lambda: rules.written(record, token, wanted, same=same, now=now)
    if kind == "rotate":
        expected = oracle.rotate(arguments[0], day)
        return expected, lambda: rules.rotation_begun(record, arguments[0], now=now)
    label, to, named = arguments
    holder = oracle.holder(label)
    named = (holder.token if holder else None) if named == "holder" else named
    expected = oracle.move(label, to, named)
    return expected, lambda: rules.label_moved(record, label, to=to, expected=named, now=now)


def check_read(record, oracle, values, token, label):
    """Hold one read against the oracle's."""
    expected = oracle.read(token, label or (None if token else AWSCURRENT))
    address = Address("gli/db", token, label)
    if isinstance(expected, str):
        assert values[rules.version_wanted(record, address)] == expected
    else:
        with pytest.raises(expected):
            rules.version_wanted(record, address)


def written(count: int, *, days_apart: float) -> SecretRecord:
    """Give a secret that was written so many times."""
    record = rules.created(None, "gli/db", "", START)
    for number in range(count):
        now = START + timedelta(days=number * days_apart)
        record = rules.written(record, f"{number:032}", {AWSCURRENT}, same=None, now=now)
    return record


def test_the_oldest_deprecated_versions_go_when_there_are_more_than_a_hundred():
    """A secret that is rotated for years stays small."""
    record = written(250, days_apart=2)
    assert list(record.versions) == [f"{number:032}" for number in range(150, 250)]


def test_a_version_younger_than_a_day_is_never_cleaned():
    """A burst of writes loses nothing that someone may still be using."""
    assert len(written(250, days_apart=0.001).versions) == 250


def test_a_labelled_version_is_never_cleaned():
    """A version that a label keeps stays, however old."""
    record = written(2, days_apart=2)
    record = rules.label_moved(record, "keep", to="0" * 32, expected=None, now=START)
    for number in range(2, 150):
        now = START + timedelta(days=2 * number)
        record = rules.written(record, f"{number:032}", {AWSCURRENT}, same=None, now=now)
    assert record.versions["0" * 32].labels == {"keep"}


def test_what_waits_for_its_deletion_can_only_be_restored():
    """A scheduled deletion stops reads and changes, until it is taken back."""
    record = rules.deletion_scheduled(written(2, days_apart=1), START, now=START)
    with pytest.raises(SecretNotFound):
        rules.version_wanted(record, Address("gli/db"))
    changes = [
        lambda: rules.written(record, "x" * 32, {AWSCURRENT}, same=None, now=START),
        lambda: rules.label_moved(record, "blue", to=f"{1:032}", expected=None, now=START),
        lambda: rules.tagged(record, {"owner": "api"}, now=START),
        lambda: rules.rotation_begun(record, "x" * 32, now=START),
        lambda: rules.created(record, "gli/db", "x" * 32, START),
    ]
    for change in changes:
        with pytest.raises(InvalidRequest):
            change()
    restored = rules.deletion_cancelled(record, now=START)
    assert rules.version_wanted(restored, Address("gli/db")) == f"{1:032}"


def test_the_date_of_rotation_is_when_current_last_moved():
    """A first value is no rotation; each move of AWSCURRENT to another version is one."""
    assert written(1, days_apart=1).rotated is None
    record = written(3, days_apart=1)
    assert record.rotated == START + timedelta(days=2)
    tagged = rules.tagged(record, {"owner": "api"}, now=START + timedelta(days=9))
    assert tagged.rotated == record.rotated


@pytest.mark.parametrize("name", ["", "a b", "gli:db", "x" * 513, "비밀", "a\n"])
def test_a_name_that_secrets_manager_refuses_is_refused(name):
    """A secret made here can be made there."""
    with pytest.raises(InvalidRequest):
        rules.created(None, name, "", START)


@pytest.mark.parametrize(
    "wanted", [set(), {"x" * 257}, {f"label-{n}" for n in range(21)}], ids=["none", "long", "many"]
)
def test_a_version_has_at_most_twenty_labels_of_256_characters(wanted):
    """The limits of labels are those of the API reference."""
    with pytest.raises(StoreError):
        rules.written(written(1, days_apart=1), "x" * 32, wanted, same=None, now=START)
