"""Whatever call fails, in whatever way, a rotation ends well: every call, every mode, all pairs.

Here with providers in memory, over a store in memory; see also the other ``test_faults_*.py``.
The number of cases is printed at the end of a run, and stands in docs/rotation.md.
"""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING

import pytest

from .fault_injection import MODES
from .faulty_plans import EVERY, broken, singles
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
def test_two_faults_anywhere_are_survived(play: Play, count_cases: Callable[[int], None]) -> None:
    """Nor do two faults of one rotation, the second maybe while the first is being mended.

    Each pair of calls at most fifteen apart, with one mode in four first and another one second;
    GLISECRETS_ALL_FAULTS=1 plays every mode with every mode (half a million cases, an hour).
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
    """Take two of the eight modes at each call, with one of the eight at each later one."""
    return (first + later + one) % 4 == 0 and other == (first + later * 3 + one) % len(MODES)
