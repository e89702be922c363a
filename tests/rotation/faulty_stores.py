"""The real stores as a scenario needs them: on its clock, and with what begins a rotation.

A store dates versions by its own clock, or its server's, and a scenario lets months pass in no
time. So each date is moved on, when it is read, by as much as the scenario's clock was ahead when
it was written: what the store itself rounds or orders stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from glisecrets.references import AWSCURRENT
from glisecrets.stores.base import Store
from glisecrets.stores.local import rules

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from mypy_boto3_secretsmanager import SecretsManagerClient

    from glisecrets.references import Address
    from glisecrets.stores.base import SecretDescription, SecretVersion, VersionInfo
    from glisecrets.stores.local import LocalStore

    from .fault_injection import Time

    #: Gives a store on a scenario's clock.
    OnStore = Callable[[Time], "RotatedStore"]

_Dated = TypeVar("_Dated", "SecretVersion", "VersionInfo")


class RotatedStore(Store, Protocol):
    """A store, and what Secrets Manager does first when it begins a rotation by itself."""

    def begin_rotation(self, secret: str, token: str) -> None: ...


@dataclass
class OnClock:
    """A real store on a scenario's clock."""

    store: Store
    time: Time
    begin: Callable[[str, str], object]
    #: How far the clock was ahead when a version was written, and when a rotation finished.
    written: dict[str, timedelta] = field(default_factory=dict)
    rotated: dict[str, timedelta] = field(default_factory=dict)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def begin_rotation(self, secret: str, token: str) -> None:
        self.written[token] = self.time.ahead
        self.begin(secret, token)

    def create(self, secret: str, value: str, **named: Any) -> VersionInfo:
        return self._write(self.store.create(secret, value, **named))

    def put(self, secret: str, value: str, **named: Any) -> VersionInfo:
        return self._write(self.store.put(secret, value, **named))

    def move_label(self, secret: str, label: str, **named: Any) -> None:
        self.store.move_label(secret, label, **named)
        if label == AWSCURRENT:
            self.rotated[secret] = self.time.ahead

    def get(self, address: Address) -> SecretVersion:
        return self._dated(self.store.get(address))

    def versions(self, secret: str, **named: Any) -> list[VersionInfo]:
        return [self._dated(version) for version in self.store.versions(secret, **named)]

    def describe(self, secret: str) -> SecretDescription:
        told = self.store.describe(secret)
        if told.rotated is None or secret not in self.rotated:
            return told
        return replace(told, rotated=told.rotated + self.rotated[secret])

    def _write(self, info: VersionInfo) -> VersionInfo:
        self.written.setdefault(info.version_id, self.time.ahead)
        return info

    def _dated(self, version: _Dated) -> _Dated:
        if version.created is None:
            return version
        return replace(version, created=version.created + self.written[version.version_id])


def on_local(store: LocalStore, time: Time) -> OnClock:
    """Give the local store; where Secrets Manager begins rotations, our server serves it."""

    def begin(secret: str, token: str) -> None:
        store.change(secret, partial(rules.rotation_begun, version_id=token, now=time.now()))

    return OnClock(store, time, begin)


def on_secrets_manager(store: Store, client: SecretsManagerClient, time: Time) -> OnClock:
    """Give Secrets Manager, whose RotateSecret begins a rotation."""

    def begin(secret: str, token: str) -> None:
        client.rotate_secret(
            SecretId=secret,
            ClientRequestToken=token,
            RotationLambdaARN="arn:aws:lambda:ap-northeast-2:123456789012:function:rotate",
        )

    return OnClock(store, time, begin)


def on_vault(store: Store, time: Time) -> OnClock:
    """Give Vault, which begins no rotation."""
    return OnClock(store, time, lambda secret, token: None)
