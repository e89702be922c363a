"""The benchmarks: that they run, and that their arithmetic is right. No timing is asserted."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"
DOCUMENT = ROOT / "docs" / "benchmarks.md"

pytestmark = pytest.mark.skipif(
    not BENCHMARKS.is_dir(), reason="runs the benchmarks of the source tree, which is not here"
)


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Imports a module of the benchmarks, which are no package."""
    monkeypatch.syspath_prepend(BENCHMARKS)

    def find(name: str) -> ModuleType:
        return import_module(name)

    return find


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One round of everything, in this environment instead of one with the wheel."""
    file = tmp_path_factory.mktemp("bench") / "rows.json"
    command = (sys.executable, BENCHMARKS / "run.py", "--rounds", "1", "--python", sys.executable)
    subprocess.run([*command, "--json", file], check=True, capture_output=True)
    return json.loads(file.read_text("utf-8"))


def test_one_round_is_one_ratio(found: dict[str, Any]) -> None:
    """With one round there is nothing to take a median of: a ratio is ours through theirs."""
    timed = [row for row in found["rows"] if row["ratio"] is not None]
    assert len(timed) > 20
    for row in timed:
        assert row["ratio"] == pytest.approx(row["ours"] / row["theirs"])


def test_secrets_cost_two_calls_at_once_and_no_secrets_none(found: dict[str, Any]) -> None:
    """Counted at the store: 25 secrets in two overlapped calls; no secret, no call, no botocore."""
    units = {"calls", "modules"}
    counted = {row["name"]: row["ours"] for row in found["rows"] if row["unit"] in units}
    assert counted == {
        "HTTP calls, 25 secrets": 2,
        "… of them one after another": 1,
        "HTTP calls, no secret named": 0,
        "modules of botocore loaded, no secret named": 0,
    }


def test_a_run_names_machine_and_versions(found: dict[str, Any]) -> None:
    """A figure without its machine and versions means nothing."""
    for name in ("CPython", "boto3", "pydantic-settings", "django-environ", "ahocorasick_rs"):
        assert re.search(rf"\b{name} \d+\.\d+", found["about"])
    assert "load average" in found["about"]


def test_the_document_shows_every_measure(found: dict[str, Any]) -> None:
    """docs/benchmarks.md is of these measures and goals: `run.py --write-docs` renews it."""
    told = [line.split("|") for line in DOCUMENT.read_text("utf-8").splitlines()]
    shown = [(cells[1].strip(), cells[2].strip()) for cells in told if len(cells) == 9][2:]
    assert shown == [(row["name"], row["peer"]) for row in found["rows"]]


def test_a_ratio_is_the_median_of_the_rounds_ratios(module: Any) -> None:
    """What disturbs a round disturbs both in it; a ratio of medians would mix rounds."""
    times = module("turns").Times(ours=[1.0, 10.0, 3.0], peer=[2.0, 2.0, 6.0])
    assert times.ratio("ours", "peer") == 0.5
    assert times.median("ours") / times.median("peer") == 1.5


def test_contenders_take_turns(module: Any) -> None:
    """Nobody is always first, and every round has everybody once."""
    order: list[str] = []
    turns = {name: lambda name=name: order.append(name) or 1.0 for name in "abc"}
    times = module("turns").interleaved("turns", turns, 3)
    assert "".join(order) == "abcbcacab"
    assert times == {"a": [1.0] * 3, "b": [1.0] * 3, "c": [1.0] * 3}


@pytest.mark.parametrize(
    ("ours", "ratio", "goal", "reached"),
    [(9.0, 0.5, 0.5, True), (9.0, 0.51, 0.5, False), (2, None, 2, True), (3, None, 2, False)],
)
def test_a_goal_is_for_the_ratio_or_else_the_count(
    module: Any, ours: float, ratio: float | None, goal: float, reached: bool
) -> None:
    """The verdict is computed, never written by hand; without a goal there is none."""
    row = module("rows").Row("measure", "peer", ours, 10.0, "ms", ratio, goal)
    assert row.reached is reached
    assert module("rows").Row("measure", "peer", ours, 10.0, "ms", ratio).reached is None


@pytest.mark.parametrize(
    ("calls", "depth"),
    [
        ([], 0),
        ([(0, 5)], 1),
        ([(0, 5), (1, 6)], 1),
        ([(0, 5), (5, 9)], 2),
        ([(0, 5), (1, 6), (6, 9), (7, 10)], 2),
        ([(0, 9), (1, 2), (3, 4), (5, 6)], 3),
    ],
)
def test_calls_in_a_row_are_those_that_waited(
    module: Any, calls: list[tuple[int, int]], depth: int
) -> None:
    """Overlapped calls cost one wait."""
    told = [{"started": started, "ended": ended} for started, ended in calls]
    assert module("cold").in_a_row(told) == depth


def test_only_its_own_part_of_the_document_is_rewritten(module: Any) -> None:
    """What people wrote around it stays, and so does another program's part."""
    rewritten, end = module("document").rewritten, module("document").END
    ours, other = "<!-- ours -->", "<!-- other -->"
    document = f"before\n{other}\nkept\n{end}\n{ours}\nold\n{end}\nafter\n"
    renewed = rewritten(document, ours, "new")
    assert renewed == document.replace("\nold\n", "\n\nnew\n\n")
    with pytest.raises(SystemExit, match="lacks"):
        rewritten("no marks", ours, "new")


@pytest.mark.slow
def test_rotations_under_load_fail_no_request(tmp_path: Path) -> None:
    """Three rotations, one killed half-way: glisecrets fails nothing, a peer shows what could."""
    file = tmp_path / "trials.json"
    command = (sys.executable, BENCHMARKS / "rotation_under_load.py", "--quick", "--json", file)
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    *ours, peer = json.loads(file.read_text("utf-8"))["trials"]
    assert {(trial["pooled"], trial["alternating"]) for trial in ours} == {(0, 0), (1, 1)}
    for trial in ours:
        assert (trial["failed"], trial["faults"]) == (0, {})
        assert trial["rotations"] == 3
        assert trial["requests"] > trial["refused"] > 0
        assert trial["logins"] > 8
    assert peer["client"] == "refresh once"
    assert peer["faults"]["status 500"] == peer["failed"] > 0


class Answering(BaseHTTPRequestHandler):
    """Answers as the path of the test's server says."""

    answers: ClassVar = {0: (200, ""), 1: (200, "other"), 2: (500, "")}

    def do_GET(self) -> None:
        number = int(self.path.split("/")[2])
        if number == 3:
            return  # hang up
        status, body = self.answers[number]
        self.send_response(status)
        self.end_headers()
        self.wfile.write((body or self.server.right).encode())  # type: ignore[attr-defined]

    def log_message(self, *_: object) -> None:
        pass


def test_the_load_generator_takes_only_a_right_answer_for_one(module: Any) -> None:
    """A zero means something only if a wrong word, a 500 and a broken connection count."""
    load = module("under_load.load")
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        server.right = load.expected(0)  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        connection = HTTPConnection("127.0.0.1", server.server_port)
        faults = [load.fault_of(connection, number) for number in range(4)]
        server.shutdown()
        connection.close()
    assert faults == ["", "wrong answer", "status 500", "RemoteDisconnected"]


def test_a_window_lasts_from_the_new_password_to_the_labels_move(module: Any) -> None:
    """A rotation that is killed and resumed sets the password twice: that is one window."""
    trial = module("under_load.trial")
    steps = "createSecret setSecret killed createSecret setSecret testSecret finishSecret setSecret"
    events = [trial.Event(what, float(at)) for at, what in enumerate(steps.split(), start=10)]
    plan = trial.Plan(calm=1, before=(), crash=True)
    records = [(0.0, 0.5, ""), (2.0, 1.0, ""), (9.5, 0.8, "status 500"), (11.0, 2.0, "")]
    found = trial.Trial(None, plan, records, events, 0, 0)
    assert found.windows == [(11.0, 16.0)]
    assert found.moves == [16.0]
    assert (len(found.calm), found.calm.longest) == (1, 1.0)
    assert (len(found.rotating), found.rotating.longest) == (2, 2.0)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 51), (0.99, 100), (1.0, 100)])
def test_a_percentile_is_a_time_that_was_measured(module: Any, share: float, expected: int) -> None:
    """The nearest rank: nothing is made up between two measurements."""
    took = module("under_load.latencies").Latencies(map(float, range(100, 0, -1)))
    assert took.quantile(share) == expected
