"""The real rotators, for scenarios: each call of a method counts, and what it asks or changes."""

from __future__ import annotations

from collections.abc import Callable  # noqa: TC003 - of WIRES
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any, ClassVar

from glisecrets.rotation.finding import find_rotator
from glisecrets.rotation.rotators import (
    elasticache,
    iam_access_key,
    iam_user,
    postgresql_session,
    redis_acl,
    sendgrid,
)

from .providers import Provider

if TYPE_CHECKING:
    from types import ModuleType

    from glisecrets.rotation import Rotation, Rotator, Verdict
    from glisecrets.stores.base import SecretValue


class Counted:
    """Before a real rotator among a class's bases: what the engine asks of it are counted calls."""

    def __init__(self, provider: RealProvider) -> None:
        self.provider = provider

    def reap(self, rotation: Rotation) -> None:
        self._call("reap", super().reap, rotation)

    def propose(self, rotation: Rotation) -> SecretValue:
        return self._call("propose", self._propose, rotation)

    def apply(self, rotation: Rotation) -> None:
        self._call("apply", super().apply, self._locked(rotation))

    def probe(self, rotation: Rotation, value: SecretValue) -> Verdict:
        return self._call("probe", super().probe, rotation, value, reads=True, key=f"probe {value}")

    def publish(self, rotation: Rotation) -> None:
        self._call("publish", super().publish, rotation)

    def retire(self, rotation: Rotation, old: SecretValue) -> None:
        self._call("retire", super().retire, rotation, old)

    def _propose(self, rotation: Rotation) -> SecretValue:
        return self.provider.noted(str(super().propose(rotation)))

    def _call(self, name: str, method: Callable[..., Any], *args: Any, **how: Any) -> Any:
        return self.provider.faults.call(name, lambda: method(*args), **how)

    def _locked(self, rotation: Rotation) -> Rotation:
        """Say that the question whether to go on is asked while the provider's lock is held."""

        def confirm() -> None:
            with self.provider.lock():
                rotation.confirm()

        return replace(rotation, confirm=confirm) if self.provider.has_lock else rotation


@cache
def _counted_rotator(kind: str) -> Any:
    return type("CountedRotator", (Counted, type(find_rotator(kind))), {})


class Wire:
    """What rotators ask their providers with, as counted calls of the scenario that is played."""

    provider: ClassVar[RealProvider]

    @classmethod
    def counted(cls, function: Callable[..., Any], reads: Callable[..., bool]) -> Any:
        """Give a function whose calls count.

        Args:
            function: asks or changes something.
            reads: tells from the arguments whether it only asks.
        """

        def call(*args: Any, **named: Any) -> Any:
            name = f"{function.__name__} {args[1:3]}"
            act = partial(function, *args, **named)
            is_read, provider = reads(*args), cls.provider
            with provider.lock() if provider.replaces and not is_read else nullcontext():
                return provider.faults.call(name, act, is_read, key=f"{name} {args} {named}")

        return call


#: Module and function; and what tells a question.
WIRES: list[tuple[ModuleType, str, Callable[..., bool]]] = [
    (postgresql_session, "accepts", lambda *_: True),
    (postgresql_session, "_change", lambda *_: False),
    (redis_acl, "ask", lambda _, *commands: all("SETUSER" not in words for words in commands)),
    (sendgrid, "_ask", lambda _, method, *__: method == "GET"),
    *(
        (module, "ask_aws", lambda _, action: action.startswith(("Get", "List", "Describe")))
        for module in (elasticache, iam_access_key, iam_user)
    ),
]


@dataclass
class RealProvider(Provider):
    """A provider that is a real server, or a stub that keeps state as the real one does."""

    server: Any = None
    #: Every value that a rotation has proposed, and the first.
    values: list[str] = field(default_factory=list)
    kind: ClassVar[str]
    #: Whether changes are made under a lock, for which a second run would wait.
    has_lock: ClassVar[bool] = False
    #: Whether a change replaces whatever is there, in an API without conditions: nothing guards
    #: the one round trip between the question whether to go on and that change.
    replaces: ClassVar[bool] = False

    def __post_init__(self) -> None:
        Wire.provider = self

    def rotator(self) -> Rotator:
        return _counted_rotator(self.kind)(self)

    def tags(self) -> dict[str, str]:
        return {"rotator": self.kind, **self.options()}

    def options(self) -> dict[str, str]:
        return {}

    def noted(self, value: str) -> str:
        self.values.append(value)
        self.made += self.hidden(value)
        return value

    def hidden(self, value: str) -> list[str]:
        """Give what of a value nobody may say."""
        return [value]
