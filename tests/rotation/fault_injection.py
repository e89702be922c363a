"""Something goes wrong at a chosen call: the store's or the provider's, before it or after it.

After *every* call that may have changed something, the promises that must never be broken are
looked at: see :mod:`.faulty_rotation`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from glisecrets.errors import GlisecretsError, StoreUnavailable
from glisecrets.rotation import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from glisecrets.stores.base import Store

MODES = (
    "crash before",
    "crash after",
    "response lost",
    "throttled",
    "stale read",
    "duplicate invocation",
    "late older token",
    "overtaken",
    "left behind",
    "joined",
)
_READS = {"get", "describe", "versions"}
STORE_CALLS = _READS | {"put", "move_label", "create"}


class Crash(BaseException):
    """The process is gone: nothing of ours may catch this."""


@dataclass
class Time:
    """This machine's time, moved ahead as a scenario likes."""

    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def later(self, **ahead: float) -> None:
        self.ahead += timedelta(**ahead)

    def pause(self, seconds: float) -> None:
        """Wait, in no time."""
        self.later(seconds=seconds)


@dataclass
class Faults:
    """Counts the calls and breaks those that the plan names."""

    #: Number of a call, from 1 -> mode.
    plan: Mapping[int, str] = field(default_factory=dict)
    #: The name of each call so far, and the numbers of those that may change a provider.
    names: list[str] = field(default_factory=list)
    changes: set[int] = field(default_factory=set)
    #: How many of the provider's locks are held.
    locks: int = 0
    #: Each mode's own effect where it is another engine's run.
    others: dict[str, Callable[[], None]] = field(default_factory=dict)
    after_each: Callable[[], None] = lambda: None
    _quiet: bool = True
    _last: dict[str, Callable[[], Any]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.names)

    def call(
        self, name: str, act: Callable[[], Any], reads: bool = False, key: str | None = None
    ) -> Any:
        """Do one call of a store or a provider, as the plan has it."""
        if self._quiet:
            return act()
        self.names.append(name)
        if not reads and name not in STORE_CALLS:
            self.changes.add(self.count)
        mode = self.plan.get(self.count, "")
        try:
            return self._broken(mode, name, act, reads, key or name)
        finally:
            if not reads or mode in self.others:
                self._silently(self.after_each)

    def _broken(self, mode: str, name: str, act: Callable[[], Any], reads: bool, key: str) -> Any:
        if mode in self.others and not self.locks:
            self._silently(self.others[mode])
        if mode == "crash before":
            raise Crash(name)
        if mode == "throttled":
            raise unavailable(name)
        if reads:
            act = self._first_answer(key, act, stale=mode == "stale read")
        answer = act()
        if mode == "crash after":
            raise Crash(name)
        if mode == "response lost":
            raise unavailable(name)
        return answer

    def _first_answer(self, key: str, act: Callable[[], Any], stale: bool) -> Callable[[], Any]:
        """Give what answers a question as the first time, or as now; also with a refusal."""
        if stale and key in self._last:
            return self._last[key]
        outcome = _outcome(act)
        self._last.setdefault(key, outcome)
        return outcome

    def _silently(self, act: Callable[[], None]) -> None:
        """Act as somebody else, whose calls are not counted."""
        self._quiet = True
        try:
            act()
        finally:
            self._quiet = False

    def start(self) -> None:
        self._quiet = False

    def stop(self) -> None:
        self._quiet = True


def _outcome(act: Callable[[], Any]) -> Callable[[], Any]:
    try:
        answer = act()
    except GlisecretsError as error:
        refusal = error

        def refuse() -> Any:
            raise refusal

        return refuse
    return lambda: answer


def unavailable(name: str) -> GlisecretsError:
    if name in STORE_CALLS:
        return StoreUnavailable(f"{name}: no answer", store="memory")
    return Unreachable(f"{name}: no answer")


class FaultyStore:
    """A store whose reads and writes are counted calls."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self.scheme, self.location = store.scheme, store.location
        self._store, self._faults = store, faults

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name not in STORE_CALLS:
            return method

        def counted(*args: Any, **kwargs: Any) -> Any:
            def act() -> Any:
                return method(*args, **kwargs)

            return self._faults.call(name, act, name in _READS, f"{name}{args}")

        return counted


class heard:  # noqa: N801 - reads as a statement
    """Collect what is logged for the length of a ``with`` block."""

    def __init__(self, said: list[str]) -> None:
        self._handler = logging.Handler()
        self._handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]

    def __enter__(self) -> None:
        logger = logging.getLogger("glisecrets")
        logger.addHandler(self._handler)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False  # thousands of rotations are no use to whoever reads a failure

    def __exit__(self, *_: object) -> None:
        logger = logging.getLogger("glisecrets")
        logger.removeHandler(self._handler)
        logger.setLevel(logging.NOTSET)
        logger.propagate = True
