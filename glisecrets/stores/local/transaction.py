"""What is done to a local store between its opening and its commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import SecretNotFound, StoreError
from ...references import Arn
from ..base import SecretVersion, VersionInfo
from ..labels import check_value
from . import rules

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ...references import Address
    from ..base import SecretValue
    from .encryption import CipherOfStore
    from .ledger import Ledger
    from .record import SecretRecord


class Transaction:
    """Reads and writes with values in the clear, over a :class:`.ledger.Ledger`."""

    def __init__(self, ledger: Ledger, cipher: CipherOfStore) -> None:
        self.ledger = ledger
        self._cipher = cipher

    def record(self, secret: str) -> SecretRecord:
        """Give everything known of a secret except its values.

        Raises:
            SecretNotFound: there is no such secret.
        """
        arn = Arn.parse(secret)
        record = self.ledger.load(arn.name if arn else secret)
        if record is None:
            raise SecretNotFound(
                f"no secret {secret!r} in the local store",
                store="local",
                secret=secret,
                next_step="list the names that are there: glisecrets store list",
            )
        return record

    def get(self, address: Address) -> SecretVersion:
        """Read one version: see :meth:`glisecrets.stores.base.Store.get`."""
        record = self.record(address.secret)
        version_id = rules.version_wanted(record, address)
        value = self._stored(record, version_id)
        if value is None:  # the record said otherwise: someone edited the file
            raise rules.no_version(record, version_id)
        version = record.versions[version_id]
        return SecretVersion(address.secret, version_id, value, version.labels, version.created)

    def get_or_error(self, address: Address) -> SecretVersion | StoreError:
        """Read one version, or give the error that :meth:`get` raises."""
        try:
            return self.get(address)
        except StoreError as error:
            return error

    def write(
        self,
        record: SecretRecord,
        version_id: str,
        value: SecretValue,
        labels: Iterable[str],
        now: datetime,
    ) -> VersionInfo:
        """Write a version: see :func:`.rules.written`.

        Raises:
            SecretExists: the version has another value.
            InvalidRequest: the value is empty or too long, or the rules refuse.
        """
        check_value(value, store="local", secret=record.name)
        stored = self._stored(record, version_id)
        same = None if stored is None else (type(stored), stored) == (type(value), value)
        after = rules.written(record, version_id, labels, same=same, now=now)
        if after is not record:
            self.ledger.save(after)
            cipher = self._cipher.get(self.ledger)
            sealed = cipher.seal(value, secret=record.name, version_id=version_id)
            self.ledger.seal(record.name, version_id, sealed)
        version = after.versions[version_id]
        return VersionInfo(version_id, version.labels, version.created)

    def _stored(self, record: SecretRecord, version_id: str) -> SecretValue | None:
        sealed = self.ledger.sealed(record.name, version_id)
        if sealed is None:
            return None
        cipher = self._cipher.get(self.ledger)
        return cipher.open(sealed, secret=record.name, version_id=version_id)
