"""Whatever call fails, in whatever way, a rotation ends well: every call, every mode, all pairs.

Here with providers in memory, over a store in memory; see also the other ``test_faults_*.py``.
The number of cases is printed at the end of a run, and stands in docs/testing.md.
"""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING

import pytest

from glisecrets.references import AWSCURRENT, AWSPENDING, Address
from glisecrets.rotation import Superseded, run
from glisecrets.rotation.operations.repair import Remedy, diagnose, mend
from glisecrets.rotation.retiring import RETIRING, retire

from .fault_injection import MODES
from .faulty_plans import EVERY, broken, numbers, singles
from .faulty_rotation import played
from .memory_store import MemoryStore
from .providers import (
    AccessList,
    AlternatingUsers,
    KeyIssuer,
    NoProvider,
    Provider,
    SingleUser,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from .fault_injection import Time
    from .faulty_plans import Play

PROVIDERS = [SingleUser, AccessList, AlternatingUsers, KeyIssuer, NoProvider]

#: Who begins the rotation, and whether a lease keeps two runs apart: Secrets Manager has none.
WAYS = {"lambda": ("memory", True), "in-process": ("memory", False), "no-lease": ("aws", False)}
each_way = pytest.mark.parametrize("way", WAYS)
each_kind = pytest.mark.parametrize("kind", PROVIDERS, ids=lambda kind: kind.__name__)


@pytest.fixture
def play(kind: type[Provider], way: str) -> Play:
    scheme, begun_by_service = WAYS[way]

    def store(time: Time) -> MemoryStore:
        return MemoryStore(time.now, scheme)

    return partial(played, kind, store, begun_by_service=begun_by_service)


@each_way
@each_kind
def test_one_fault_anywhere_is_survived(play: Play, count_cases: Callable[[int], None]) -> None:
    """One call that fails, in any of the modes, harms no client and is made good by a resume."""
    plans = singles(play)
    assert broken(play, plans) == {}
    assert len(plans) > 15 * len(MODES)
    count_cases(len(plans))


@each_way
@each_kind
def test_a_run_that_wakes_after_months_and_dies_blocks_nobody(
    play: Play, count_cases: Callable[[int], None]
) -> None:
    """Its one last call may bring back a label that others have taken off since."""
    plans = [{number: "left behind", number + 1: "crash before"} for number in numbers(play)]
    assert broken(play, plans) == {}
    assert len(plans) > 15
    count_cases(len(plans))


@each_kind
def test_a_label_back_on_a_revoked_version_stops_the_next_run_and_nobody_else(
    kind: type[Provider],
) -> None:
    """The limit without a lease: see "Two runs at once" in docs/rotation.md. Repair leads out."""
    made = played(kind, lambda time: MemoryStore(time.now, "aws"), {}, begun_by_service=False)
    store, secret, slept = made.store, made.secret, made.token
    made.time.later(days=90)
    run(made.engine(), secret)
    assert not store.describe(secret).versions.get(slept)
    store.move_label(secret, AWSPENDING, to=slept)
    with pytest.raises(Superseded, match="rotate repair"):
        run(made.engine(), secret)
    assert made.provider.accepts(store.get(Address(secret)).value)
    found = diagnose(made.engine(), secret)
    assert (found.remedy, found.version_id) == (Remedy.DROP_PENDING, slept)
    mend(made.engine(), found)
    assert made.provider.accepts(store.get(Address(secret)).value)
    made.time.later(days=90)
    following = run(made.engine(), secret)
    assert store.describe(secret).labelled(AWSCURRENT) == following != slept


def test_a_sweep_that_ends_an_old_revocation_does_what_is_due_as_well() -> None:
    """A run that slept marks what was revoked long ago; the value after it lives no day longer."""
    made = played(AccessList, lambda time: MemoryStore(time.now), {}, begun_by_service=False)
    made.store.move_label(made.secret, RETIRING, to=made.older)
    made.time.later(days=8)
    assert retire(made.engine().subject(made.secret)) == made.token
    labels = made.store.describe(made.secret).versions.values()
    assert [*map(set, filter(None, labels))] == [{AWSCURRENT}]
    assert len(made.provider.accepted) == 1


@each_way
@each_kind
def test_two_faults_anywhere_are_survived(play: Play, count_cases: Callable[[int], None]) -> None:
    """Nor do two faults of one rotation, the second maybe while the first is being mended.

    Each pair of calls at most fifteen apart, with one mode in five first and another one second;
    GLISECRETS_ALL_FAULTS=1 plays every mode with every mode (six hundred thousand cases, an hour).
    """
    plans = [
        {first: one, first + later: other}
        for plan in singles(play)
        for first, one in plan.items()
        for later, other in product(range(1, 16), MODES)
        if EVERY or _is_sampled(first, later, MODES.index(one), MODES.index(other))
    ]
    assert broken(play, plans) == {}
    assert len(plans) > 15 * 15 * 2
    count_cases(len(plans))


def _is_sampled(first: int, later: int, one: int, other: int) -> bool:
    """Take two of the ten modes at each call, with one of the ten at each later one."""
    return (first + later + one) % 5 == 0 and other == (first + later * 3 + one) % len(MODES)
