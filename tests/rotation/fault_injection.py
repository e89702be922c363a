"""Something goes wrong at a chosen call: the store's or the provider's, before it or after it.

A scenario is one rotation, broken at one or two calls, then resumed until it has ended. After
*every* call the promises that must never be broken are looked at.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from glisecrets.errors import GlisecretsError, SecretNotFound, StoreUnavailable
from glisecrets.references import AWSCURRENT, AWSPENDING, AWSPREVIOUS, Address
from glisecrets.rotation import Engine, Step, run
from glisecrets.rotation.retiring import retire
from glisecrets.rotation.standing import unfinished
from glisecrets.rotation.subject import Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from glisecrets.stores.base import Store

    from .providers import Provider

MODES = (
    "crash before",
    "crash after",
    "response lost",
    "throttled",
    "stale read",
    "duplicate invocation",
    "late older token",
    "overtaken",
)
_READS = {"get", "describe", "versions"}
_WRITES = {"put", "move_label", "create"}


class Crash(BaseException):
    """The process is gone: nothing of ours may catch this."""


@dataclass
class Faults:
    """Counts the calls and breaks those that the plan names."""

    #: Number of a call, from 1 -> mode.
    plan: Mapping[int, str] = field(default_factory=dict)
    count: int = 0
    #: How many of the provider's locks are held.
    locks: int = 0
    #: Each mode's own effect where it is another engine's run.
    others: dict[str, Callable[[], None]] = field(default_factory=dict)
    after_each: Callable[[], None] = lambda: None
    _quiet: bool = True
    _last: dict[str, Any] = field(default_factory=dict)

    def call(
        self, name: str, act: Callable[[], Any], reads: bool = False, key: str | None = None
    ) -> Any:
        """Do one call of a store or a provider, as the plan has it."""
        if self._quiet:
            return act()
        self.count += 1
        mode = self.plan.get(self.count, "")
        try:
            return self._broken(mode, name, act, reads, key or name)
        finally:
            self._silently(self.after_each)

    def _broken(self, mode: str, name: str, act: Callable[[], Any], reads: bool, key: str) -> Any:
        if mode in self.others and not self.locks:
            self._silently(self.others[mode])
        if mode == "crash before":
            raise Crash(name)
        if mode == "throttled":
            raise unavailable(name)
        if mode == "stale read" and reads and key in self._last:
            return self._last[key]
        answer = act()
        if reads:
            self._last.setdefault(key, answer)
        if mode == "crash after":
            raise Crash(name)
        if mode == "response lost":
            raise unavailable(name)
        return answer

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


def unavailable(name: str) -> StoreUnavailable:
    return StoreUnavailable(f"{name}: no answer", store="memory")


class FaultyStore:
    """A store whose reads and writes are counted calls."""

    def __init__(self, store: Store, faults: Faults) -> None:
        self.scheme, self.location = store.scheme, store.location
        self._store, self._faults = store, faults

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name not in _READS | _WRITES:
            return method

        def counted(*args: Any, **kwargs: Any) -> Any:
            def act() -> Any:
                return method(*args, **kwargs)

            return self._faults.call(name, act, name in _READS, f"{name}{args}")

        return counted


@dataclass
class Scenario:
    """One rotation of one secret: how it is begun, resumed, and what must hold."""

    store: Store
    provider: Provider
    faults: Faults
    #: Whether Secrets Manager begins it (an empty AWSPENDING version), or this process.
    begun_by_service: bool
    secret: str = "gli/db/staging"
    token: str = ""
    older: str = ""
    said: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    time: datetime = field(default_factory=lambda: datetime.now(UTC))

    def now(self) -> datetime:
        self.time += timedelta(milliseconds=1)
        return self.time

    def pause(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)

    def engine(self) -> Engine:
        rotator = self.provider.Its(self.provider)
        store = FaultyStore(self.store, self.faults)
        clock = Clock(self.now, self.pause)
        return Engine(store, clock=clock, find=lambda _: rotator)

    # The life of one scenario ---------------------------------------------------------------

    def play(self) -> None:
        """Rotate once undisturbed, once broken; resume; look at everything."""
        self.store.create(
            self.secret, self.provider.first(), tags={"glisecrets:rotator": "provider"}
        )
        self.older = run(self.engine(), self.secret)
        self._sweep()
        self.time += timedelta(days=90)
        self.faults.others = {
            "duplicate invocation": self._duplicate,
            "late older token": self._late,
            "overtaken": self._overtaken,
        }
        self.faults.after_each = self.check_always
        with heard(self.said):
            self._broken_rotation()
            self.faults.stop()
            self.converge()
            self.check_at_end()

    def _broken_rotation(self) -> None:
        if self.begun_by_service:
            self.token = str(uuid.uuid4())
            self.store.begin_rotation(self.secret, self.token)
        self.faults.start()
        for _ in range(3):  # the service tries the whole rotation again; here so do we
            try:
                self._rotate()
            except (Crash, GlisecretsError) as error:
                self.said += [str(error), repr(error)]
                self.faults.locks = 0
                self.time += timedelta(minutes=20)
            else:
                return

    def _rotate(self) -> None:
        engine = self.engine()
        if not self.begun_by_service:
            self.token = run(engine, self.secret)
            return
        for step in Step:
            engine.step(step, self.secret, self.token)

    def _steps(self, token: str) -> None:
        """Another engine runs the steps of a token; what it is refused is its own affair."""
        for step in Step:
            try:
                self.engine().step(step, self.secret, token)
            except GlisecretsError as error:
                self.said += [str(error), repr(error)]

    def _duplicate(self) -> None:
        token = self.token or unfinished(self.store.describe(self.secret))
        if token:
            self._steps(token)

    def _late(self) -> None:
        self._steps(self.older)

    def _overtaken(self) -> None:
        """What is under way is given up for dead, and another run goes on."""
        self.time += timedelta(minutes=20)
        if self.begun_by_service:
            pending = self.store.describe(self.secret).labelled(AWSPENDING)
            if pending is None or self.store.describe(self.secret).labelled(AWSCURRENT) == pending:
                return
            self._steps(pending)
            return
        try:
            run(self.engine(), self.secret)
        except GlisecretsError as error:
            self.said += [str(error), repr(error)]

    def converge(self) -> None:
        """Resume what is unfinished, then sweep twice: now and after every overlap."""
        for _ in range(6):
            self.time += timedelta(minutes=20)
            token = unfinished(self.store.describe(self.secret))
            if token is None:
                break
            self._steps(token)
        self._sweep()

    def _sweep(self) -> None:
        self.time += timedelta(days=2)
        retire(self.engine().subject(self.secret))

    # What must hold -------------------------------------------------------------------------

    def check_always(self) -> None:
        """I1: whoever reads the labels finds a value that the provider accepts."""
        values = self._labelled()
        wanted = [AWSCURRENT] if self.provider.keeps_current else [*values]
        if not any(self.provider.accepts(values[label]) for label in wanted if label in values):
            self.broken.append(f"I1 after call {self.faults.count}")

    def check_at_end(self) -> None:
        values = self._labelled()
        description = self.store.describe(self.secret)
        if not self.provider.accepts(values[AWSCURRENT]):
            self.broken.append("I2: AWSCURRENT is not accepted")
        if unfinished(description):
            self.broken.append("I2: AWSPENDING is left")
        if len(self.provider.accepted) > 2 or not self.provider.accepted <= set(values.values()):
            self.broken.append("I3: the provider accepts what no label is on")
        if any(value in text for value in self.provider.made for text in self.said):
            self.broken.append("I4: a value was said")
        before = self._state()
        self._steps(self.token)
        self._sweep()
        if self._state() != before:
            self.broken.append("I5: a replay changed something")
        self.check_goes_on()

    def check_goes_on(self) -> None:
        """What follows is not harmed: the next rotation ends as ever."""
        self.time += timedelta(days=90)
        following = run(self.engine(), self.secret)
        if self.store.describe(self.secret).labelled(AWSCURRENT) != following:
            self.broken.append("the next rotation does not end")

    def _labelled(self) -> dict[str, str]:
        values = {}
        for label in (AWSCURRENT, AWSPENDING, AWSPREVIOUS):
            try:
                values[label] = str(self.store.get(Address(self.secret, label=label)).value)
            except SecretNotFound:
                continue
        return values

    def _state(self) -> object:
        return dict(self.store.describe(self.secret).versions), self.provider.state()


class heard:  # noqa: N801 - reads as a statement
    """Collect what is logged for the length of a ``with`` block."""

    def __init__(self, said: list[str]) -> None:
        self._handler = logging.Handler()
        self._handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]

    def __enter__(self) -> None:
        logger = logging.getLogger("glisecrets")
        logger.addHandler(self._handler)
        logger.setLevel(logging.DEBUG)

    def __exit__(self, *_: object) -> None:
        logger = logging.getLogger("glisecrets")
        logger.removeHandler(self._handler)
        logger.setLevel(logging.NOTSET)
