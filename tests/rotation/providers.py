"""Providers in memory, one for each way in which rotators work, and their rotators.

They keep to what real ones do: a single user has one password, an access list takes two, an
access key is shown once and there are two at most. Each call that crosses the wire goes through
:class:`~.fault_injection.Faults`.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from glisecrets.rotation import (
    LockedOut,
    ProviderRefused,
    Rotation,
    Rotator,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from glisecrets.stores.base import SecretValue

    from .fault_injection import Faults

#: Younger leftovers may belong to a run that is just making them.
ORPHAN_AGE = timedelta(minutes=5)


@dataclass
class Provider:
    """What a provider accepts."""

    faults: Faults
    now: Callable[[], datetime]
    #: What it accepts now, as a secret's value has it.
    accepted: set[str] = field(default_factory=set)
    #: Every value that was ever made.
    made: list[str] = field(default_factory=list)
    #: Whether AWSCURRENT must be accepted at every moment, not only some labelled version.
    keeps_current: ClassVar[bool] = True
    Its: ClassVar[type[Rotator]]

    def first(self) -> str:
        """Give the value before the first rotation."""
        value = self.new()
        self.accepted.add(value)
        return value

    def new(self) -> str:
        value = secrets.token_urlsafe(12)
        self.made.append(value)
        return value

    def accepts(self, value: SecretValue) -> bool:
        return value in self.accepted

    def must_accept_current(self) -> bool:
        """Tell whether AWSCURRENT must be accepted now; else some labelled version must be."""
        return self.keeps_current

    def login(self, value: SecretValue) -> bool:
        return self.faults.call("login", lambda: value in self.accepted, reads=True)

    def rotator(self) -> Rotator:
        """Give the rotator of this kind."""
        return self.Its(self)

    def tags(self) -> dict[str, str]:
        """Give the options that the secret's tags name."""
        return {"rotator": "provider"}

    def administrators(self) -> dict[str, str]:
        """Give the other secrets that rotations read, by name."""
        return {}

    def strays(self, labelled: set[str]) -> bool:
        """Tell whether more than two values are accepted, or one that no label is on."""
        return len(self.accepted) > 2 or not self.accepted <= labelled

    def state(self) -> object:
        return frozenset(self.accepted)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the provider's lock: another engine would wait for it."""
        self.faults.locks += 1
        try:
            yield
        finally:
            self.faults.locks -= 1


class ProviderRotator(Rotator):
    """What the rotators below have in common."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def propose(self, rotation: Rotation) -> str:
        return self.provider.new()

    def probe(self, rotation: Rotation, value: SecretValue) -> Verdict:
        return Verdict.ACCEPTED if self.provider.login(value) else Verdict.REJECTED


class SingleUser(Provider):
    """One password; a change takes effect at once, before the label can move."""

    keeps_current = False

    class Its(ProviderRotator):  # noqa: D106 - told by its provider
        def apply(self, rotation: Rotation) -> None:
            provider = self.provider
            if provider.login(rotation.pending):
                return
            known = [rotation.current, rotation.previous]
            with provider.lock():
                if not any(provider.login(value) for value in known if value):
                    raise LockedOut("no version is accepted")
                rotation.confirm()
                provider.faults.call("alter", lambda: self._alter(str(rotation.pending)))

        def _alter(self, value: str) -> None:
            self.provider.accepted = {value}


class AccessList(Provider):
    """A user with two passwords at a time, the old one removed after the overlap."""

    class Its(ProviderRotator):  # noqa: D106 - told by its provider
        overlap = timedelta(days=1)

        def apply(self, rotation: Rotation) -> None:
            provider = self.provider
            if provider.login(rotation.pending):
                return
            with provider.lock():  # one round trip after the question
                rotation.confirm()
                provider.faults.call("add", lambda: provider.accepted.add(rotation.pending))

        def retire(self, rotation: Rotation, old: SecretValue) -> None:
            self.provider.faults.call("remove", lambda: self.provider.accepted.discard(old))


class AlternatingUsers(Provider):
    """Two users in turn: the one that is in use is never touched."""

    def new(self) -> str:
        return self._of("blue")

    def _of(self, user: str) -> str:
        value = f"{user}:{secrets.token_urlsafe(12)}"
        self.made.append(value)
        return value

    class Its(ProviderRotator):  # noqa: D106 - told by its provider
        def propose(self, rotation: Rotation) -> str:
            user = str(rotation.current).partition(":")[0]
            return self.provider._of("green" if user == "blue" else "blue")

        def apply(self, rotation: Rotation) -> None:
            if self.provider.login(rotation.pending):
                return
            with self.provider.lock():
                rotation.confirm()
                self.provider.faults.call("upsert", lambda: self._upsert(str(rotation.pending)))

        def _upsert(self, value: str) -> None:
            user = value.partition(":")[0]
            others = {v for v in self.provider.accepted if not v.startswith(f"{user}:")}
            self.provider.accepted = {*others, value}


@dataclass
class KeyIssuer(Provider):
    """Shows a key once when it mints it; two keys at most."""

    created: dict[str, datetime] = field(default_factory=dict)

    def first(self) -> str:
        return self.mint()

    def mint(self) -> str:
        if len(self.accepted) == 2:
            raise ProviderRefused("two keys already")
        value = self.new()
        self.accepted.add(value)
        self.created[value] = self.now()
        return value

    class Its(ProviderRotator):  # noqa: D106 - told by its provider
        overlap = timedelta(days=1)
        minted = True

        def reap(self, rotation: Rotation) -> None:
            listed = self.provider.faults.call("list", lambda: set(self.provider.accepted), True)
            for key in sorted(listed - set(map(str, rotation.held()))):
                if rotation.now() - self.provider.created[key] > ORPHAN_AGE:
                    self._delete(key)

        def propose(self, rotation: Rotation) -> str:
            return self.provider.faults.call("mint", self.provider.mint)

        def retire(self, rotation: Rotation, old: SecretValue) -> None:
            self._delete(str(old))

        def _delete(self, key: str) -> None:
            self.provider.faults.call("delete", lambda: self.provider.accepted.discard(key))


class NoProvider(Provider):
    """A value that nobody has to be told of: a keyring, or a generated one."""

    def accepts(self, value: SecretValue) -> bool:
        return value in self.made

    def login(self, value: SecretValue) -> bool:
        return True

    def first(self) -> str:
        return self.new()

    class Its(ProviderRotator):  # noqa: D106 - told by its provider
        pass
