"""The emergency: 200 secrets rotated, against the sum of the calls that it takes."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

from rows import Row
from surroundings import HERE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from surroundings import Surroundings

#: As many as are in flight; what a call takes, in ms: Secrets Manager from another continent.
IN_FLIGHT, LATENCY = 8, 60
SECRETS, FEWEST = 200, 16


def measure(surroundings: Surroundings) -> list[Row]:
    """Rotate them once: a minute; with ``--rounds`` or ``--quick`` fewer of them."""
    share = 0.0 if surroundings.rounds else surroundings.share
    count = max(FEWEST, round(SECRETS * share))
    with _accounts(count) as urls:
        found = _rotated(surroundings, urls)
        with urlopen(f"{urls['provider']}/calls") as answer:
            calls = json.load(answer)
    if found["rotated"] != count:
        raise SystemExit(f"benchmarks: rotated {found['rotated']} of {count} secrets")
    ideal = calls["seconds"] / IN_FLIGHT
    name = f"emergency, {LATENCY} ms a call"
    peer = f"the calls' own time / {IN_FLIGHT}"
    each, of_calls = found["seconds"] / count, ideal / count
    return [Row(name, peer, each * 1e3, of_calls * 1e3, "ms/secret", each / of_calls, 1.25)]


def _rotated(surroundings: Surroundings, urls: dict[str, str]) -> Any:
    environ = surroundings.environ() | {"AWS_ENDPOINT_URL": urls["store"]}
    command = (surroundings.python, HERE / "programs" / "emergency.py", urls["provider"])
    done = subprocess.run(
        command, env=environ, cwd=surroundings.folder, check=True, stdout=subprocess.PIPE
    )
    return json.loads(done.stdout)


@contextmanager
def _accounts(count: int) -> Iterator[dict[str, str]]:
    command = (sys.executable, HERE / "accounts.py", str(LATENCY), str(count))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
