"""Who rotates, in a process of its own, as ``glisecrets rotate run`` would.

``python -m under_load.rotate 1.5 10`` runs two rotations, or finishes one that was left half-way
and runs another. Each waits so many seconds between the change of the password and the move of
the label. Every step is told by a line of JSON.
"""

from __future__ import annotations

import json
import sys
from time import monotonic, sleep
from typing import TYPE_CHECKING

from glisecrets.rotation import Engine, Outcome, Step, run
from glisecrets.stores.opening import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

_SECRET = "gli/db/staging"

#: Seconds between two rotations.
_PAUSE = 0.3


def main() -> None:
    """Rotate as often as there are arguments."""
    store = open_store("aws")
    assert store is not None
    engine = Engine(store)
    for window in map(float, sys.argv[1:]):
        # One rotation follows the other: none waits for the overlap of the one before.
        run(engine, _SECRET, urgent=True, told=_telling(window))
        sleep(_PAUSE)


def _telling(window: float) -> Callable[[Outcome], None]:
    def tell(outcome: Outcome) -> None:
        print(json.dumps({"step": outcome.step, "at": monotonic()}), flush=True)
        if outcome.step is Step.SET:
            sleep(window)

    return tell


if __name__ == "__main__":
    main()
