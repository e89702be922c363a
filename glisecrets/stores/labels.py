"""The rules of Secrets Manager's tokens and labels, for the stores that keep them themselves.

Pure, and one copy for Vault and the local store.

Sources: the API reference of PutSecretValue and UpdateSecretVersionStage, and what was recorded
from the real service: moving ``AWSCURRENT`` moves ``AWSPREVIOUS`` to the version left behind and
takes ``AWSPENDING`` off it; other labels stay where they are.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ..errors import InvalidRequest, LabelConflict, SecretExists, SecretNotFound, StoreError
from ..references import AWSCURRENT, AWSPENDING, AWSPREVIOUS, VERSION_ID
from .base import MAX_VALUE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .base import SecretValue


@dataclass(frozen=True, slots=True)
class Labels:
    """Which version of one secret carries which labels: an immutable state.

    Every change gives a new state, so a store can work one out, then write it in one
    transaction or one compare-and-swap.
    """

    #: The store's scheme and the secret's name, for errors.
    store: str
    secret: str
    #: Every version that is kept, oldest first: id -> labels; none for a deprecated one.
    versions: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def labelled(self) -> dict[str, frozenset[str]]:
        """The versions that carry a label."""
        return {version: labels for version, labels in self.versions.items() if labels}

    def holder(self, label: str) -> str | None:
        """Give the id of the version that carries a label, or ``None``."""
        return _holder(self.versions, label)

    def put(self, version: str, labels: Iterable[str], *, same_value: bool | None = None) -> Labels:
        """Write a version and move the labels to it; the first one also becomes ``AWSCURRENT``.

        Args:
            version: the id, which is the token.
            labels: what it shall carry.
            same_value: how the value compares with the one already kept under this id; ``None``
                if there is none. The same value is a no-op that moves no label.

        Raises:
            SecretExists: the id has another value.
            InvalidRequest: no label is named.
        """
        if same_value is not None:
            return self._replayed(version, same_value=same_value)
        wanted = dict.fromkeys(labels)
        if not wanted:
            message = f"{self.secret}: a version is written with at least one label"
            raise self._failed(InvalidRequest, message, version)
        if not self.versions:
            wanted[AWSCURRENT] = None
        versions = {**self.versions, version: self.versions.get(version, frozenset())}
        for label in sorted(wanted, key=_current_first):
            versions = _moved(versions, label, version)
        return replace(self, versions=versions)

    def check_holder(self, label: str, expected: str | None) -> None:
        """Hold a label against the version that a caller takes for its holder.

        Raises:
            LabelConflict: another version carries it.
        """
        holder = self.holder(label)
        if holder != expected:
            message = f"{label} of {self.secret} is on {_told(holder)}, not on {_told(expected)}"
            step = "describe the secret again: someone else moved the label"
            raise self._failed(LabelConflict, message, holder, step)

    def move(self, label: str, *, to: str | None, expected: str | None) -> Labels:
        """Move a label to version ``to``, or take it off with ``None``: a compare-and-swap.

        Raises:
            LabelConflict: another version than ``expected`` carries the label.
            SecretNotFound: there is no version ``to``.
            InvalidRequest: ``AWSCURRENT`` can be moved, never taken off.
        """
        self.check_holder(label, expected)
        if to is not None and to not in self.versions:
            raise self._failed(SecretNotFound, f"{self.secret} has no version {to}", to)
        if to is None and label == AWSCURRENT:
            message = f"{self.secret}: AWSCURRENT can be moved, but not taken off"
            raise self._failed(InvalidRequest, message, expected)
        return replace(self, versions=_moved(self.versions, label, to))

    def _replayed(self, version: str, *, same_value: bool) -> Labels:
        if same_value:
            return self
        message = f"version {version} of {self.secret} has another value already"
        step = "read that version and use its value, or write with a new token"
        raise self._failed(SecretExists, message, version, step)

    def _failed(
        self, kind: type[StoreError], message: str, version: str | None, next_step: str = ""
    ) -> StoreError:
        return kind(
            message, store=self.store, secret=self.secret, version=version, next_step=next_step
        )


def _holder(versions: Mapping[str, frozenset[str]], label: str) -> str | None:
    return next((version for version, labels in versions.items() if label in labels), None)


def _moved(
    versions: Mapping[str, frozenset[str]], label: str, to: str | None
) -> dict[str, frozenset[str]]:
    left = _holder(versions, label)
    moved = {version: labels - {label} for version, labels in versions.items()}
    if to is not None:
        moved[to] |= {label}
    if label != AWSCURRENT or left is None or left == to:
        return moved
    moved[left] -= {AWSPENDING}
    return _moved(moved, AWSPREVIOUS, left)


def version_token(token: str | None, *, store: str, secret: str) -> str:
    """Give the token to write a version with: the caller's own, or a new one.

    Raises:
        InvalidRequest: not 32 to 64 letters, digits and hyphens.
    """
    if token is None:
        return str(uuid.uuid4())
    if not VERSION_ID.fullmatch(token):
        raise InvalidRequest(
            f"{secret}: a version token has 32 to 64 letters, digits and hyphens",
            store=store,
            secret=secret,
            next_step="use a UUID as text, or leave the token out",
        )
    return token


def check_value(value: SecretValue, *, store: str, secret: str) -> None:
    """Hold a value to what Secrets Manager takes: 1 byte to 64 KiB, text counted in UTF-8.

    Raises:
        InvalidRequest: it is empty or larger, or text that UTF-8 cannot express.
    """
    size = 0
    # Judged outside the handler: a UnicodeEncodeError would hold the value.
    with suppress(UnicodeEncodeError):
        size = len(value.encode() if isinstance(value, str) else value)
    if 0 < size <= MAX_VALUE_BYTES:
        return
    if size:
        reason = f"has {size} bytes; a secret holds at most {MAX_VALUE_BYTES}"
        step = "keep large files elsewhere and store their key here"
    else:
        reason = "is empty, or text that UTF-8 cannot express"
        step = "give at least one byte, and bytes for what is not text"
    raise InvalidRequest(
        f"{secret}: the value {reason}", store=store, secret=secret, next_step=step
    )


def _current_first(label: str) -> tuple[bool, str]:
    """Order labels so that the automatic move of AWSPREVIOUS never undoes a requested one."""
    return label != AWSCURRENT, label


def _told(version: str | None) -> str:
    return "no version" if version is None else f"version {version}"
