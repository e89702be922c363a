"""One trial: a deployment under load while its password is rotated, and what came of it."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import TYPE_CHECKING, NamedTuple

from .deployment import BENCHMARKS, THREADS, WORKERS, deployed
from .latencies import Latencies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .deployment import Case, Deployment
    from .load import Record

#: As many clients as the service has threads.
CLIENTS = WORKERS * THREADS

#: Seconds of load at first that count for no latency: imports, first connections.
_WARM_UP = 1.0
#: Seconds of load after the last rotation.
_AFTER = 1.0
#: Longer than a trial: the wait of the rotation that is killed in it.
_FOR_EVER = 600.0


@dataclass(frozen=True)
class Plan:
    """What happens in a trial; waits are between the password's change and the label's move."""

    #: Seconds of load before the first rotation, warm-up included.
    calm: float
    #: The waits of the rotations before the one that is killed, in seconds.
    before: tuple[float, ...]
    #: Whether one is killed between the two, and finished by the next run.
    crash: bool = False
    #: Seconds between its death and that next run.
    dead: float = 3.0
    #: The waits of those after it.
    after: tuple[float, ...] = ()

    @property
    def rotations(self) -> int:
        """How many there are, the killed one included."""
        return len(self.before) + self.crash + len(self.after)


class Event(NamedTuple):
    """Something that happened to the rotation: a step's name, or ``killed``."""

    what: str
    #: ``time.monotonic()``, which all processes of a machine share.
    at: float


@dataclass(frozen=True)
class Trial:
    """What was asked and answered, and what happened meanwhile."""

    case: Case
    plan: Plan
    records: list[Record]
    events: list[Event]
    #: Connections that the service opened, and logins that PostgreSQL refused.
    logins: int
    refused: int

    @property
    def faults(self) -> dict[str, int]:
        """What was wrong with answers, and how often."""
        return dict(Counter(fault for _, _, fault in self.records if fault))

    @property
    def failed(self) -> int:
        """How many requests were not answered as they should be."""
        return sum(self.faults.values())

    @property
    def moves(self) -> list[float]:
        """When ``AWSCURRENT`` moved."""
        return [event.at for event in self.events if event.what == "finishSecret"]

    @property
    def windows(self) -> list[tuple[float, float]]:
        """From when to when the password in force was not the current version's."""
        opened: float | None = None
        found = []
        for event in self.events:
            if event.what == "setSecret" and opened is None:
                opened = event.at
            elif event.what == "finishSecret" and opened is not None:
                found.append((opened, event.at))
                opened = None
        return found

    @property
    def calm(self) -> Latencies:
        """How long answers took before the first rotation."""
        start, end = self.records[0][0] + _WARM_UP, self.events[0].at
        return Latencies(took for at, took, _ in self.records if start < at and at + took < end)

    @property
    def rotating(self) -> Latencies:
        """How long answers took from the first rotation on."""
        first = self.events[0].at
        return Latencies(took for at, took, _ in self.records if at + took >= first)


def run(case: Case, plan: Plan) -> Trial:
    """Run one trial; it takes as long as its plan says, and a few seconds."""
    with TemporaryDirectory(prefix="glisecrets-bench-") as scratch:
        folder, records = Path(scratch), Path(scratch, "records.csv")
        with deployed(case, folder) as deployment:
            with _load(deployment, records):
                sleep(plan.calm)
                events = list(_rotations(deployment, plan))
                sleep(_AFTER)
            logins, refused = deployment.logins()
        trial = Trial(case, plan, _read(records), events, logins, refused)
    if len(trial.moves) != plan.rotations:
        raise SystemExit(f"benchmarks: {len(trial.moves)} of {plan.rotations} rotations ended")
    return trial


@contextmanager
def _load(deployment: Deployment, records: Path) -> Iterator[None]:
    """Have the clients ask for the length of a block; then all that was sent is answered."""
    command = ["-m", "under_load.load", deployment.url, str(CLIENTS), str(records)]
    environ = {"PYTHONPATH": str(BENCHMARKS)}
    with subprocess.Popen([sys.executable, *command], stdin=subprocess.PIPE, env=environ) as asking:
        yield
        assert asking.stdin is not None
        asking.stdin.close()
    if asking.returncode:
        raise SystemExit("benchmarks: the load generator failed")


def _read(records: Path) -> list[Record]:
    with records.open(newline="", encoding="utf-8") as table:
        return [(float(at), float(took), fault) for at, took, fault in csv.reader(table)]


def _rotations(deployment: Deployment, plan: Plan) -> Iterator[Event]:
    yield from _steps(deployment, plan.before)
    if plan.crash:
        yield from _until_killed(deployment)
        sleep(plan.dead)
        # The first of these finishes the killed one: it has nothing to wait for.
        yield from _steps(deployment, (0.0, *plan.after))


def _steps(deployment: Deployment, waits: tuple[float, ...]) -> Iterator[Event]:
    with _rotating(deployment, waits) as process:
        yield from _told(process)
    if process.returncode:
        raise SystemExit("benchmarks: a rotation failed")


def _until_killed(deployment: Deployment) -> Iterator[Event]:
    with _rotating(deployment, (_FOR_EVER,)) as process:
        for event in _told(process):
            yield event
            if event.what == "setSecret":
                break
        process.kill()
    yield Event("killed", monotonic())


def _rotating(deployment: Deployment, waits: tuple[float, ...]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "under_load.rotate", *map(str, waits)]
    return subprocess.Popen(command, env=deployment.environ, stdout=subprocess.PIPE, text=True)


def _told(process: subprocess.Popen[str]) -> Iterator[Event]:
    assert process.stdout is not None
    for line in process.stdout:
        told = json.loads(line)
        yield Event(told["step"], told["at"])
