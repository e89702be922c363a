"""A process that rotates is killed (SIGKILL) at any call, and the next process makes it good.

The calls are those of the local store and of a real PostgreSQL, inside its transactions too. To be
killed after a call is the same as before the next one.
"""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from glisecrets.errors import SecretNotFound
from glisecrets.references import AWSCURRENT, AWSPENDING, AWSPREVIOUS, Address
from glisecrets.stores.local import LocalStore

from .postgresql_roles import ADMIN_SECRET, Role, made, session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from glisecrets.testing.servers import RunningServer

#: Seconds after which a dead process has lost its lease, and an old value has no more overlap.
LEASE, OVERLAP = 1_000, 8 * 86_400


@dataclass
class House:
    """A store with the secrets of roles on a real server, and a process that rotates them."""

    folder: Path
    server: RunningServer
    process: subprocess.Popen[str]

    def __post_init__(self) -> None:
        self.store = LocalStore(self.folder)
        self.store.create(ADMIN_SECRET, Role(self.server).administrator())

    def make(self, kind: str) -> str:
        """Make a role and its secret, which has been rotated before."""
        secret = f"gli/db/{secrets.token_hex(4)}"
        tags = {"glisecrets:rotator": kind, "glisecrets:admin": ADMIN_SECRET}
        if kind == "postgresql":
            del tags["glisecrets:admin"]
        self.store.create(secret, made(self.server).value(), tags=tags)
        assert self.rotate(secret)[1] == 0
        return secret

    def rotate(self, secret: str, ahead: float = 0, deadly: int = 0) -> tuple[int, int]:
        """Rotate it in a process of its own; give its calls and its exit status."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps([secret, ahead, deadly]) + "\n")
        self.process.stdin.flush()
        calls, status = json.loads(self.process.stdout.readline())
        return calls, status

    def labelled(self, secret: str) -> dict[str, str]:
        values = {}
        for label in (AWSCURRENT, AWSPENDING, AWSPREVIOUS):
            try:
                values[label] = str(self.store.get(Address(secret, label=label)).value)
            except SecretNotFound:
                continue
        return values

    def accepts(self, value: str) -> bool:
        try:
            with session(self.server, value):
                return True
        except psycopg.OperationalError:
            return False


@pytest.fixture
def house(tmp_path: Path, postgres: RunningServer) -> Iterator[House]:
    folder = tmp_path / "store"
    with rotating_process(folder) as process:
        yield House(folder, postgres, process)


@contextmanager
def rotating_process(folder: Path) -> Iterator[subprocess.Popen[str]]:
    script = Path(__file__).with_name("faulty_process.py")
    command = [sys.executable, "-P", str(script), str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        yield process
        process.communicate()


@pytest.mark.parametrize("kind", ["postgresql", "postgresql-alternating"])
def test_a_process_that_is_killed_at_any_call_leaves_what_the_next_one_makes_good(
    kind: str, house: House, count_cases: Callable[[int], None]
) -> None:
    """Nobody is refused meanwhile, and the rotation ends with its labels in their places."""
    calls, _ = house.rotate(house.make(kind), OVERLAP)
    assert calls > 30
    deaths = range(1, calls + 1)
    assert {death: broken for death in deaths if (broken := killed(house, kind, death))} == {}
    count_cases(calls)


def killed(house: House, kind: str, death: int) -> list[str]:
    """Have a process die before a call, and another one go on; give what is broken."""
    secret = house.make(kind)
    before = house.labelled(secret)
    _, status = house.rotate(secret, OVERLAP, deadly=death)
    assert status == -signal.SIGKILL
    left = house.labelled(secret)
    needed = [left[AWSCURRENT]] if kind == "postgresql-alternating" else left.values()
    was_let_in = any(map(house.accepts, needed))
    _, resumed = house.rotate(secret, OVERLAP + LEASE)
    after = house.labelled(secret)
    described = house.store.describe(secret)
    promises = {
        "somebody is let in": was_let_in,
        "the next process ends well": resumed == 0,
        "the new value is current": after[AWSCURRENT] != before[AWSCURRENT],
        "the new value is accepted": house.accepts(after[AWSCURRENT]),
        "no label is left over": sorted(map(sorted, described.versions.values()))
        == [[AWSCURRENT], [AWSPREVIOUS]],
    }
    return [promise for promise, kept in promises.items() if not kept]
