"""One caller's climb, as a generator of moves: what to try next, and when to give up.

It connects to nothing and waits for nothing itself: a thread makes the moves, or a task awaits
them; see :mod:`glisecrets.ladder`. The clock and chance are its own.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from .errors import GlisecretsError, StoreUnavailable
from .ladder_refusals import is_refusal
from .references import AWSCURRENT, AWSPENDING, AWSPREVIOUS

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator, Iterator

    from .ladder_credentials import Credentials
    from .references import Reference

#: Seconds between the first two rounds, and the most between two; doubled, give or take half.
_PAUSE, _LONGEST_PAUSE = 0.05, 1.0

#: Seconds after which a client takes a rotation for stuck, and logs a warning: from apply to label
#: it takes a minute at the most. ``rotate status`` wakes somebody, and waits for an hour.
STUCK: Final = 300.0

_RUNGS = (AWSCURRENT, AWSPENDING, AWSPREVIOUS)


class Move(NamedTuple):
    """What a climb asks of whoever runs it; the answer is ``(result, None)`` or ``(None, error)``.

    ``attempt`` to connect with credentials, ``read`` those that a label is on, ``pause`` for some
    seconds, ``enter`` the flight (a lock, and the seconds to wait for it; gives whether it did).
    """

    deed: Literal["attempt", "read", "pause", "enter"]
    what: Any


Reply = tuple[Any, Exception | None]


@dataclass(slots=True)
class Holding:
    """What all callers share: the credentials that were accepted last."""

    credentials: Credentials | None = None
    #: ``monotonic()`` at which to look whether the rotation that made them is over.
    look_again: float = inf

    def take(self, credentials: Credentials, rung: str) -> None:
        """Replace what is held by the winner of a climb."""
        self.credentials = credentials
        self.look_again = monotonic() + STUCK if rung == AWSPENDING else inf


class Switch(NamedTuple):
    """Other credentials than before are in force."""

    old: Credentials | None
    new: Credentials
    #: The label that the new version was found by.
    rung: str

    @property
    def stuck(self) -> bool:
        """Whether the version has been pending for longer than a rotation takes."""
        created = self.new.created if self.rung == AWSPENDING else None
        return created is not None and (datetime.now(UTC) - created).total_seconds() > STUCK


@dataclass(slots=True)
class Climb:
    """One caller's climb: its clock, what it tried, and what came of it."""

    reference: Reference
    holding: Holding
    #: Held by the one who climbs.
    flight: threading.Lock
    #: Seconds until it gives up.
    deadline: float
    started: float = field(default_factory=monotonic)
    attempts: int = 0
    #: What was done about the credentials, if that was anything.
    switch: Switch | None = None
    #: Whether what is held is still pending, long after a rotation should have been over.
    overdue: bool = False
    #: Labels that could not be read, and why.
    unread: dict[str, GlisecretsError] = field(default_factory=dict)
    _tried: set[str] = field(default_factory=set)
    _refusal: Exception | None = None
    _connection: Any = None

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return monotonic() - self.started

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return max(0.0, self.deadline - self.elapsed)

    def moves(self) -> Generator[Move, Reply, Any]:
        """Give what to do, move by move, and in the end the connection.

        Raises:
            Exception: as ``CredentialLadder.connect`` tells.
        """
        yield from self._look_whether_it_is_over()
        while True:
            held = self.holding.credentials
            if held is not None and (yield from self._accepts(held)):
                return self._connection
            if (yield from self._switched(held)):
                return self._connection

    def _accepts(self, credentials: Credentials) -> Generator[Move, Reply, bool]:
        self._tried.add(credentials.version_id)
        self.attempts += 1
        self._connection, error = yield Move("attempt", credentials)
        if error is None:
            return True
        if not is_refusal(error):
            raise error
        self._refusal = error
        return False

    def _switched(self, held: Credentials | None) -> Generator[Move, Reply, bool]:
        """Climb, unless somebody else did while this caller waited for its turn."""
        entered, _ = yield Move("enter", (self.flight, self.left))
        if not entered:
            raise self._failure()
        try:
            if self.holding.credentials is not held:
                return False
            rung, winner = yield from self._winner(held)
            if winner is not held:
                self.switch = Switch(held, winner, rung)
                self.holding.take(winner, rung)
            return True
        finally:
            self.flight.release()

    def _winner(self, held: Credentials | None) -> Generator[Move, Reply, tuple[str, Credentials]]:
        for pause in _pauses():
            for rung in _RUNGS:
                credentials = yield from self._read(rung)
                if isinstance(self.unread.get(rung), StoreUnavailable):
                    break  # the other labels are in the same store
                if credentials is None or credentials.version_id in self._tried:
                    continue
                if (yield from self._accepts(credentials)):
                    return rung, credentials
            if self._nothing_to_wait_for() or self.left < pause:
                break
            yield Move("pause", pause)
            self._tried.clear()
            self.unread.clear()
            if held is not None and (yield from self._accepts(held)):
                return "", held
        raise self._failure()

    def _read(self, rung: str) -> Generator[Move, Reply, Credentials | None]:
        credentials, error = yield Move("read", rung)
        if error is None:
            found: Credentials = credentials
            return found
        if not isinstance(error, GlisecretsError):
            raise error
        self.unread[rung] = error
        return None

    def _nothing_to_wait_for(self) -> bool:
        """Tell whether the store gives nothing, and why is not a matter of seconds.

        A program that has never had credentials is told at once: it is about to start.
        """
        if any(isinstance(error, StoreUnavailable) for error in self.unread.values()):
            return self._refusal is None
        return len(self.unread) == len(_RUNGS)

    def _look_whether_it_is_over(self) -> Generator[Move, Reply, None]:
        held = self.holding.credentials
        if held is None or monotonic() < self.holding.look_again:
            return
        self.holding.look_again = monotonic() + STUCK
        current, error = yield Move("read", AWSCURRENT)
        if error is None and current.version_id == held.version_id:
            self.holding.look_again = inf
        self.overdue = error is None and current.version_id != held.version_id

    def _failure(self) -> Exception:
        """Give what to raise: the server's refusal, or else why there was nothing to try."""
        if self._refusal is not None:
            return self._refusal
        message = f"{self.reference}: another thread is still at its first connection"
        waited = StoreUnavailable(message, store=self.reference.store or "")
        return next(iter(self.unread.values()), waited)


def _pauses() -> Iterator[float]:
    longest = _PAUSE
    while True:
        yield longest * random.uniform(0.5, 1.5)  # noqa: S311 - no secret
        longest = min(2 * longest, _LONGEST_PAUSE)
