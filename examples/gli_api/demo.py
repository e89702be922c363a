"""``make demo``: the sample API on real servers, from five layers to one request.

Starts PostgreSQL and a local store served in Secrets Manager's protocol, fills them with values
made for this run, and shows what glisecrets does with them. Each step checks itself what it shows.
Exit code 0: all as promised; 1: not so, or too late; 128 + n: ended by signal n.
"""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, NoReturn

from demo_screen import Screen
from demo_staging import BrokenPromise, staging
from demo_steps import STEPS
from demo_values import Values

if TYPE_CHECKING:
    from demo_staging import Staging

#: Seconds within which the demo ends, whatever hangs.
_DEADLINE = 60


class Interruption:
    """Remembers Ctrl-C and its like until a moment at which stopping leaves nothing behind.

    An exception out of a signal handler could fall between the start of a program and the moment
    at which somebody knows its process id.
    """

    def __init__(self) -> None:
        self._number: int | None = None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._remember)

    def _remember(self, number: int, _frame: object) -> None:
        self._number = number

    def act(self) -> None:
        """End the demo, if a signal came."""
        if self._number is not None:
            name = signal.Signals(self._number).name
            print(f"demo: ended by {name}", file=sys.stderr)
            sys.exit(128 + self._number)


def main() -> int:
    """Run the demo, and give its exit code."""
    signal.signal(signal.SIGALRM, _too_late)
    signal.alarm(_DEADLINE)
    interruption = Interruption()
    try:
        return _run(interruption)
    except Exception:
        interruption.act()  # Ctrl-C reaches the programs as well: what that broke is no fault
        raise


def _run(interruption: Interruption) -> int:
    values = Values()
    screen = Screen(values)
    screen.paragraph("Starting PostgreSQL, and a local store that speaks Secrets Manager ...")
    broken = 0
    with staging(values, screen) as stage:
        for number, title in enumerate(STEPS, start=1):
            interruption.act()
            screen.title(f"{number}/{len(STEPS)}  {title}")
            broken += not _is_kept(title, stage, interruption)
    screen.block(f"demo: {len(STEPS)} steps, {f'{broken} NOT' if broken else 'all'} as promised")
    return 1 if broken else 0


def _is_kept(title: str, stage: Staging, interruption: Interruption) -> bool:
    try:
        STEPS[title](stage)
    except BrokenPromise as promise:
        interruption.act()
        stage.screen.block(f"BROKEN PROMISE: {promise}")
        return False
    return True


def _too_late(_number: int, _frame: object) -> NoReturn:
    sys.exit(f"demo: not done within {_DEADLINE} seconds")


if __name__ == "__main__":
    sys.exit(main())
