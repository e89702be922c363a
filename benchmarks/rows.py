"""One row of the table: a measure, ours and a peer's, and whether the goal is reached."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from turns import Times

#: Unit -> how many of it a second has.
_PER_SECOND = {"ms": 1e3, "µs": 1e6, "ns": 1e9}

_HEAD = ("measure", "peer", "ours", "theirs", "ratio", "goal", "reached")


@dataclass(frozen=True)
class Row:
    """A measure of ours beside a peer's, both in ``unit``."""

    name: str
    peer: str
    ours: float
    theirs: float
    unit: str
    #: Median of the rounds' ratios; ``None`` for what is counted.
    ratio: float | None = None
    #: The most that the ratio, or the count, may be; ``None`` for a row that only informs.
    goal: float | None = None

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached, if there is one."""
        if self.goal is None:
            return None
        return (self.ours if self.ratio is None else self.ratio) <= self.goal

    def as_json(self) -> dict[str, Any]:
        """Give everything, the verdict too."""
        return {**asdict(self), "reached": self.reached}

    def cells(self) -> tuple[str, ...]:
        """Give the row as text, in the order of the table's columns."""
        ours, theirs = (f"{_figure(number)} {self.unit}" for number in (self.ours, self.theirs))
        ratio = "" if self.ratio is None else _ratio(self.ratio)
        written = "{:.0f}".format if self.ratio is None else _ratio
        goal = "" if self.goal is None else f"≤ {written(self.goal)}"
        verdict = {None: "", True: "yes", False: "**no**"}[self.reached]
        return (self.name, self.peer, ours, theirs, ratio, goal, verdict)


def _ratio(number: float) -> str:
    """Write two digits behind the point, and one more where the first is nothing."""
    return f"{number:.{3 if number < 0.1 else 2}f}"


def compared(
    name: str,
    times: Times,
    peer: str,
    unit: str,
    *,
    ours: str = "ours",
    called: str | None = None,
    goal: float | None = None,
) -> Row:
    """Make a row of two contenders' times; ``called`` is what the table calls the peer."""
    factor = _PER_SECOND[unit]
    return Row(
        name=name,
        peer=called or peer,
        ours=times.median(ours) * factor,
        theirs=times.median(peer) * factor,
        unit=unit,
        ratio=times.ratio(ours, peer),
        goal=goal,
    )


def markdown(rows: Iterable[Row]) -> str:
    """Write the table of rows."""
    return table(_HEAD, (row.cells() for row in rows))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table, its columns aligned so that it reads well in a terminal too."""
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = tuple("-" * width for width in widths)
    return "\n".join(_line(cells, widths) for cells in (head, rule, *lines[1:]))


def _line(cells: Sequence[str], widths: list[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return f"| {' | '.join(padded)} |"


def _figure(number: float) -> str:
    """Write three digits that count."""
    return f"{number:.0f}" if number >= 100 or number == int(number) else f"{number:.3g}"
