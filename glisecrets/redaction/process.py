"""The redactor that a process shares, and what it is to learn once there is something to mask.

Loading secrets must cost little, and many a process never masks a thing: a value is only put by
until somebody asks for the redactor.
"""

from __future__ import annotations

import os
from threading import RLock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .redactor import Redactor


class _Process:
    """What is shared. A class for its lock, which a child has to replace after ``fork``."""

    def __init__(self) -> None:
        # Reentrant: a signal handler that logs may come in while its own thread holds it.
        self.lock = RLock()
        self.redactor: Redactor | None = None
        #: Value -> name, for values that the redactor is to learn.
        self.waiting: dict[str | bytes, str] = {}

    def renew_lock(self) -> None:
        """Replace the locks, which another thread may have held at the fork."""
        self.lock = RLock()
        if self.redactor is not None:
            self.redactor.renew_lock()


_PROCESS = _Process()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_PROCESS.renew_lock)


def process_redactor() -> Redactor:
    """Give the redactor that everything in this process shares."""
    with _PROCESS.lock:
        if _PROCESS.redactor is None:
            from .redactor import Redactor

            _PROCESS.redactor = Redactor()
        for value, name in list(_PROCESS.waiting.items()):
            _PROCESS.redactor.add(value, name=name)
            _PROCESS.waiting.pop(value, None)
        return _PROCESS.redactor


def remember(value: Any, *, name: str) -> None:
    """Let the shared redactor know a value: see :meth:`~.redactor.Redactor.add`."""
    if not isinstance(value, (str, bytes)):
        process_redactor().add(value, name=name)
        return
    with _PROCESS.lock:
        _PROCESS.waiting.setdefault(value, name)
