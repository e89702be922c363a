"""The Vault / OpenBao store: which mount a secret lies in, and many reads at once.

A secret is named ``mount/path``, as in ``vault kv get mount/path``. The KV version of a mount, and
where its name ends, is asked for once (``sys/internal/ui/mounts``, which every token may that has
any right in the mount). Policies for the two kinds of programs::

    path "secret/data/gli/db"       { capabilities = ["read"] }            # read AWSCURRENT
    path "secret/data/gli/db/*"     { capabilities = ["read"] }            # … and other labels

    path "secret/data/gli/db"       { capabilities = ["create", "update", "read"] }     # rotate
    path "secret/data/gli/db/*"     { capabilities = ["create", "update", "read"] }
    path "secret/metadata/gli/db"   { capabilities = ["read", "update"] }
    path "secret/metadata/gli/db/*" { capabilities = ["read", "list", "delete"] }
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ...errors import AccessDenied, InvalidRequest, StoreError, StoreUnavailable
from ...references import AWSCURRENT
from ..labels import check_value
from .connection import CONCURRENCY, Connection
from .failures import PolicyDenied
from .kv import Kv2
from .options import VaultOptions
from .plain import PlainSecrets
from .staging import STAGED, STAGES
from .versioned import VersionedSecrets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ...references import Address
    from ..base import SecretDescription, SecretValue, SecretVersion, VersionInfo

    Engine = PlainSecrets | VersionedSecrets

_MOUNTS = "sys/internal/ui/mounts"
_KV_TYPES = ("kv", "generic")
_NO_PARTS = frozenset({"", ".", "..", STAGES, STAGED})


class VaultStore:
    """A :class:`~glisecrets.stores.base.Store` in Vault's or OpenBao's KV v1 and v2."""

    scheme = "vault"

    def __init__(self, options: VaultOptions) -> None:
        self._options = options
        self._connection = Connection(options)
        #: Mount -> its engine, for the mounts asked for so far.
        self._engines: dict[str, Engine] = {}
        self.location = options.location

    @classmethod
    def from_options(
        cls, path: str, options: Mapping[str, str], *, environ: Mapping[str, str] | None = None
    ) -> VaultStore:
        """Open ``vault:<path>?<options>``; Vault is first asked when a secret is.

        Args:
            path: the address (``https://host:8200``); empty takes ``VAULT_ADDR``.
            options: ``namespace``; ``auth`` (``token``, ``approle``, ``kubernetes``, ``jwt``),
                ``auth_mount``, ``role``, ``jwt_file``; ``mount`` and ``kv`` to name a mount and its
                KV version instead of asking for them.
            environ: the variables to read; default ``os.environ``.

        Raises:
            ConfigurationError: an option is unknown or wrong, or there is no address.
        """
        return cls(VaultOptions.read(path, options, os.environ if environ is None else environ))

    def __repr__(self) -> str:
        return f"<VaultStore {self.location}>"

    def get(self, address: Address) -> SecretVersion:
        """Read one version; ``version_id`` may be a KV version number."""
        engine, path = self._found(address.secret)
        return engine.get(path, address)

    def get_many(self, addresses: Iterable[Address]) -> dict[Address, SecretVersion | StoreError]:
        """Read many versions, eight at a time; one that fails maps to its error.

        Once Vault is found unavailable, what has not been asked yet maps to that at once.
        """
        wanted = list(dict.fromkeys(addresses))
        down: list[StoreUnavailable] = []
        with ThreadPoolExecutor(CONCURRENCY, "glisecrets-vault") as threads:
            found = threads.map(lambda address: self._get_or_error(address, down), wanted)
            return dict(zip(wanted, found, strict=True))

    def create(
        self,
        secret: str,
        value: SecretValue,
        *,
        token: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> VersionInfo:
        """Make a new secret; tags become custom metadata."""
        engine, path = self._found(secret)
        check_value(value, store=self.scheme, secret=secret)
        return engine.create(path, value, token, tags)

    def put(
        self,
        secret: str,
        value: SecretValue,
        *,
        token: str | None = None,
        labels: Iterable[str] = (AWSCURRENT,),
    ) -> VersionInfo:
        """Write a version of an existing secret; plain readers see only ``AWSCURRENT``."""
        engine, path = self._found(secret)
        check_value(value, store=self.scheme, secret=secret)
        return engine.put(path, value, token, tuple(labels))

    def move_label(
        self, secret: str, label: str, *, to: str | None = None, expected: str | None = None
    ) -> None:
        """Move a label; moving ``AWSCURRENT`` writes its value as the newest KV version."""
        engine, path = self._found(secret)
        engine.move_label(path, label, to, expected)

    def describe(self, secret: str) -> SecretDescription:
        """Tell about a secret, without any value."""
        engine, path = self._found(secret)
        return engine.describe(path)

    def versions(self, secret: str, *, include_deprecated: bool = False) -> list[VersionInfo]:
        """List a secret's versions, newest first."""
        engine, path = self._found(secret)
        return engine.versions(path, include_deprecated=include_deprecated)

    def names(self, prefix: str = "") -> Iterator[str]:
        """List the names that start with ``prefix``, over all KV mounts that the token may see."""
        for mount, engine in sorted(self._mounts_for(prefix).items()):
            within = prefix.removeprefix(f"{mount}/") if prefix.startswith(f"{mount}/") else ""
            for path in engine.names(within):
                yield f"{mount}/{path}"

    def tag(self, secret: str, tags: Mapping[str, str]) -> None:
        """Add or overwrite tags, which are the document's custom metadata."""
        engine, path = self._found(secret)
        engine.tag(path, tags)

    def delete(self, secret: str) -> None:
        """Delete a secret with all its versions, at once and for ever."""
        engine, path = self._found(secret)
        engine.delete(path)

    def close(self) -> None:
        """Close the connections and forget the token; the store can be used again."""
        self._connection.close()

    def _get_or_error(
        self, address: Address, down: list[StoreUnavailable]
    ) -> SecretVersion | StoreError:
        if down:
            first = down[0]
            return StoreUnavailable(
                first.message, store="vault", secret=address.secret, next_step=first.next_step
            )
        try:
            return self.get(address)
        except StoreError as error:
            if isinstance(error, StoreUnavailable):
                down.append(error)
            return error

    def _found(self, secret: str) -> tuple[Engine, str]:
        """Give the engine of a secret's mount, and the path within it."""
        _check_name(secret)
        mount = next((known for known in self._engines if secret.startswith(f"{known}/")), None)
        if mount is None:
            mount, kv = self._named_mount(secret) or self._asked_mount(secret)
            self._engines.setdefault(mount, self._engine(mount, kv))
        return self._engines[mount], secret.removeprefix(f"{mount}/")

    def _named_mount(self, secret: str) -> tuple[str, int] | None:
        options = self._options
        if options.kv is None:
            return None
        if options.mount and secret.startswith(f"{options.mount}/"):
            return options.mount, options.kv
        return secret.partition("/")[0], options.kv

    def _asked_mount(self, secret: str) -> tuple[str, int]:
        try:
            mount = self._connection.call(
                lambda vault: vault.adapter.get(f"/v1/{_MOUNTS}/{quote(secret)}"), secret=secret
            )["data"]
        except PolicyDenied:
            raise self._no_mount(secret) from None
        if mount["type"] not in _KV_TYPES:
            raise InvalidRequest(
                f"{mount['path']} in Vault is a {mount['type']} mount, not a KV one",
                store=self.scheme,
                secret=secret,
                next_step="name the secret mount/path, with the mount of a KV engine in front",
            )
        return mount["path"].rstrip("/"), _kv_version(mount)

    def _mounts_for(self, prefix: str) -> dict[str, Engine]:
        if "/" in prefix:
            engine, _ = self._found(f"{prefix}x")
            return {mount: known for mount, known in self._engines.items() if known is engine}
        mounts = self._connection.call(lambda vault: vault.adapter.get(f"/v1/{_MOUNTS}"))
        return {
            name.rstrip("/"): self._engine(name.rstrip("/"), _kv_version(mount))
            for name, mount in mounts["data"]["secret"].items()
            if mount["type"] in _KV_TYPES and name.startswith(prefix)
        }

    def _engine(self, mount: str, kv: int) -> Engine:
        if kv == 1:
            return PlainSecrets(self._connection, mount)
        return VersionedSecrets(Kv2(self._connection, mount))

    def _no_mount(self, secret: str) -> AccessDenied:
        mount, _, path = secret.partition("/")
        return AccessDenied(
            f"Vault at {self.location} has no mount for {secret}, or grants nothing in it",
            store=self.scheme,
            secret=secret,
            next_step=f'if {mount} is a KV v2 mount, add to the policy: path "{mount}/data/{path}" '
            '{ capabilities = ["read"] }',
        )


def _kv_version(mount: Mapping[str, Any]) -> int:
    return int((mount.get("options") or {}).get("version", 1))


def _check_name(secret: str) -> None:
    """Refuse what would lead to another path than it seems, or to our own documents."""
    parts = secret.split("/")
    if len(parts) > 1 and not _NO_PARTS.intersection(parts):
        return
    raise InvalidRequest(
        f"{secret!r} cannot be a secret in Vault",
        store="vault",
        secret=secret,
        next_step=f"name it mount/path, without empty parts, '.', '..', '{STAGES}' and '{STAGED}'",
    )
