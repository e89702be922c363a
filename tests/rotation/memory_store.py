"""A store in memory: the local store's own rules over a dict, for tests that run ten thousands."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from glisecrets.errors import SecretNotFound, StoreError
from glisecrets.references import AWSCURRENT, Address
from glisecrets.stores.base import SecretDescription, SecretValue, SecretVersion, VersionInfo
from glisecrets.stores.local import rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from datetime import datetime

    from glisecrets.stores.local.record import SecretRecord


class MemoryStore:
    """The store port over a dict; ``begin_rotation`` is what RotateSecret does first."""

    location = "here"

    def __init__(self, now: Callable[[], datetime], scheme: str = "memory") -> None:
        self.scheme = scheme
        self.now = now
        self.records: dict[str, SecretRecord] = {}
        self.values: dict[tuple[str, str], SecretValue] = {}

    def begin_rotation(self, secret: str, token: str) -> None:
        record = self._record(secret)
        self.records[secret] = rules.rotation_begun(record, token, now=self.now())

    def get(self, address: Address) -> SecretVersion:
        record = self._record(address.secret)
        version_id = rules.version_wanted(record, address)
        version = record.versions[version_id]
        value = self.values[address.secret, version_id]
        return SecretVersion(address.secret, version_id, value, version.labels, version.created)

    def get_many(self, addresses: Iterable[Address]) -> dict[Address, SecretVersion | StoreError]:
        return {address: self.get(address) for address in addresses}

    def create(
        self,
        secret: str,
        value: SecretValue,
        *,
        token: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> VersionInfo:
        version_id = token or str(uuid.uuid4())
        present = self.records.get(secret)
        self.records[secret] = rules.created(present, secret, version_id, self.now(), tags=tags)
        return self.put(secret, value, token=version_id)

    def put(
        self,
        secret: str,
        value: SecretValue,
        *,
        token: str | None = None,
        labels: Iterable[str] = (AWSCURRENT,),
    ) -> VersionInfo:
        version_id = token or str(uuid.uuid4())
        there = self.values.get((secret, version_id))
        same = None if there is None else there == value
        record = rules.written(self._record(secret), version_id, labels, same=same, now=self.now())
        self.records[secret] = record
        self.values[secret, version_id] = value
        return VersionInfo(version_id, record.versions[version_id].labels)

    def move_label(
        self, secret: str, label: str, *, to: str | None = None, expected: str | None = None
    ) -> None:
        self.records[secret] = rules.label_moved(
            self._record(secret), label, to=to, expected=expected, now=self.now()
        )

    def describe(self, secret: str) -> SecretDescription:
        record = self._record(secret)
        return SecretDescription(
            secret, record.labels.labelled, tags=record.tags, rotated=record.rotated
        )

    def versions(self, secret: str, *, include_deprecated: bool = False) -> list[VersionInfo]:
        listed = [
            VersionInfo(version_id, version.labels, version.created)
            for version_id, version in self._record(secret).versions.items()
            if version.labels or include_deprecated
        ]
        return listed[::-1]

    def names(self, prefix: str = "") -> Iterator[str]:
        return (name for name in sorted(self.records) if name.startswith(prefix))

    def tag(self, secret: str, tags: Mapping[str, str]) -> None:
        self.records[secret] = rules.tagged(self._record(secret), tags, now=self.now())

    def delete(self, secret: str) -> None:
        del self.records[secret]

    def close(self) -> None:
        pass

    def _record(self, secret: str) -> SecretRecord:
        if secret not in self.records:
            raise SecretNotFound(f"no secret {secret}", store="memory", secret=secret)
        return self.records[secret]
