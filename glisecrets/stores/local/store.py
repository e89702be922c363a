"""The local store: the port of :mod:`glisecrets.stores.base` over a folder."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import (
    InvalidRequest,
    SecretNotFound,
    StoreError,
    Undecryptable,
)
from ...references import AWSCURRENT, Arn
from ..base import SecretDescription, SecretVersion, VersionInfo
from ..labels import check_size, version_token
from . import rules
from .encryption import KEY_VARIABLE, Cipher, GivenKey, KeyFile, KeySource
from .file import LedgerFile
from .options import key_source, nearest_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ...references import Address
    from ..base import SecretValue
    from .ledger import Ledger
    from .rules import SecretRecord

__all__ = ["LocalStore"]


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
        self._key: KeySource = key or KeyFile(folder / "key")
        self._unlocked: tuple[bytes, Cipher] | None = None

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
        with self._file.reading() as ledger:
            return self._read(ledger, address)

    def get_many(self, addresses: Iterable[Address]) -> dict[Address, SecretVersion | StoreError]:
        """Read many versions in one consistent view; one that fails maps to its error."""
        wanted = list(dict.fromkeys(addresses))
        try:
            with self._file.reading() as ledger:
                return {address: self._read_or_error(ledger, address) for address in wanted}
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
        with self._file.writing() as ledger:
            ledger.delete_due(now)
            record = rules.created(
                ledger.load(secret), secret, version_id, now, description=description, tags=tags
            )
            if value is not None:
                return self._write(ledger, record, version_id, value, {AWSCURRENT}, now)
            ledger.save(record)
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
        with self._file.writing() as ledger:
            record = self._existing(ledger, secret)
            return self._write(ledger, record, version_id, value, labels, now)

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
        return (record.name for record in self.records(prefix) if record.deletes is None)

    def tag(self, secret: str, tags: Mapping[str, str]) -> None:
        """Add or overwrite tags."""
        self.change(secret, partial(rules.tagged, tags=tags, now=_now()))

    def delete(self, secret: str) -> None:
        """Delete a secret and all its versions at once."""
        with self._file.writing() as ledger:
            ledger.delete(self._existing(ledger, secret).name)

    def close(self) -> None:
        """Forget the key. Files are open only while a method runs."""
        self._unlocked = None

    def record(self, secret: str) -> SecretRecord:
        """Give everything known of a secret except its values.

        Raises:
            SecretNotFound: there is no such secret. One scheduled for deletion is still given.
        """
        with self._file.reading() as ledger:
            return self._existing(ledger, secret)

    def records(self, prefix: str = "") -> list[SecretRecord]:
        """Give the records of all secrets whose names start with a prefix, in order."""
        with self._file.reading() as ledger:
            return [self._existing(ledger, name) for name in ledger.names(prefix)]

    def change(self, secret: str, rule: Callable[[SecretRecord], SecretRecord]) -> SecretRecord:
        """Put a rule of :mod:`.rules` into effect, alone among all processes.

        Raises:
            SecretNotFound: there is no such secret.
            StoreError: whatever the rule raises; then nothing has changed.
        """
        with self._file.writing() as ledger:
            before = self._existing(ledger, secret)
            after = rule(before)
            if after is not before:
                ledger.save(after)
            return after

    def _existing(self, ledger: Ledger, secret: str) -> SecretRecord:
        arn = Arn.parse(secret)
        record = ledger.load(arn.name if arn else secret)
        if record is None:
            raise SecretNotFound(
                f"no secret {secret!r} in the local store {self.location}",
                store=self.scheme,
                secret=secret,
                next_step="list the names that are there: glisecrets store list",
            )
        return record

    def _read(self, ledger: Ledger, address: Address) -> SecretVersion:
        record = self._existing(ledger, address.secret)
        version_id = rules.version_wanted(record, address)
        value = self._stored(ledger, record.name, version_id)
        if value is None:  # the record said otherwise: someone edited the file
            raise rules.no_version(record, version_id)
        version = record.versions[version_id]
        return SecretVersion(address.secret, version_id, value, version.labels, version.created)

    def _read_or_error(self, ledger: Ledger, address: Address) -> SecretVersion | StoreError:
        try:
            return self._read(ledger, address)
        except StoreError as error:
            return error

    def _write(
        self,
        ledger: Ledger,
        record: SecretRecord,
        version_id: str,
        value: SecretValue,
        labels: Iterable[str],
        now: datetime,
    ) -> VersionInfo:
        _check_value(record.name, value)
        stored = self._stored(ledger, record.name, version_id)
        same = None if stored is None else (type(stored), stored) == (type(value), value)
        after = rules.written(record, version_id, labels, same=same, now=now)
        if after is not record:
            ledger.save(after)
            sealed = self._cipher(ledger).seal(value, secret=record.name, version_id=version_id)
            ledger.seal(record.name, version_id, sealed)
        version = after.versions[version_id]
        return VersionInfo(version_id, version.labels, version.created)

    def _stored(self, ledger: Ledger, name: str, version_id: str) -> SecretValue | None:
        sealed = ledger.sealed(name, version_id)
        if sealed is None:
            return None
        return self._cipher(ledger).open(sealed, secret=name, version_id=version_id)

    def _cipher(self, ledger: Ledger) -> Cipher:
        """Give the cipher under this store's key, making the key with the store's first value."""
        check = ledger.key_check
        if self._unlocked and self._unlocked[0] == check:
            return self._unlocked[1]
        key = self._key.read()
        if check is None:
            cipher = Cipher(key or self._key.make())
            check = ledger.key_check = cipher.check()
        else:
            cipher = self._fitting(key, check)
        self._unlocked = check, cipher
        return cipher

    def _fitting(self, key: bytes | None, check: bytes) -> Cipher:
        if key is not None:
            cipher = Cipher(key)
            if cipher.fits(check):
                return cipher
        raise Undecryptable(
            f"{self._key.place} is "
            + ("gone" if key is None else f"the wrong key for the local store {self.location}"),
            store=self.scheme,
            next_step=f"put the store's own key back; {KEY_VARIABLE} overrides the key file",
        )


def _check_value(secret: str, value: SecretValue) -> None:
    # Judged outside the handler: a UnicodeEncodeError would hold the value.
    usable = False
    with suppress(UnicodeEncodeError):
        usable = bool(value.encode() if isinstance(value, str) else value)
    if not usable:
        raise InvalidRequest(
            f"{secret}: the value is empty, or text that UTF-8 cannot express",
            store=LocalStore.scheme,
            secret=secret,
            next_step="give at least one byte, and bytes for what is not text",
        )
    check_size(value, store=LocalStore.scheme, secret=secret)


def _now() -> datetime:
    return datetime.now(UTC)
