"""Turn by turn: peers and we run in the same rounds, so that a busy machine is busy for all."""

from __future__ import annotations

import sys
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import track

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    #: Does the work once, and gives the seconds that it took.
    Turn = Callable[[], float]

#: Long enough for the clock, short enough for many rounds.
SECONDS_PER_TURN = 0.004


class Times(dict[str, list[float]]):
    """Contender -> its seconds in each round."""

    def median(self, name: str) -> float:
        """Give the median of a contender's rounds, in seconds."""
        return median(self[name])

    def ratio(self, name: str, peer: str) -> float:
        """Give the median of the rounds' ratios: what disturbs a round disturbs both in it."""
        return median(a / b for a, b in zip(self[name], self[peer], strict=True))


def interleaved(title: str, turns: Mapping[str, Turn], rounds: int) -> Times:
    """Let every contender have its turn in every round, and begin each round with another."""
    times = Times({name: [] for name in turns})
    names = list(turns)
    console = Console(stderr=True)
    for number in track(
        range(rounds), f"{title:<28}", console=console, disable=not sys.stderr.isatty()
    ):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            times[name].append(turns[name]())
    return times


def repeated(work: Callable[[], object], seconds: float = SECONDS_PER_TURN) -> Turn:
    """Make a turn of something quick: as many calls as fit in so many seconds; gives one call's."""
    work()  # the first call prepares
    calls = max(1, int(seconds / _seconds_per_call(work, 5)))
    return lambda: _seconds_per_call(work, calls)


def _seconds_per_call(work: Callable[[], object], calls: int) -> float:
    start = perf_counter()
    for _ in range(calls):
        work()
    return (perf_counter() - start) / calls
