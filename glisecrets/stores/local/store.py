"""The local store: the port of :mod:`glisecrets.stores.base` over a folder."""

from __future__ import annotations

import os
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import StoreError
from ...references import AWSCURRENT
from ..base import SecretDescription, VersionInfo
from ..labels import version_token
from . import rules
from .encryption import CipherOfStore
from .file import LedgerFile
from .key_sources import KEY_VARIABLE, GivenKey, KeyFile
from .options import key_source, nearest_folder
from .transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ...references import Address
    from ..base import SecretValue, SecretVersion
    from .key_sources import KeySource
    from .record import SecretRecord


class LocalStore:
    """A store in a folder of this machine, with the label rules of the real Secrets Manager.

    It keeps no connection, so it may be shared by threads, used after ``fork``, and opened by
    many processes at once. A secret may also be asked for by ARN: the name within it counts.

    Args:
        folder: where ``store.db`` and the key file are; made, with mode 0700, by the first write.
        key: 32 bytes, or where they come from; default the key file ``folder/key``.
    """

    scheme = "local"

    def __init__(self, folder: Path, *, key: bytes | KeySource | None = None) -> None:
        self.location = str(folder)
        self._file = LedgerFile(folder)
        if isinstance(key, bytes):
            key = GivenKey(key)
        self._cipher = CipherOfStore(key or KeyFile(folder / "key"))

    @classmethod
    def from_options(
        cls,
        path: str,
        options: Mapping[str, str],
        *,
        directory: Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> LocalStore:
        """Open the store that ``local:path?options`` names.

        The key comes from ``GLISECRETS_LOCAL_KEY``; else from the OS keyring, if the option is
        ``key=keyring``; else from the key file.

        Args:
            path: the folder; empty: the nearest ``.secrets`` up to the repository's root.
            options: ``key`` is ``file`` or ``keyring``.
            directory: where a relative path and the search start; default the current directory.
            environ: the variables to read; default ``os.environ``.

        Raises:
            ConfigurationError: an unknown option, or a variable that holds no key.
        """
        environ = os.environ if environ is None else environ
        start = (directory or Path()).absolute()
        folder = start / Path(path).expanduser() if path else nearest_folder(start)
        return cls(folder, key=key_source(folder, options, environ.get(KEY_VARIABLE)))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.location}>"

    def get(self, address: Address) -> SecretVersion:
        """Read one version: see :meth:`glisecrets.stores.base.Store.get`."""
        with self.reading() as transaction:
            return transaction.get(address)

    def get_many(self, addresses: Iterable[Address]) -> dict[Address, SecretVersion | StoreError]:
        """Read many versions in one consistent view; one that fails maps to its error."""
        wanted = list(dict.fromkeys(addresses))
        try:
            with self.reading() as transaction:
                return {address: transaction.get_or_error(address) for address in wanted}
        except StoreError as error:  # the file as a whole: locked, damaged, closed to us
            return dict.fromkeys(wanted, error)

    def create(
        self,
        secret: str,
        value: SecretValue | None,
        *,
        token: str | None = None,
        tags: Mapping[str, str] | None = None,
        description: str = "",
    ) -> VersionInfo:
        """Make a secret: see :meth:`glisecrets.stores.base.Store.create`.

        Without a value, as CreateSecret allows, it has no version yet.
        """
        now, version_id = _now(), version_token(token, store=self.scheme, secret=secret)
        with self.writing() as transaction:
            transaction.ledger.delete_due(now)
            present = transaction.ledger.load(secret)
            record = rules.created(
                present, secret, version_id, now, description=description, tags=tags
            )
            if value is not None:
                return transaction.write(record, version_id, value, {AWSCURRENT}, now)
            transaction.ledger.save(record)
            return VersionInfo(version_id)

    def put(
        self,
        secret: str,
        value: SecretValue,
        *,
        token: str | None = None,
        labels: Iterable[str] = (AWSCURRENT,),
    ) -> VersionInfo:
        """Write a version: see :meth:`glisecrets.stores.base.Store.put`."""
        now, version_id = _now(), version_token(token, store=self.scheme, secret=secret)
        with self.writing() as transaction:
            record = transaction.record(secret)
            return transaction.write(record, version_id, value, labels, now)

    def move_label(
        self, secret: str, label: str, *, to: str | None = None, expected: str | None = None
    ) -> None:
        """Move a label: see :meth:`glisecrets.stores.base.Store.move_label`."""
        move = partial(rules.label_moved, label=label, to=to, expected=expected, now=_now())
        self.change(secret, move)

    def describe(self, secret: str) -> SecretDescription:
        """Tell about a secret: see :meth:`glisecrets.stores.base.Store.describe`."""
        record = self.record(secret)
        return SecretDescription(
            name=record.name,
            versions=record.labels.labelled,
            tags=record.tags,
            created=record.created,
            changed=record.changed,
            rotated=record.rotated,
            rotation_enabled=bool(record.rotation["RotationEnabled"]) if record.rotation else None,
        )

    def versions(self, secret: str, *, include_deprecated: bool = False) -> list[VersionInfo]:
        """List versions: see :meth:`glisecrets.stores.base.Store.versions`."""
        record = self.record(secret)
        listed = [
            VersionInfo(version_id, version.labels, version.created)
            for version_id, version in record.versions.items()
        ]
        return [info for info in reversed(listed) if info.labels or include_deprecated]

    def names(self, prefix: str = "") -> Iterator[str]:
        """List names: see :meth:`glisecrets.stores.base.Store.names`."""
        with self.reading() as transaction:
            return iter(transaction.ledger.names(prefix))

    def tag(self, secret: str, tags: Mapping[str, str]) -> None:
        """Add or overwrite tags."""
        self.change(secret, partial(rules.tagged, tags=tags, now=_now()))

    def delete(self, secret: str) -> None:
        """Delete a secret and all its versions at once."""
        with self.writing() as transaction:
            transaction.ledger.delete(transaction.record(secret).name)

    def close(self) -> None:
        """Forget the key. Files are open only while a method runs."""
        self._cipher.forget()

    def record(self, secret: str) -> SecretRecord:
        """Give everything known of a secret except its values.

        Raises:
            SecretNotFound: there is no such secret. One scheduled for deletion is still given.
        """
        with self.reading() as transaction:
            return transaction.record(secret)

    def change(self, secret: str, rule: Callable[[SecretRecord], SecretRecord]) -> SecretRecord:
        """Put a rule of :mod:`.rules` into effect, alone among all processes.

        Raises:
            SecretNotFound: there is no such secret.
            StoreError: whatever the rule raises; then nothing has changed.
        """
        with self.writing() as transaction:
            before = transaction.record(secret)
            after = rule(before)
            if after is not before:
                transaction.ledger.save(after)
            return after

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Open one consistent view for several reads; empty before the first write."""
        with self._file.reading() as ledger:
            yield Transaction(ledger, self._cipher)

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """Open the store for changes, alone among all processes; commits unless left raising."""
        with self._file.writing() as ledger:
            yield Transaction(ledger, self._cipher)


def _now() -> datetime:
    return datetime.now(UTC)
