"""Forks, which wait until no other thread is inside SQLite.

SQLite guards its memory by locks of its own. One that another thread holds while the process forks
is never let go in the child, whose first call of SQLite would then wait for ever.
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import contextmanager
from threading import Condition, get_ident
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds that a fork waits at most: longer than any transaction takes.
_PATIENCE = 10.0


class _Threads:
    """Which threads are inside SQLite. A class for its state, which a child has to replace."""

    def __init__(self) -> None:
        self.changed = Condition()
        self.inside: Counter[int] = Counter()
        self.forking = False

    def others(self) -> bool:
        return bool(self.inside.keys() - {get_ident()})

    def may_enter(self) -> bool:
        return not self.forking or get_ident() in self.inside

    def before_fork(self) -> None:
        self.changed.acquire()
        self.forking = True
        self.changed.wait_for(lambda: not self.others(), _PATIENCE)

    def after_in_parent(self) -> None:
        self.forking = False
        self.changed.notify_all()
        self.changed.release()

    def after_in_child(self) -> None:
        mine = self.inside[get_ident()]
        self.__init__()  # type: ignore[misc]
        self.inside.update({get_ident(): mine} if mine else {})


_THREADS = _Threads()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_THREADS.before_fork,
        after_in_parent=_THREADS.after_in_parent,
        after_in_child=_THREADS.after_in_child,
    )


@contextmanager
def inside_sqlite() -> Iterator[None]:
    """Hold forks of other threads off; wait while one is under way."""
    me = get_ident()
    with _THREADS.changed:
        _THREADS.changed.wait_for(_THREADS.may_enter, _PATIENCE)
        _THREADS.inside[me] += 1
    try:
        yield
    finally:
        with _THREADS.changed:
            _THREADS.inside -= Counter([me])
            _THREADS.changed.notify_all()
