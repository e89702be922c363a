"""The port between the rotation engine and the kinds of credentials: what a rotator must know.

There are two families. A *chosen* value is made by us (a database password, a keyring): it is
stored, then put in force. A *minted* one is made by the provider, who shows it once (an IAM or
SendGrid key): leftovers of a crashed attempt are reaped, then it is minted and stored.

A rotator never sees a store: labels, tokens, retries and logs are the engine's. Every method may
be called again, late, or after a crash half-way, and then must change nothing that is right
already. What a rotator raises is a :class:`~.errors.RotationError`; no message has a value in it,
nor the text of a provider that may repeat one.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Final

from .errors import NotRotatable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from glisecrets.stores.base import SecretValue


#: The option that refers to the secret of an administrator, of each kind that knows one.
ADMIN: Final = "admin"


class Verdict(StrEnum):
    """What a provider says of a value."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Rotation:
    """One rotation as a rotator sees it; its ``repr`` shows no value."""

    #: The secret's name, for messages and for naming what is made at a provider.
    secret: str
    #: The rotation's token, which is the new version's id.
    token: str
    #: The value that ``AWSCURRENT`` is on.
    current: SecretValue = field(repr=False)
    #: The new value; ``None`` until it is stored.
    pending: SecretValue | None = field(repr=False, default=None)
    #: The value that ``AWSPREVIOUS`` is on, if any.
    previous: SecretValue | None = field(repr=False, default=None)
    #: What the secret's tags ``glisecrets:NAME`` and its declaration say, by ``NAME``.
    options: Mapping[str, str] = field(default_factory=dict)
    #: Whether a leak is suspected: what is still in use is revoked all the same.
    urgent: bool = False
    #: Read another secret by its reference, ``name`` or ``name#key``: an administrator's, say.
    read: Callable[[str], SecretValue] = field(repr=False, default=lambda _: "")
    #: Read every value that a version still holds, deprecated ones too.
    held: Callable[[], list[SecretValue]] = field(repr=False, default=list)
    #: Raise ``StaleRotation`` unless this rotation is still the one under way: to be called just
    #: before something is changed at the provider, while any lock of the provider's is held.
    confirm: Callable[[], None] = field(repr=False, default=lambda: None)
    #: The time, aware.
    now: Callable[[], datetime] = field(repr=False, default=lambda: datetime.now(UTC))
    #: Wait so many seconds, between two tries of one question.
    pause: Callable[[float], None] = field(repr=False, default=time.sleep)

    def unusable(self, fault: str, next_step: str) -> NotRotatable:
        """Make the error for a value, an option or a set-up that this kind cannot work with."""
        return NotRotatable(f"{self.secret}: {fault}", next_step=next_step)


class Rotator(ABC):
    """One kind of credential; found by its name in the entry point group ``glisecrets.rotators``.

    A class, for most methods have a default that fits many kinds; a subclass takes no arguments
    and keeps no state.
    """

    #: How often it is rotated where neither declaration nor tag says.
    period: ClassVar[timedelta] = timedelta(days=180)
    #: How long the value before stays good after a rotation; ``None``: there is nothing to retire.
    overlap: ClassVar[timedelta | None] = None
    #: Whether the provider makes the value: one that it rejects will then never become good.
    minted: ClassVar[bool] = False
    #: The options that it reads, besides those of publishing; others are refused as slips.
    options: ClassVar[frozenset[str]] = frozenset()

    def reap(self, rotation: Rotation) -> None:  # noqa: B027 - few kinds leave anything behind
        """Delete what a crashed attempt made at the provider and no version holds."""

    @abstractmethod
    def propose(self, rotation: Rotation) -> SecretValue:
        """Make the new value: choose it, or have the provider mint it.

        Raises:
            NotRotatable: the current value or an option is not what this kind needs.
            ProviderRefused: the provider said no; or :class:`Unreachable`.
        """

    def apply(self, rotation: Rotation) -> None:  # noqa: B027 - minted values are in force
        """Make ``rotation.pending`` good at the provider; nothing if it is good already.

        Raises:
            LockedOut: the provider accepts none of the values there are.
            ProviderRefused: the provider said no; or :class:`Unreachable`.
        """

    @abstractmethod
    def probe(self, rotation: Rotation, value: SecretValue) -> Verdict:
        """Ask the provider whether it accepts a value, changing nothing.

        Raises:
            Unreachable: there was no clear answer; never said of a wrong value.
        """

    def reset(self, rotation: Rotation) -> None:
        """Put ``rotation.pending`` in force as an administrator, whatever is in force now.

        Raises:
            NotRotatable: this kind knows no such way, or no administrator is named.
        """
        raise rotation.unusable(
            "this kind has no administrator who could set its value",
            f"write one that the provider accepts: glisecrets store put {rotation.secret} < FILE",
        )

    def publish(self, rotation: Rotation) -> None:
        """Bring copies of ``rotation.pending`` up to date; after the probe, before the labels.

        These are GitHub's secrets, where the options name any: see :mod:`.providers.github`.

        Raises:
            NotRotatable: the options make no sense.
            ProviderRefused: GitHub said no; or :class:`Unreachable`. Both say what was written.
        """
        if "github" in rotation.options:
            from .providers.github import publish_to_github

            publish_to_github(rotation)

    def retire(self, rotation: Rotation, old: SecretValue) -> None:  # noqa: B027 - see overlap
        """Revoke a value once its overlap is over; what is gone already is fine.

        ``rotation.current`` is the value that stays.
        """
