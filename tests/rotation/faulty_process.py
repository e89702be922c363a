"""A process that rotates secrets of a local store in children, and kills them as it is told.

Each line of standard input asks for one rotation: the secret, how many seconds the clock is ahead,
and before which call to die by SIGKILL, 0 for never. Each line of standard output answers how many
calls there were, and the exit status, negative for a signal. Its children are processes of their
own, which have no more in common than what was imported: that takes longer than to rotate.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from glisecrets.rotation import Engine, run
from glisecrets.rotation.finding import find_rotator
from glisecrets.rotation.rotators import postgresql_clones, postgresql_session  # noqa: F401
from glisecrets.rotation.subject import Clock
from glisecrets.stores.local import LocalStore

if TYPE_CHECKING:
    from collections.abc import Callable

STORE_CALLS = ("get", "describe", "versions", "put", "move_label", "create")


class Calls:
    """Counts the calls of a store and of PostgreSQL; before one of them, the process dies."""

    def __init__(self, deadly: int) -> None:
        self.count = 0
        self._deadly = deadly

    def counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            self.count += 1
            if self.count == self._deadly:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **named)

        return call


def rotate(folder: Path, secret: str, ahead: float, deadly: int) -> int:
    """Rotate a secret; give how many calls that took."""
    calls, store = Calls(deadly), LocalStore(folder)
    for name in STORE_CALLS:
        setattr(store, name, calls.counted(getattr(store, name)))
    psycopg.connect = calls.counted(psycopg.connect)
    psycopg.Connection.execute = calls.counted(psycopg.Connection.execute)  # type: ignore[method-assign]
    psycopg.Connection.commit = calls.counted(psycopg.Connection.commit)  # type: ignore[method-assign]
    now = partial(_later, timedelta(seconds=ahead))
    run(Engine(store, clock=Clock(now=now)), secret)
    return calls.count


def _later(ahead: timedelta) -> datetime:
    return datetime.now(UTC) + ahead


def in_child(work: Callable[[], int]) -> tuple[str, int]:
    """Do work in a child; give what it came to, and the exit status."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, str(work()).encode())
        except BaseException:  # noqa: BLE001 - a child never goes on as its parent
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        said = answer.read()
    _, status = os.waitpid(child, 0)
    return said, os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    for kind in ("postgresql", "postgresql-alternating"):
        find_rotator(kind)
    for line in sys.stdin:
        said, status = in_child(partial(rotate, Path(sys.argv[1]), *json.loads(line)))
        sys.stdout.write(json.dumps([int(said or 0), status]) + "\n")
        sys.stdout.flush()
