"""Which calls fail, in which mode: every one of them, or a fair sample."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .fault_injection import MODES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .faulty_rotation import Scenario

    Plan = dict[int, str]
    Play = Callable[[Plan], Scenario]

#: Whether every call is played with every mode, and every pair, for an hour.
EVERY = "GLISECRETS_ALL_FAULTS" in os.environ


def singles(play: Play) -> list[Plan]:
    """Give each call of an undisturbed rotation with each mode."""
    return [{number: mode} for number in numbers(play) for mode in MODES]


def sampled_singles(play: Play, turn: int = 0, one_of: int = 1, modes: int = 5) -> list[Plan]:
    """Give calls with one mode each, the modes in turn; what changes a provider with several.

    Args:
        play: plays a plan.
        turn: where to begin, with the calls and the modes; of two tests that share what they test
            one has 0 and one has 1, and both together break a change in every mode.
        one_of: take one call of so many, of those that change no provider.
        modes: take so many modes of each call that changes one.
    """
    if EVERY:
        return singles(play)
    faults = play({}).faults
    shifts = [turn + 2 * more for more in range(modes)]
    changes = [{number: _mode(shift)} for number in faults.changes for shift in shifts]
    others = set(range(1, faults.count + 1)) - faults.changes
    taken = [number + turn for number in others if (number + turn) % one_of == 0]
    return changes + [{number - turn: _mode(number)} for number in taken]


def _mode(turn: int) -> str:
    return MODES[turn % len(MODES)]


def numbers(play: Play) -> range:
    """Give the number of each call of an undisturbed rotation."""
    return range(1, play({}).faults.count + 1)


def broken(play: Play, plans: Iterable[Plan]) -> dict[str, list[str]]:
    """Play plans; give what was broken in which."""
    found = ((plan, play(plan).broken) for plan in plans)
    return {str(plan): promises for plan, promises in found if promises}
