"""Django's encrypted fields: rows with three of them beside rows with plain fields, and a rewrap.

The program that is measured configures Django, so it has a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rows import Row, compared
from turns import Times

if TYPE_CHECKING:
    from collections.abc import Iterator

    from surroundings import Surroundings

PEER = "plain fields"
ROWS, FEWER_ROWS = 10_000, 500
REWRAPPED_ROWS = 100_000
FIELDS = 3
#: Of inserting and reading together.
GOAL = 1.35
#: A rewrap must not know how many rows there are.
REWRAP_GOAL = 1.25


def measure(surroundings: Surroundings) -> list[Row]:
    """Insert and read rows, in both of Django's ways; rewrap the data keys of many rows."""
    rows = ROWS if surroundings.rounds is None else FEWER_ROWS
    found = _run(rows, surroundings.rounds_of(7), REWRAPPED_ROWS)
    return [row for way in ("save", "bulk_create") for row in _rows(way, found["ways"][way])] + [
        _calls(found["rewrap"]),
        _rewrap(found["rewrap"]),
    ]


def _run(*numbers: int) -> dict[str, Any]:
    done = subprocess.run(
        (sys.executable, "-c", f"from programs.django_rows import main; main{numbers}"),
        cwd=Path(__file__).parent,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _rows(way: str, seconds: dict[str, list[tuple[float, float]]]) -> Iterator[Row]:
    """Compare the whole, and for information its parts."""
    whole = f"10,000 rows with {FIELDS} encrypted fields, insert by {way} and read"
    parts = {whole: sum, "… of it insert": itemgetter(0), "… of it read": itemgetter(1)}
    for name, part in parts.items():
        times = Times({who: [part(turn) for turn in turns] for who, turns in seconds.items()})
        yield compared(name, times, "plain", "ms", called=PEER, goal=GOAL if part is sum else None)


def _calls(rewrap: dict[str, Any]) -> Row:
    name = f"KMS calls, rewrap with 100,000 rows of {FIELDS} fields"
    theirs, goal = REWRAPPED_ROWS * FIELDS, rewrap["data_keys"]
    return Row(name, "a data key per value", rewrap["calls"], theirs, "to KMS", goal=goal)


def _rewrap(rewrap: dict[str, Any]) -> Row:
    times = Times(rewrap["seconds"])
    name = "rewrap with 100,000 rows"
    return compared(name, times, "none", "ms", ours="many", called="no rows", goal=REWRAP_GOAL)
