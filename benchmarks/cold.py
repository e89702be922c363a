"""Cold processes: from the start of an interpreter to its end, 40 typed settings in between."""

from __future__ import annotations

import subprocess
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from rows import Row, compared
from surroundings import SLOW
from turns import Times, interleaved

if TYPE_CHECKING:
    from surroundings import Surroundings

#: What the table calls the programs.
PEERS = {
    "naive": "boto3, 25 GetSecretValue, untyped",
    "batch": "boto3, 2 BatchGetSecretValue, untyped",
    "pydantic_batch": "pydantic-settings + boto3 BatchGetSecretValue",
    "pydantic_plain": "pydantic-settings, no AWS",
    "pydantic_plain_open": "pydantic-settings, no AWS",
    "environ_plain": "django-environ",
}

_AWS = "cold process, 25 secrets, {} ms store"
_PLAIN = "start with no secret named"


class Run(NamedTuple):
    """One run of a program."""

    #: Seconds until the values were there, and until the process had ended.
    ready: float
    whole: float
    #: What it printed: how much it read.
    proof: str


def aws(surroundings: Surroundings) -> list[Row]:
    """Measure with 25 values in a store that answers after 5 ms, and after 20 ms."""
    programs = ("ours", "pydantic_batch", "naive", "batch", "pydantic_plain")
    quick = _measured(surroundings, "cold process, 5 ms", "5", programs, rounds=25)
    slow = _measured(surroundings, "cold process, 20 ms", "20", programs[:3], rounds=15)
    at_5, at_20 = _AWS.format(5), _AWS.format(20)
    return [
        _row(at_5, quick, "pydantic_batch", goal=0.85),
        _row(at_5, quick, "naive", goal=1.0),
        _row(at_20, slow, "naive", goal=0.55),
        _row(at_5, quick, "batch"),
        _row(at_5, quick, "pydantic_plain"),
        _row(at_20, slow, "pydantic_batch"),
        _row(f"{at_5}, until the values are there", quick, "pydantic_batch", ready=True),
        _row(f"{at_5}, until the values are there", quick, "naive", ready=True),
    ]


def plain(surroundings: Surroundings) -> list[Row]:
    """Measure with all values in the environment, so that no store is needed."""
    programs = (
        *("ours_plain", "pydantic_plain", "environ_plain"),
        *("ours_plain_open", "pydantic_plain_open"),
    )
    times = _measured(surroundings, _PLAIN, "5", programs, rounds=51)
    nothing = f"{_PLAIN}, none typed as one"
    return [
        _row(nothing, times, "pydantic_plain_open", ours="ours_plain_open", goal=1.05),
        _row(_PLAIN, times, "pydantic_plain", ours="ours_plain", goal=1.05),
        _row(_PLAIN, times, "environ_plain", ours="ours_plain"),
    ]


def calls(surroundings: Surroundings) -> list[Row]:
    """Count what the programs ask of the store."""
    # Two calls at once overlap at a slow store, however busy the machine is that makes them.
    latencies = {"ours": SLOW, "naive": "20", "batch": SLOW, "ours_plain": SLOW}
    made = {}
    for program, latency in latencies.items():
        surroundings.calls(latency)
        run_program(surroundings, latency, program)
        made[program] = surroundings.calls(latency)
    count, depth = {k: len(v) for k, v in made.items()}, {k: in_a_row(v) for k, v in made.items()}
    naive, batch, none = PEERS["naive"], PEERS["batch"], "HTTP calls, no secret named"
    return [
        Row("HTTP calls, 25 secrets", naive, count["ours"], count["naive"], "calls", goal=2),
        Row("… of them one after another", batch, depth["ours"], depth["batch"], "calls", goal=1),
        Row(none, naive, count["ours_plain"], count["naive"], "calls", goal=0),
        _botocore_modules(surroundings),
    ]


def in_a_row(calls: list[dict[str, float]]) -> int:
    """Give how many calls waited for one before them: the longest chain without overlap."""
    chain, ended = 0, 0.0
    for call in sorted(calls, key=lambda call: call["ended"]):
        if call["started"] >= ended:
            chain, ended = chain + 1, call["ended"]
    return chain


def run_program(surroundings: Surroundings, latency: str, program: str, code: str = "") -> Run:
    """Run one of :mod:`programs`, and some code after it."""
    environ = surroundings.environ(latency, secret="plain" not in program)
    command = (surroundings.python, "-c", f"import programs.{program}\n{code}")
    start = perf_counter()
    with subprocess.Popen(
        command, env=environ, cwd=surroundings.folder, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        proof = process.stdout.readline()
        ready = perf_counter()
        proof += process.stdout.read()
    ended = perf_counter()
    if process.returncode:
        raise SystemExit(f"benchmarks: {program} failed")
    return Run(ready - start, ended - start, proof)


def _botocore_modules(surroundings: Surroundings) -> Row:
    code = "import sys; print(sum(name.startswith('boto') for name in sys.modules))"
    loaded = {
        program: int(run_program(surroundings, "5", program, code).proof.splitlines()[1])
        for program in ("ours_plain", "batch")
    }
    name = "modules of botocore loaded, no secret named"
    return Row(name, PEERS["batch"], loaded["ours_plain"], loaded["batch"], "modules", goal=0)


def _measured(
    surroundings: Surroundings, title: str, latency: str, programs: tuple[str, ...], *, rounds: int
) -> Times:
    """Time programs in turns; a first run that does not count writes their ``.pyc`` files."""
    proofs = {p: run_program(surroundings, latency, p).proof for p in programs}
    read = {proof for program, proof in proofs.items() if "plain" not in program}
    if len(read or set(proofs.values())) != 1:
        raise SystemExit(f"benchmarks: the programs did not read the same: {proofs}")
    ready = Times({f"{program} ready": [] for program in programs})
    turns = {p: partial(_turn, surroundings, latency, p, ready) for p in programs}
    times = interleaved(title, turns, surroundings.rounds_of(rounds))
    return Times({**times, **ready})


def _turn(surroundings: Surroundings, latency: str, program: str, ready: Times) -> float:
    run = run_program(surroundings, latency, program)
    ready[f"{program} ready"].append(run.ready)
    return run.whole


def _row(
    name: str,
    times: Times,
    peer: str,
    *,
    ours: str = "ours",
    ready: bool = False,
    goal: float | None = None,
) -> Row:
    suffix = " ready" if ready else ""
    called = PEERS[peer]
    return compared(name, times, peer + suffix, "ms", ours=ours + suffix, called=called, goal=goal)
