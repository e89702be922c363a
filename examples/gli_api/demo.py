"""``make demo``: the sample API on real servers, from five layers to one request.

Starts PostgreSQL and a local store served in Secrets Manager's protocol, fills them with values
made for this run, and shows what glisecrets does with them. Each step checks itself what it shows.
Exit code 0: all as promised; 1: not so; 130: interrupted.
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

#: Seconds after which a demo that hangs ends itself.
_DEADLINE = 60


def main() -> int:
    """Run every step, and give the exit code."""
    _end_with_cleaning_up()
    values = Values()
    screen = Screen(values)
    screen.paragraph("Starting PostgreSQL, and a local store that speaks Secrets Manager ...")
    with staging(values, screen) as stage:
        broken = [title for title in STEPS if not _is_kept(title, stage)]
    kept = "all as promised" if not broken else f"{len(broken)} NOT as promised"
    screen.block(f"demo: {len(STEPS)} steps, {kept}")
    return 1 if broken else 0


def _is_kept(title: str, stage: Staging) -> bool:
    number = list(STEPS).index(title) + 1
    stage.screen.title(f"{number}/{len(STEPS)}  {title}")
    try:
        STEPS[title](stage)
    except BrokenPromise as broken:
        stage.screen.block(f"BROKEN PROMISE: {broken}")
        return False
    return True


def _end_with_cleaning_up() -> None:
    """Have every way to end this program close the ``with`` blocks, which stop the servers."""
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGHUP, _stop)
    signal.signal(signal.SIGALRM, _stop)
    signal.alarm(_DEADLINE)


def _stop(number: int, _frame: object) -> NoReturn:
    sys.exit(f"demo: ended by {signal.Signals(number).name}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
