"""One secret that is rotated: what its store says of it, who rotates it, and with which options."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from glisecrets.documents import pick_key
from glisecrets.durations import parse_duration
from glisecrets.errors import LabelConflict, SecretNotFound
from glisecrets.redaction.process import remember
from glisecrets.references import AWSCURRENT, AWSPREVIOUS, Address, Reference

from .errors import NoRotator, NotRotatable
from .rotator import Rotation
from .standing import Standing, rotation_labels, standing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from glisecrets.stores.base import SecretDescription, SecretValue, SecretVersion, Store

    from .rotator import Rotator

#: Tags of a secret that say how it is rotated start with this.
TAG_PREFIX = "glisecrets:"
#: The option that names the kind, and those that the engine reads itself.
ROTATOR = "rotator"
OVERLAP = "overlap"
PERIOD = "rotate-every"
#: When an emergency was declared, and why: see :mod:`.operations.emergency`.
EMERGENCY = "emergency"
LAST_RESULT = "last-result"
#: Those that are no option of anyone: notes that a secret carries.
NOTES = frozenset({EMERGENCY, LAST_RESULT})
#: The options of :mod:`.providers.github`.
_GITHUB_OPTIONS = frozenset(
    {"github", "github-keys", "github-secret", "github-token", "github-url"}
)
#: The options that every kind has.
_EVERY_KINDS = _GITHUB_OPTIONS | {ROTATOR, OVERLAP, PERIOD} | NOTES


@dataclass(frozen=True, slots=True)
class Clock:
    """The time and how to wait, so that a test can do both in no time."""

    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    #: Wait so many seconds.
    pause: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Subject:
    """A secret as it was described at one moment. Its values are read when asked for."""

    store: Store
    name: str
    description: SecretDescription
    rotator: Rotator
    #: What tags and declaration say, without the prefix; the engine's own options too.
    options: Mapping[str, str]
    clock: Clock
    #: Whether a leak is suspected by whoever asks: no overlap is waited for.
    asked_urgently: bool = False
    #: The current version, once it is read.
    _current: list[SecretVersion] = field(default_factory=list, init=False, repr=False)

    @property
    def kind(self) -> str:
        """The rotator's name."""
        return self.options[ROTATOR]

    @property
    def overlap(self) -> timedelta | None:
        """How long the value before stays good; ``None`` if nothing is ever retired."""
        if self.rotator.overlap is None:
            return None
        return parse_duration(self.options.get(OVERLAP)) or self.rotator.overlap

    @property
    def period(self) -> timedelta:
        """How often it is due."""
        return parse_duration(self.options.get(PERIOD)) or self.rotator.period

    @property
    def urgent(self) -> bool:
        """Whether the current value may have leaked.

        An emergency leaves its beginning in a tag: so a Lambda knows of it too, which is told no
        more than the token.
        """
        begun = emergency_begun(self.options.get(EMERGENCY, ""))
        written = self.current.created if begun else None
        return self.asked_urgently or bool(begun and written and written < begun)

    def standing(self, token: str) -> Standing:
        """Tell where the rotation with a token stands: see :func:`.standing.standing`."""
        return standing(self.description, token)

    def confirm(self, token: str) -> None:
        """Ask the store once more whether a rotation is still the one under way.

        Raises:
            StaleRotation: it is not; whoever calls must not change anything at the provider.
        """
        standing(self.store.describe(self.name), token)

    def renewed(self) -> Subject:
        """Describe it again."""
        return replace(self, description=self.store.describe(self.name))

    def clean(self, *versions: str) -> None:
        """Take the labels of a rotation that are seen on versions off them."""
        for version in versions:
            for label in rotation_labels(self.description, version):
                with suppress(LabelConflict):  # it has gone by itself
                    self.store.move_label(self.name, label, expected=version)

    def version(self, version_id: str) -> SecretVersion | None:
        """Read a version; ``None`` if it is not there or has no value yet."""
        try:
            version = self.store.get(Address(self.name, version_id))
        except SecretNotFound:
            return None
        remember(version.value, name=self.description.name)
        return version

    @property
    def current(self) -> SecretVersion:
        """The current version, read once.

        Raises:
            NotRotatable: there is none: a rotation changes a value, it makes no first one.
        """
        # No cached_property: before Python 3.12 its lock is the class's, so that of many
        # rotations in one process only one at a time would read.
        if not self._current:
            self._current.append(self._read_current())
        return self._current[0]

    def _read_current(self) -> SecretVersion:
        # By id and not by label: a read that lags behind could give another version than the one
        # that the labels were described on.
        described = self.description.labelled(AWSCURRENT)
        version = self.version(described) if described else None
        if version is None:
            raise NotRotatable(
                f"{self.name} has no value yet",
                next_step=f"write the first one: glisecrets store put {self.name} < FILE",
            )
        return version

    def rotation(self, token: str, pending: SecretValue | None = None) -> Rotation:
        """Give what the rotator needs to know."""
        previous = self.description.labelled(AWSPREVIOUS)
        old = self.version(previous) if previous else None
        return Rotation(
            secret=self.description.name,
            token=token,
            current=self.current.value,
            pending=pending,
            previous=old.value if old else None,
            options=self.options,
            urgent=self.urgent,
            read=self._read,
            held=self._held,
            confirm=lambda: self.confirm(token),
            now=self.clock.now,
            pause=self.clock.pause,
        )

    def _read(self, reference: str) -> SecretValue:
        parsed = Reference.parse(reference)
        value = self.store.get(parsed.address).value
        remember(value, name=parsed.name)
        if not parsed.key:
            return value
        found = pick_key(value, parsed.key)
        remember(str(found), name=parsed.name)
        return str(found)

    def _held(self) -> list[SecretValue]:
        every = self.store.versions(self.name, include_deprecated=True)
        read = (self.version(info.version_id) for info in every)
        return [version.value for version in read if version]


def emergency_begun(tag: str) -> datetime | None:
    """Read when an emergency began from the value of its tag; ``None`` if it is none of ours."""
    try:
        moment = datetime.fromisoformat(tag.partition(" ")[0])
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def options_of(description: SecretDescription, declared: Mapping[str, str]) -> dict[str, str]:
    """Give what a secret's tags say of its rotation, by name without the prefix.

    Args:
        description: of the secret.
        declared: options that override those of the tags.

    Raises:
        NoRotator: no kind is named.
    """
    tagged = {
        name.removeprefix(TAG_PREFIX): text
        for name, text in description.tags.items()
        if name.startswith(TAG_PREFIX)
    }
    options = {**tagged, **declared}
    if ROTATOR in options:
        return options
    raise NoRotator(
        f"{description.name} has no tag {TAG_PREFIX}{ROTATOR}: nothing says how it is rotated",
        next_step="name the kind in its declaration, secret(…, kind=…), then: glisecrets rotate"
        " apply",
    )


def check_options(secret: str, options: Mapping[str, str], rotator: Rotator) -> None:
    """Refuse options that a kind has not: slips of the pen.

    Raises:
        NotRotatable: there are some.
    """
    unknown = options.keys() - rotator.options - _EVERY_KINDS
    if unknown:
        known = ", ".join(sorted({*rotator.options, *_GITHUB_OPTIONS, OVERLAP, PERIOD}))
        raise NotRotatable(
            f"{secret}: {options[ROTATOR]} has no option {', '.join(sorted(unknown))}",
            next_step=f"options are tags {TAG_PREFIX}NAME; the names are: {known}",
        )
