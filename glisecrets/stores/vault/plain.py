"""Secrets in a KV v1 mount: one value each, no versions and so no labels to move."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import TYPE_CHECKING, Any, NoReturn

from ...errors import InvalidRequest, SecretExists, SecretNotFound
from ...references import AWSCURRENT
from ..base import SecretDescription, SecretVersion, VersionInfo
from .documents import document_of, value_of
from .kv import walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hvac.api.secrets_engines import KvV1

    from ...references import Address
    from ..base import SecretValue
    from .connection import Connection

_CURRENT = frozenset({AWSCURRENT})


class PlainSecrets:
    """The secrets of one KV v1 mount, by their paths within it; the methods are the store's.

    A version's id is a keyed hash of its value: another value has another id, as caches need it,
    and since the key never leaves the process, an id in a log tells nothing of the value.
    """

    def __init__(self, connection: Connection, mount: str) -> None:
        self._connection = connection
        self._mount = mount
        self._key = secrets.token_bytes(32)

    def get(self, path: str, address: Address) -> SecretVersion:
        """Read the only version."""
        document = self._read(path)
        vid = self._id(document)
        if {address.version_id, address.label} - {None, AWSCURRENT, vid}:
            raise SecretNotFound(
                f"{self._name(path)} has no version {address.wanted}: KV v1 keeps no versions",
                store="vault",
                secret=self._name(path),
                version=address.wanted,
                next_step="ask for AWSCURRENT, or upgrade the mount: vault kv enable-versioning",
            )
        return SecretVersion(address.secret, vid, value_of(document), _CURRENT)

    def describe(self, path: str) -> SecretDescription:
        """Tell the one version that there is."""
        return SecretDescription(self._name(path), {self._id(self._read(path)): _CURRENT})

    def names(self, prefix: str) -> Iterator[str]:
        """List the paths that start with a prefix, in order."""
        return walk(self._listed, prefix)

    def create(
        self, path: str, value: SecretValue, token: str | None, tags: Mapping[str, str] | None
    ) -> VersionInfo:
        """Write a new secret; without token and tags, for which KV v1 has no place."""
        if token or tags:
            self._refuse(path)
        try:
            self._read(path)
        except SecretNotFound:
            return self._write(path, value)
        name = self._name(path)
        raise SecretExists(f"{name} exists already", store="vault", secret=name)

    def put(
        self, path: str, value: SecretValue, token: str | None, labels: tuple[str, ...]
    ) -> VersionInfo:
        """Overwrite an existing secret; without a token, and as ``AWSCURRENT`` only."""
        if token or labels != (AWSCURRENT,):
            self._refuse(path)
        self._read(path)
        return self._write(path, value)

    def move_label(self, path: str, *_: str | None) -> None:
        """Refuse: there is no other version."""
        self._refuse(path)

    def versions(self, path: str, *, include_deprecated: bool) -> list[VersionInfo]:  # noqa: ARG002
        """Refuse: there is no history."""
        self._refuse(path)

    def tag(self, path: str, tags: Mapping[str, str]) -> None:  # noqa: ARG002
        """Refuse: there is no metadata."""
        self._refuse(path)

    def delete(self, path: str) -> None:
        """Delete the secret."""
        self._read(path)
        self._call(path, lambda kv: kv.delete_secret(path, self._mount))

    def _refuse(self, path: str) -> NoReturn:
        raise InvalidRequest(
            f"{self._name(path)}: KV v1 keeps no versions",
            store="vault",
            secret=self._name(path),
            next_step=f"upgrade the mount: vault kv enable-versioning {self._mount}",
        )

    def _read(self, path: str) -> dict[str, Any]:
        answer = self._call(path, lambda kv: kv.read_secret(path, self._mount))
        document: dict[str, Any] = answer["data"]
        return document

    def _write(self, path: str, value: SecretValue) -> VersionInfo:
        document = document_of(value)
        self._call(
            path,
            lambda kv: kv.create_or_update_secret(
                path, document, method="POST", mount_point=self._mount
            ),
        )
        return VersionInfo(self._id(document), _CURRENT)

    def _listed(self, folder: str) -> list[str]:
        try:
            answer = self._call(folder, lambda kv: kv.list_secrets(folder, self._mount))
        except SecretNotFound:
            return []
        keys: list[str] = answer["data"]["keys"]
        return keys

    def _call(self, path: str, action: Callable[[KvV1], Any]) -> dict[str, Any]:
        """Call hvac's KV v1 about a secret."""
        return self._connection.call(
            lambda vault: action(vault.secrets.kv.v1), secret=self._name(path)
        )

    def _id(self, document: Mapping[str, Any]) -> str:
        content = json.dumps(document, sort_keys=True).encode()
        return hashlib.blake2b(content, key=self._key, digest_size=16).hexdigest()

    def _name(self, path: str) -> str:
        return f"{self._mount}/{path}"
