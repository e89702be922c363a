"""Whatever call fails, in whatever way, a rotation ends well: every call, every mode, all pairs.

The number of cases that were run is printed with ``-rA``, and stands in docs/rotation.md.
"""

from __future__ import annotations

import os
from itertools import product
from typing import TYPE_CHECKING

import pytest

from .fault_injection import MODES, Faults, Scenario
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
    from collections.abc import Iterator

PROVIDERS = [SingleUser, AccessList, AlternatingUsers, KeyIssuer, NoProvider]

begun = pytest.mark.parametrize("begun_by_service", [True, False], ids=["lambda", "in-process"])
each_kind = pytest.mark.parametrize("kind", PROVIDERS, ids=lambda kind: kind.__name__)


def played(kind: type[Provider], plan: dict[int, str], begun_by_service: bool) -> Scenario:
    """Play a rotation in which the calls of a plan fail."""
    faults = Faults(plan)
    scenario = Scenario(None, None, faults, begun_by_service)  # type: ignore[arg-type]
    scenario.store = MemoryStore(scenario.now)  # type: ignore[assignment]
    scenario.provider = kind(faults, scenario.now)
    scenario.play()
    return scenario


def singles(kind: type[Provider], begun_by_service: bool) -> list[tuple[int, str]]:
    """Give each call of an undisturbed rotation with each mode."""
    calls = played(kind, {}, begun_by_service).faults.count
    return list(product(range(1, calls + 1), MODES))


def broken(
    kind: type[Provider], plans: Iterator[dict[int, str]], begun_by_service: bool
) -> dict[str, list[str]]:
    """Play plans; give what was broken in which."""
    found = ((plan, played(kind, plan, begun_by_service).broken) for plan in plans)
    return {str(plan): promises for plan, promises in found if promises}


@begun
@each_kind
def test_one_fault_anywhere_is_survived(kind: type[Provider], begun_by_service: bool) -> None:
    """One call that fails, in any of the modes, harms no client and is made good by a resume."""
    plans = singles(kind, begun_by_service)
    assert broken(kind, ({number: mode} for number, mode in plans), begun_by_service) == {}
    assert len(plans) > 15 * len(MODES)
    print(f"{kind.__name__}: {len(plans)} cases")  # noqa: T201 - pytest -rA shows it


@begun
@each_kind
def test_two_faults_anywhere_are_survived(kind: type[Provider], begun_by_service: bool) -> None:
    """Nor do two faults of one rotation, the second maybe while the first is being mended.

    Each pair of calls at most fifteen apart, with each mode first and another one second;
    GLISECRETS_ALL_FAULTS=1 plays every second mode (a quarter of a million cases, ten minutes).
    """
    every = "GLISECRETS_ALL_FAULTS" in os.environ
    plans = [
        {first: one, first + later: other}
        for first, one in singles(kind, begun_by_service)
        for later, other in product(range(1, 16), MODES)
        if every or MODES.index(other) == (first + later + MODES.index(one)) % len(MODES)
    ]
    assert broken(kind, iter(plans), begun_by_service) == {}
    assert len(plans) > 15 * 15 * len(MODES)
    print(f"{kind.__name__}: {len(plans)} cases")  # noqa: T201 - pytest -rA shows it
