"""Every error that glisecrets raises.

::

    GlisecretsError
    ├── ConfigurationError            the set-up is wrong: option, environment name, store address
    │   ├── InvalidReference          a reference that does not parse
    │   └── MissingExtra              an optional dependency is not installed
    ├── EnvironmentMismatch           the environment guard refused
    ├── SettingsError                 one load's faults, all at once
    └── StoreError                    a store was asked and did not give
        ├── SecretNotFound            no such secret, version, label or JSON key
        ├── SecretExists              the name or the version token is taken by another value
        ├── LabelConflict             a label is not where the caller said it is
        ├── InvalidRequest            the store refuses this request as it stands
        ├── AccessDenied              the caller may not; or its credentials are missing or expired
        ├── Undecryptable             stored, but the key to read it is not usable
        └── StoreUnavailable          unreachable, throttled past patience, sealed, locked, full

An error says what, where and what to do next. It carries names and version ids as attributes
and never a value: errors end up in logs.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable


class GlisecretsError(Exception):
    """Root of the tree. ``str()`` is the message and, on the next line, the next step."""

    #: What happened, in one sentence.
    message: str
    #: What the reader can do about it; empty when the message already says so.
    next_step: str
    #: Whether it tells how things stand, rather than of wrong use: the command line ends with 1.
    is_finding: ClassVar[bool] = False

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message, next_step)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message}\n  next: {self.next_step}" if self.next_step else self.message


class ConfigurationError(GlisecretsError, ValueError):
    """The program, its options or its environment are set up wrongly; no store was asked."""


class InvalidReference(ConfigurationError):
    """A reference does not follow the syntax of :mod:`glisecrets.references`."""


class MissingExtra(ConfigurationError, ImportError):
    """An optional dependency is needed and not installed."""

    #: The extra of the ``glisecrets`` distribution that brings it.
    extra: str

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs the extra '{extra}'",
            next_step=f"pip install 'glisecrets[{extra}]'",
        )
        self.extra = extra


class EnvironmentMismatch(GlisecretsError):
    """Something that belongs to another environment was about to be used."""

    #: The environment that the program runs in.
    environment: str
    #: The environments that the refused name belongs to.
    belongs_to: tuple[str, ...]

    def __init__(
        self, message: str, *, environment: str, belongs_to: tuple[str, ...], next_step: str = ""
    ) -> None:
        super().__init__(message, next_step=next_step)
        self.environment = environment
        self.belongs_to = belongs_to


class StoreError(GlisecretsError):
    """A store was asked and did not give. Raised only by its subclasses."""

    #: The store's scheme: ``aws``, ``vault`` or ``local``.
    store: str
    #: The secret's name or ARN, where one is concerned.
    secret: str | None
    #: The version id or label, where one is concerned.
    version: str | None

    def __init__(
        self,
        message: str,
        *,
        store: str,
        secret: str | None = None,
        version: str | None = None,
        next_step: str = "",
    ) -> None:
        super().__init__(message, next_step=next_step)
        self.store = store
        self.secret = secret
        self.version = version


class SecretNotFound(StoreError):
    """No such secret, version, label or JSON key; or the secret is scheduled for deletion."""

    is_finding = True


class SecretExists(StoreError):
    """The name, or the version token with another value, is already taken."""


class LabelConflict(StoreError):
    """A label is not on the version that the caller said it is on."""


class InvalidRequest(StoreError):
    """The store understood and refuses: too large, wrong state, wrong region, wrong argument."""


class AccessDenied(StoreError):
    """The caller has no right, or its credentials are missing, expired or revoked."""


class Undecryptable(StoreError):
    """The value is there, but its key is disabled, wrong or out of reach."""


class StoreUnavailable(StoreError):
    """Unreachable, timed out, throttled past patience, sealed, locked or full: worth a retry."""


FaultKind: TypeAlias = Literal[
    "missing",  # no layer has a value, or the JSON lacks a part of it
    "mistyped",  # not of the field's type
    "unreadable",  # not the text, JSON or file that was expected; no such version
    "denied",
    "unavailable",  # the store cannot be reached: worth a retry
    "configuration",  # an option, an extra, a store's address
    "wrong-environment",  # refused by the environment guard
    "placeholder",
    "rule",  # refused by a validator of the class
]


#: In place of a field's name, where a fault concerns the settings as a whole.
SETTINGS = "(settings)"


class Fault(NamedTuple):
    """What is wrong with one field of one load. Never carries a value or a part of one."""

    #: Dotted field name, or :data:`SETTINGS` for a rule over several fields.
    field: str
    kind: FaultKind
    #: What happened, in one sentence.
    message: str
    #: Where the offending value came from; empty for a missing one.
    origin: str = ""
    #: The layers looked at, weakest first, each with what was looked for.
    looked_at: tuple[str, ...] = ()
    #: What the reader can do about it.
    next_step: str = ""

    def __str__(self) -> str:
        lines = [f"{self.field}: {self.message} [{self.kind}]"]
        if self.origin:
            lines.append(f"    origin: {self.origin}")
        if self.looked_at:
            lines.append(f"    looked at: {' < '.join(self.looked_at)}")
        if self.next_step:
            lines.append(f"    next: {self.next_step}")
        return "\n".join(lines)


class SettingsError(GlisecretsError, ValueError):
    """All faults of one load, at once.

    ``errors()`` and ``json()`` give the same facts to programs; neither holds a value.
    """

    #: The faults, in field order.
    faults: tuple[Fault, ...]
    #: The name of the settings class.
    title: str
    #: The environment that was loaded.
    environment: str
    #: Whether it was assumed, because nothing names one.
    assumed: bool

    def __init__(
        self, title: str, environment: str, faults: Iterable[Fault], *, assumed: bool = False
    ) -> None:
        self.faults = tuple(faults)
        self.title = title
        self.environment = environment
        self.assumed = assumed
        super().__init__(self._headline())

    def _headline(self) -> str:
        counts = Counter(fault.kind for fault in self.faults)
        kinds = ", ".join(f"{number} {kind}" for kind, number in counts.items())
        noun = "fault" if len(self.faults) == 1 else "faults"
        assumed = " (DJANGO_ENV is not set)" if self.assumed else ""
        return f"{self.title} in {self.environment}{assumed}: {len(self.faults)} {noun} ({kinds})"

    def __str__(self) -> str:
        return "\n".join([self.message, *(f"  {fault}" for fault in self.faults)])

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.message}>"

    def __reduce__(self) -> tuple[Any, ...]:
        again = partial(type(self), assumed=self.assumed)
        return again, (self.title, self.environment, self.faults)

    def errors(self) -> list[dict[str, object]]:
        """Give each fault as a dict with the attributes of :class:`Fault`."""
        return [fault._asdict() for fault in self.faults]

    def json(self) -> str:
        """Give :meth:`errors` as JSON text."""
        return json.dumps(self.errors(), ensure_ascii=False)
