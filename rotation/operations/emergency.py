"""The emergency: every credential is replaced now, in the right order, some at the same time.

A secret that another's options name (``admin``, ``github-token``) goes before that one: whoever
has stolen the stronger credential could undo the rotation of the weaker. They are never under way
at once, for the weaker's rotation reads the stronger.

There is no journal: an emergency begins at a time, which each secret's tag
``glisecrets:emergency`` keeps, and a secret is done when its current version was written after
it. So a run that was interrupted is resumed by running it again, on any machine.
"""

from __future__ import annotations

import logging
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Event
from typing import TYPE_CHECKING

from glisecrets.errors import ConfigurationError, GlisecretsError, StoreUnavailable
from glisecrets.references import AWSCURRENT

from ..errors import RotationError
from ..policy.declared import secrets_read
from ..standing import begun, proposed, unfinished
from ..subject import EMERGENCY, TAG_PREFIX, emergency_begun
from .in_flight import IN_FLIGHT, in_flight

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from glisecrets.stores.base import Store

    from ..engine import Engine, Outcome
    from ..subject import Subject

    #: Rotates one secret, and tells after each step; gives the new version's id.
    Rotate = Callable[[str, Callable[[Outcome], None]], str]

TAG = TAG_PREFIX + EMERGENCY

#: An emergency with the same reason is the same one for so long.
RESUMABLE = timedelta(hours=24)
#: What AWS takes in a tag's value, and how much of it.
_NOT_IN_A_TAG, _TAG_LENGTH = re.compile(r"[^\w\s.:/=+@-]"), 256

_log = logging.getLogger("glisecrets.rotation")


@dataclass(frozen=True, slots=True)
class Emergency:
    """When it began and why."""

    since: datetime
    because: str

    @classmethod
    def now(cls, because: str, now: datetime) -> Emergency:
        """Begin one; the reason as far as a tag can hold it."""
        return cls(now, _NOT_IN_A_TAG.sub(" ", because).strip()[: _TAG_LENGTH - 40])

    @classmethod
    def parse(cls, tag: str) -> Emergency | None:
        """Read a tag's value; ``None`` if it is none of ours."""
        since = emergency_begun(tag)
        return cls(since, tag.partition(" ")[2]) if since else None

    def __str__(self) -> str:
        return f"{self.since.astimezone(UTC).isoformat(timespec='milliseconds')} {self.because}"

    def continues(self, other: Emergency) -> bool:
        """Tell whether this one, which begins now, is another that began before."""
        age = self.since - other.since
        return self.because == other.because and timedelta() <= age < RESUMABLE


@dataclass(frozen=True, slots=True)
class Target:
    """A secret that an emergency concerns."""

    secret: str
    #: Secrets that its options name.
    reads: frozenset[str] = frozenset()
    #: When its current version was written.
    since: datetime | None = None
    #: Whether a rotation is under way, and when its value was made, if that is known.
    under_way: bool = False
    begun: datetime | None = None
    #: The emergency that it was last rotated for.
    emergency: Emergency | None = None
    #: Why it cannot be rotated.
    error: GlisecretsError | None = None

    def done(self, emergency: Emergency) -> bool:
        """Tell whether it has a value that was made after an emergency's beginning."""
        return self.since is not None and self.since >= emergency.since

    def began_before(self, emergency: Emergency) -> bool:
        """Tell whether a rotation is under way to a value that may have leaked, too."""
        return self.under_way and (self.begun is None or self.begun < emergency.since)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one secret."""

    secret: str
    seconds: float
    #: The new version's id.
    version_id: str | None = None
    error: GlisecretsError | None = None


def find_targets(engine: Engine, secrets: Iterable[str]) -> list[Target]:
    """Describe the secrets; one that cannot be rotated says why.

    Raises:
        StoreUnavailable: the store cannot be asked at all.
    """
    return in_flight(partial(_target, engine), secrets)


def begun_before(emergency: Emergency, targets: Iterable[Target]) -> Emergency:
    """Give the emergency that this one continues, if there is one; else itself."""
    known = (target.emergency for target in targets)
    earlier = [each for each in known if each is not None and emergency.continues(each)]
    return min(earlier, key=lambda each: each.since, default=emergency)


def waves(targets: Iterable[Target]) -> list[list[Target]]:
    """Order what is to be rotated: a wave at the same time, the next one after it.

    Raises:
        ConfigurationError: secrets name one another in a circle.
    """
    left = {target.secret: target for target in targets}
    ordered = []
    while left:
        ready = [t for t in left.values() if not (t.reads - {t.secret}) & left.keys()]
        if not ready:
            raise ConfigurationError(
                f"the options of {', '.join(sorted(left))} name one another in a circle",
                next_step="have one of them use another administrator",
            )
        ordered.append(ready)
        for target in ready:
            del left[target.secret]
    return ordered


class Stopped(Exception):
    """A rotation was left after a step, on demand; it is resumed later."""


@dataclass
class EmergencyRun:
    """One run through the waves; a class, for it can be stopped, and then tells what was done."""

    store: Store
    emergency: Emergency
    rotate: Rotate
    #: Called after each secret.
    told: Callable[[Result], None] = lambda _: None
    #: Called when it is interrupted, before what is under way has ended its step.
    stopping: Callable[[], None] = lambda: None
    results: list[Result] = field(default_factory=list)
    _stop: Event = field(default_factory=Event)

    def run(self, ordered: Iterable[Iterable[Target]]) -> None:
        """Rotate them; a secret that fails stops no other.

        Raises:
            KeyboardInterrupt: somebody pressed Ctrl-C; what was under way has ended a step.
        """
        with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="rotation") as pool:
            try:
                for wave in ordered:
                    for done in [pool.submit(self._one, target) for target in wave]:
                        done.result()
            except BaseException:
                self._stop.set()
                self.stopping()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _one(self, target: Target) -> None:
        started = time.monotonic()
        version: str | None = None
        error: GlisecretsError | None = None
        try:
            version = self._rotated(target)
        except Stopped:
            return
        except GlisecretsError as failure:
            error = failure
        except Exception as crash:  # noqa: BLE001 - one broken rotator must stop no other
            error = RotationError(
                f"{target.secret}: unexpected {type(crash).__name__} in its rotator",
                next_step=f"glisecrets rotate run {target.secret} --debug, and report it",
            )
        result = Result(target.secret, time.monotonic() - started, version, error)
        self.results.append(result)
        self.told(result)

    def _rotated(self, target: Target) -> str:
        self._check_going()
        self.store.tag(target.secret, {TAG: str(self.emergency)})
        _log.info("%s is rotated in an emergency: %s", target.secret, self.emergency.because)
        if target.began_before(self.emergency):
            self.rotate(target.secret, self._after_step)
        return self.rotate(target.secret, self._after_step)

    def _after_step(self, _: Outcome) -> None:
        self._check_going()

    def _check_going(self) -> None:
        if self._stop.is_set():
            raise Stopped


def _target(engine: Engine, secret: str) -> Target:
    try:
        return _described(engine.subject(secret))
    except StoreUnavailable:
        raise  # of all the others, it would say the same
    except GlisecretsError as error:
        return Target(secret, error=error)


def _described(subject: Subject) -> Target:
    description = subject.description
    created = {info.version_id: info.created for info in subject.store.versions(subject.name)}
    pending = unfinished(description) or proposed(description)
    return Target(
        secret=subject.name,
        reads=frozenset(secrets_read(subject.options)),
        since=created.get(description.labelled(AWSCURRENT) or ""),
        under_way=pending is not None,
        begun=begun(description, pending, created) if pending else None,
        emergency=Emergency.parse(description.tags.get(TAG, "")),
    )
