"""The store port: what the loader, the live values and the rotation engine ask of a store.

The words and rules are those of AWS Secrets Manager (its user guide, "What's in a Secrets Manager
secret?", and its API reference, PutSecretValue and UpdateSecretVersionStage): a secret has
versions; a version has an id, which is the token it was written with, and labels; a label is on at
most one version. Every store keeps these rules, and one conformance suite,
``tests/stores/test_conformance.py``, holds all of them to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from ..errors import StoreError
    from ..references import Address

#: Text or bytes, as Secrets Manager's SecretString and SecretBinary.
SecretValue = str | bytes

#: Largest value that Secrets Manager takes, in bytes of UTF-8.
MAX_VALUE_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """One version as it was read. Its ``repr`` never shows the value."""

    #: The secret's name, or the ARN if it was asked for by ARN.
    secret: str
    version_id: str
    value: SecretValue = field(repr=False)
    labels: frozenset[str] = frozenset()
    #: When the version was written (aware UTC), where the store tells.
    created: datetime | None = None
    #: When it was read from the store (aware UTC), for a last known good value; else ``None``.
    recalled: datetime | None = None


@dataclass(frozen=True, slots=True)
class VersionInfo:
    """One version without its value."""

    version_id: str
    #: Empty for a deprecated version.
    labels: frozenset[str] = frozenset()
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class SecretDescription:
    """A secret without any value."""

    name: str
    #: The versions that carry a label: version id -> labels.
    versions: Mapping[str, frozenset[str]]
    arn: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    created: datetime | None = None
    #: When any part of it last changed.
    changed: datetime | None = None
    #: When a rotation last finished.
    rotated: datetime | None = None
    #: ``None`` where the store does not say (the secret was never set up for rotation).
    rotation_enabled: bool | None = None

    def labelled(self, label: str) -> str | None:
        """Give the id of the version that carries a label, or ``None``."""
        return next((vid for vid, labels in self.versions.items() if label in labels), None)


class Store(Protocol):
    """Something that keeps versioned secrets.

    Every method raises a subclass of :class:`~glisecrets.errors.StoreError` and nothing else for
    what the store answers; no error and no log line carries a value. Stores are safe to share
    between threads, and usable in a child after ``fork``.
    """

    #: ``aws``, ``vault`` or ``local``.
    scheme: str
    #: Where it is, for messages: a region, an address or a path. Never a credential.
    location: str

    def get(self, address: Address) -> SecretVersion:
        """Read one version.

        Raises:
            SecretNotFound: no such secret, version or label, or it is scheduled for deletion.
        """
        ...

    def get_many(self, addresses: Iterable[Address]) -> dict[Address, SecretVersion | StoreError]:
        """Read many versions in the fewest calls; one that fails maps to its error."""
        ...

    def create(
        self,
        secret: str,
        value: SecretValue,
        *,
        token: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> VersionInfo:
        """Make a new secret whose first version is ``AWSCURRENT``.

        Raises:
            SecretExists: the name is taken (the same token with the same value is a no-op).
        """
        ...

    def put(
        self,
        secret: str,
        value: SecretValue,
        *,
        token: str | None = None,
        labels: Iterable[str] = ("AWSCURRENT",),
    ) -> VersionInfo:
        """Write a version of an existing secret and move the labels to it.

        ``token`` becomes the version id (32 to 64 characters; one is made when absent). The same
        token with the same value is a no-op that moves no label (Secrets Manager's own rule).
        Moving ``AWSCURRENT`` moves ``AWSPREVIOUS`` to the version that it leaves, and takes
        ``AWSPENDING`` off the version left behind.

        Raises:
            SecretNotFound: no such secret.
            SecretExists: the token has another value already.
            InvalidRequest: the value is over 64 KiB, or the secret is scheduled for deletion.
        """
        ...

    def move_label(
        self, secret: str, label: str, *, to: str | None = None, expected: str | None = None
    ) -> None:
        """Move a label to version ``to``, or take it off with ``to=None``: a compare-and-swap.

        ``expected`` names the version that carries it now; needed whenever one does.

        Raises:
            LabelConflict: the label is on another version than ``expected``.
            SecretNotFound: no such secret or version.
        """
        ...

    def describe(self, secret: str) -> SecretDescription:
        """Tell about a secret, without any value."""
        ...

    def versions(self, secret: str, *, include_deprecated: bool = False) -> list[VersionInfo]:
        """List a secret's versions, newest first."""
        ...

    def names(self, prefix: str = "") -> Iterator[str]:
        """List the names of the secrets that start with ``prefix``, in order."""
        ...

    def tag(self, secret: str, tags: Mapping[str, str]) -> None:
        """Add or overwrite tags."""
        ...

    def delete(self, secret: str) -> None:
        """Delete a secret: at once where the store allows, else with its recovery window."""
        ...

    def close(self) -> None:
        """Let go of connections and files. The store can be used again."""
        ...
