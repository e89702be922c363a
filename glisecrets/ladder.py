"""The ladder: how a client finds the credentials that are in force in the midst of a rotation.

Between the moment a new password is set and the moment ``AWSCURRENT`` moves to it, the version
that everybody reads is refused: for a second usually, for hours if the rotation is stuck. So a
client whose credential is refused climbs: fresh ``AWSCURRENT``, ``AWSPENDING``, ``AWSPREVIOUS``,
a short wait, and all again until a deadline. What wins is kept by its version id and not by its
label: a pending version that wins becomes the current one later, without another refusal.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from .errors import ConfigurationError, SecretNotFound
from .ladder_climb import Climb, Holding
from .ladder_credentials import Credentials
from .redaction.process import process_redactor
from .references import AWSPREVIOUS, short

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .ladder_climb import Reply, Switch
    from .references import Reference
    from .stores.base import SecretVersion

T = TypeVar("T")

_log = logging.getLogger("glisecrets.credentials")

#: Seconds that a connection may take by default: below the time-out of a web request.
DEADLINE = 10.0

#: Seconds between two looks of a task whether another one has done with its climb.
_GLANCE = 0.01


class CredentialLadder:
    """Connects with the version of a secret that the server accepts, and remembers which it is.

    A class, for all threads and tasks of a process share what was accepted last: one of them
    climbs, the others wait and take the winner (single flight). Usable in a child after ``fork``.
    """

    def __init__(
        self,
        read: Callable[[Reference], SecretVersion],
        reference: Reference,
        *,
        held: Credentials | None = None,
        deadline: float = DEADLINE,
        service: str = "db",
    ) -> None:
        """Take what to climb.

        Args:
            read: reads one version, as ``StoreAccess.read`` does.
            reference: the secret; its key, if any, leads to the credentials in it.
            held: credentials to begin with, which saves the first read.
            deadline: seconds until :meth:`connect` gives up.
            service: the first word of the log events.

        Raises:
            ConfigurationError: the reference names one version, which no rotation changes.
        """
        if reference.label or reference.version_id:
            raise ConfigurationError(
                f"{reference} names one version, and a rotation makes others",
                next_step="leave out what follows the secret's name and key",
            )
        self.reference = reference
        self._source = read
        self._holding = Holding(held)
        self._deadline = deadline
        self._service = service
        self._hooks: list[Callable[[Switch], None]] = []
        self._flights: dict[tuple[int, bool], threading.Lock] = {}

    @property
    def held(self) -> Credentials | None:
        """The credentials that were accepted last; ``None`` before the first connection."""
        return self._holding.credentials

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.reference}>"

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self  # Django copies its settings; all copies share the winner

    def __reduce__(self) -> tuple[Any, ...]:
        from .rotating_clients import open_ladder  # another process opens its own store

        return open_ladder, (str(self.reference), None, self._deadline, self._service)

    def on_switch(self, hook: Callable[[Switch], None]) -> None:
        """Have a hook called after other credentials were found, in the thread that found them.

        What it raises is logged and goes no further.
        """
        self._hooks.append(hook)

    def connect(self, attempt: Callable[[Credentials], T]) -> T:
        """Give what ``attempt`` makes of the credentials that are in force.

        Raises:
            Exception: the driver's own, unchanged: at once, if it is no refusal of the
                credential; else the last refusal, when the deadline is over or nothing may be
                read.
            GlisecretsError: the store gives nothing to begin with.
        """
        climb = self._climb(asynchronous=False)
        deeds: dict[str, Callable[[Any], Any]] = {
            "attempt": attempt,
            "read": self._read,
            "pause": time.sleep,
            "enter": lambda what: what[0].acquire(timeout=what[1]),
        }
        moves, reply = climb.moves(), None
        try:
            while True:
                deed, what = moves.send(cast("Reply", reply))
                reply = _reply(deeds[deed], what)
        except StopIteration as stop:
            return cast("T", stop.value)
        finally:
            moves.close()
            self._tell(climb)

    async def connect_async(self, attempt: Callable[[Credentials], Awaitable[T]]) -> T:
        """Do as :meth:`connect` without blocking the event loop; a thread reads the store.

        Raises:
            Exception: as :meth:`connect`.
        """
        climb = self._climb(asynchronous=True)
        deeds: dict[str, Callable[[Any], Awaitable[Any]]] = {
            "attempt": attempt,
            "read": lambda rung: asyncio.to_thread(self._read, rung),
            "pause": asyncio.sleep,
            "enter": lambda what: _entered(*what),
        }
        moves, reply = climb.moves(), None
        try:
            while True:
                deed, what = moves.send(cast("Reply", reply))
                reply = await _reply_async(deeds[deed], what)
        except StopIteration as stop:
            return cast("T", stop.value)
        finally:
            moves.close()
            self._tell(climb)

    def _climb(self, *, asynchronous: bool) -> Climb:
        # By process id: a lock that was held while the process forked is never let go in the
        # child. Tasks and threads apart: a thread must not wait for a task of its own event loop.
        own = (os.getpid(), asynchronous)
        flight = self._flights.setdefault(own, threading.Lock())
        return Climb(self.reference, self._holding, flight, self._deadline)

    def _read(self, rung: str) -> Credentials:
        version = self._source(replace(self.reference, label=rung))
        return Credentials.of(version, self.reference)

    def _tell(self, climb: Climb) -> None:
        """Log what the climb met, and call the hooks."""
        for rung, error in climb.unread.items():
            if not isinstance(error, SecretNotFound):
                _log.warning("%s@%s cannot be read: %s", self.reference, rung, error.message)
        if climb.overdue:
            _log.warning(
                "%s.credentials.pending secret=%s: the version in use is still not AWSCURRENT;"
                " its rotation is stuck",
                self._service,
                self.reference.name,
            )
        if climb.switch is not None and (climb.switch.old or climb.switch.rung != "AWSCURRENT"):
            self._tell_of_switch(climb, climb.switch)

    def _tell_of_switch(self, climb: Climb, switch: Switch) -> None:
        level = logging.ERROR if switch.rung == AWSPREVIOUS else logging.INFO
        facts = {
            "secret": self.reference.name,
            "from": short(switch.old.version_id) if switch.old else "none",
            "to": short(switch.new.version_id),
            "rung": switch.rung,
            "attempts": climb.attempts,
            "ms": round(1000 * climb.elapsed),
        }
        told = " ".join(f"{name}={fact}" for name, fact in facts.items())
        _log.log(
            max(level, logging.WARNING) if switch.stuck else level,
            "%s.credentials.switched %s",
            self._service,
            told,
            extra=facts,
        )
        for hook in list(self._hooks):
            _call(hook, switch)


def _reply(deed: Callable[[Any], Any], what: Any) -> Reply:
    try:
        return deed(what), None
    except Exception as error:  # noqa: BLE001 - the climb judges it
        # Without the driver's frames, whose locals hold the password in the clear.
        return None, error.with_traceback(None)


async def _reply_async(deed: Callable[[Any], Awaitable[Any]], what: Any) -> Reply:
    try:
        return await deed(what), None
    except Exception as error:  # noqa: BLE001
        return None, error.with_traceback(None)


async def _entered(flight: threading.Lock, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not flight.acquire(blocking=False):
        if time.monotonic() > until:
            return False
        await asyncio.sleep(_GLANCE)
    return True


def _call(hook: Callable[[Switch], None], switch: Switch) -> None:
    try:
        hook(switch)
    except Exception:  # noqa: BLE001 - a hook must not break the connection
        _log.error("a hook failed\n%s", process_redactor().redact(traceback.format_exc()))
