"""The rules of tokens and labels, as every store of ours keeps them."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glisecrets.errors import InvalidRequest, LabelConflict, SecretExists, SecretNotFound
from glisecrets.references import AWSCURRENT, AWSPENDING, AWSPREVIOUS
from glisecrets.stores.base import MAX_VALUE_BYTES
from glisecrets.stores.labels import Labels, check_value, version_token

A, B, C, D = VERSIONS = tuple(letter * 32 for letter in "abcd")
LABELS = (AWSCURRENT, AWSPENDING, AWSPREVIOUS, "team-x")


def state(**versions: set[str]) -> Labels:
    """Give the state of a secret whose versions are named by one letter."""
    return Labels("vault", "gli/db", {v * 32: frozenset(has) for v, has in versions.items()})


class Pointers:
    """The oracle: the same rules told the other way round, as label -> version."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.at: dict[str, str] = {}

    def point(self, label: str, version: str) -> None:
        """Point a label at a version, with what follows from it."""
        left = self.at.get(label)
        self.at[label] = version
        if label == AWSCURRENT and left not in (None, version):
            self.at[AWSPREVIOUS] = left
            if self.at.get(AWSPENDING) == left:
                del self.at[AWSPENDING]

    def put(self, version: str, labels: frozenset[str]) -> None:
        """Write a version."""
        wanted = labels | (frozenset() if self.known else {AWSCURRENT})
        self.known.add(version)
        if AWSCURRENT in wanted:
            self.point(AWSCURRENT, version)
        for label in wanted - {AWSCURRENT}:
            self.point(label, version)

    def move(self, label: str, to: str | None, expected: str | None) -> type[Exception] | None:
        """Move a label, or give the error that it must raise."""
        if self.at.get(label) != expected:
            return LabelConflict
        if to is not None and to not in self.known:
            return SecretNotFound
        if to is None and label == AWSCURRENT:
            return InvalidRequest
        if to is None:
            self.at.pop(label, None)
        else:
            self.point(label, to)
        return None


puts = st.tuples(
    st.just("put"),
    st.sampled_from(VERSIONS),
    st.frozensets(st.sampled_from(LABELS), min_size=1),
    st.none(),
)
moves = st.tuples(
    st.just("move"),
    st.sampled_from((*VERSIONS, None)),
    st.sampled_from(LABELS),
    st.sampled_from((*VERSIONS, None, "holder")),
)


@given(st.lists(puts | moves, max_size=12))
def test_any_sequence_of_changes_leaves_the_labels_where_secrets_manager_would(steps):
    """Whatever is written and moved, in whatever order, each label ends on the right version."""
    labels, oracle = Labels("local", "gli/db"), Pointers()
    for kind, version, what, expected in steps:
        if kind == "put":
            labels = labels.put(version, what)
            oracle.put(version, what)
            continue
        at = oracle.at.get(what) if expected == "holder" else expected
        fault = oracle.move(what, version, at)
        if fault is None:
            labels = labels.move(what, to=version, expected=at)
        else:
            with pytest.raises(fault):
                labels.move(what, to=version, expected=at)
    assert {label: labels.holder(label) for label in LABELS} == {
        label: oracle.at.get(label) for label in LABELS
    }
    assert set(labels.versions) == oracle.known


def test_the_first_version_becomes_current_even_when_only_pending_was_asked_for():
    """A secret with any version can always be read without naming a label."""
    assert Labels("local", "x").put(A, [AWSPENDING]).versions == {A: {AWSPENDING, AWSCURRENT}}


def test_moving_current_takes_previous_along_and_pending_off():
    """The version left behind is AWSPREVIOUS and never still AWSPENDING; other labels stay."""
    before = state(a={AWSPREVIOUS}, b={AWSCURRENT, AWSPENDING, "team-x"}, c=set())
    after = before.move(AWSCURRENT, to=C, expected=B)
    assert after.versions == {A: set(), B: {AWSPREVIOUS, "team-x"}, C: {AWSCURRENT}}


def test_a_finished_rotation_leaves_pending_on_the_new_current():
    """Only whoever finishes the rotation takes AWSPENDING off: the move alone does not."""
    after = state(a={AWSCURRENT}, b={AWSPENDING}).move(AWSCURRENT, to=B, expected=A)
    assert after.versions[B] == {AWSCURRENT, AWSPENDING}


def test_a_replayed_write_changes_nothing_and_another_value_is_refused():
    """A retry after a lost answer is safe; two values can never share one token."""
    before = state(a={AWSPREVIOUS}, b={AWSCURRENT})
    assert before.put(A, [AWSCURRENT], same_value=True) is before
    with pytest.raises(SecretExists) as caught:
        before.put(A, [AWSCURRENT], same_value=False)
    assert (caught.value.store, caught.value.secret, caught.value.version) == ("vault", "gli/db", A)


def test_a_write_without_any_label_is_refused():
    """No version is born unreachable."""
    with pytest.raises(InvalidRequest):
        state(a={AWSCURRENT}).put(B, [])


@pytest.mark.parametrize(
    "token", ["", "short", "x" * 65, "x" * 31, "x" * 31 + "/", "x" * 32 + "\n"]
)
def test_a_token_that_no_reference_could_name_is_refused(token):
    """Every version id can be written after the '@' of a reference."""
    with pytest.raises(InvalidRequest):
        version_token(token, store="local", secret="gli/db")


def test_a_missing_token_is_made():
    """Two writes without a token never collide."""
    made = {version_token(None, store="local", secret="gli/db") for _ in range(3)}
    assert len(made) == 3
    assert all(version_token(token, store="local", secret="x") == token for token in made)


def test_a_value_is_measured_in_bytes_and_never_shown():
    """64 KiB pass, one byte more does not, and the error names the size alone."""
    fits = secrets.token_hex(MAX_VALUE_BYTES // 2)
    check_value(fits, store="local", secret="gli/db")
    check_value(fits.encode(), store="local", secret="gli/db")
    with pytest.raises(InvalidRequest, match="65537 bytes") as caught:
        check_value(fits + "x", store="local", secret="gli/db")
    assert fits[:20] not in repr(caught.value)
    with pytest.raises(InvalidRequest, match="65538 bytes"):
        check_value("é" * 32_769, store="local", secret="gli/db")
