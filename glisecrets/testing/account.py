"""One account's secrets, as the operations of Secrets Manager find, show and change them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..errors import SecretNotFound
from ..references import Address
from ..stores.local import rules
from .wire import value_fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..stores.local import LocalStore
    from ..stores.local.record import SecretRecord
    from ..stores.local.transaction import Transaction
    from .faults import Faults
    from .rotations import Rotations
    from .wire import Answer, Request

_ARN_SUFFIX = re.compile(r"-[A-Za-z0-9]{6}$")


class Account:
    """One account's secrets in one region. A class, for it remembers what stale reads show.

    Args:
        store: where the secrets are.
        faults: what goes wrong.
        arn_prefix: what the secrets' ARNs start with, up to ``:secret:``.
        rotations: what follows when RotateSecret has registered a version.
    """

    def __init__(
        self,
        store: LocalStore,
        faults: Faults,
        *,
        arn_prefix: str,
        rotations: Rotations,
    ) -> None:
        self.store = store
        self.faults = faults
        self._arn_prefix = arn_prefix
        self.rotations = rotations
        #: Each secret as it was before its last change here; ``None``: it did not exist.
        self._before: dict[str, SecretRecord | None] = {}

    def record(self, transaction: Transaction, secret_id: str, operation: str) -> SecretRecord:
        """Find a secret by name, by its ARN, or by its ARN without the random suffix."""
        name = secret_id.removeprefix(self._arn_prefix)
        record = transaction.ledger.load(name)
        if record is None and name != secret_id:
            record = transaction.ledger.load(_ARN_SUFFIX.sub("", name))
            if record is not None and self.arn(record) != secret_id:
                record = None
        self.faults.check_secret(operation, record.name if record else name)
        if record is None:
            raise SecretNotFound("no such secret", store="local", secret=secret_id)
        return record

    def seen(self, transaction: Transaction, secret_id: str, operation: str) -> SecretRecord:
        """Find a secret as reads show it: late, while they are stale."""
        record = self.record(transaction, secret_id, operation)
        if not self.faults.stale:
            return record
        before = self._before.get(record.name, record)
        if before is None:
            raise SecretNotFound("not to be seen yet", store="local", secret=secret_id)
        return before

    def entry(
        self,
        transaction: Transaction,
        secret_id: str,
        *,
        version_id: str | None = None,
        label: str | None = None,
    ) -> Answer:
        """Read one version as both reading operations give it."""
        record = self.seen(transaction, secret_id, "GetSecretValue")
        self.faults.check_key(record.name)
        wanted = rules.version_wanted(record, Address(record.name, version_id, label))
        version = transaction.get(Address(record.name, wanted))
        return {
            **self.named(record),
            "VersionId": wanted,
            **value_fields(version.value),
            "VersionStages": sorted(record.versions[wanted].labels),
            "CreatedDate": record.versions[wanted].created.timestamp(),
        }

    def to_change(self, request: Request) -> SecretRecord:
        """Find the secret that a request changes, and keep how it is now for stale reads."""
        with self.store.reading() as transaction:
            record = self.record(transaction, request["SecretId"], request.operation)
        self._before[record.name] = record
        return record

    def change(
        self, request: Request, rule: Callable[[SecretRecord], SecretRecord]
    ) -> SecretRecord:
        """Put a rule into effect on the secret that a request names."""
        return self.store.change(self.to_change(request).name, rule)

    def arn(self, record: SecretRecord) -> str:
        """Give a secret's ARN."""
        return f"{self._arn_prefix}{record.name}-{record.suffix}"

    def named(self, record: SecretRecord) -> Answer:
        """Give the fields that most answers start with."""
        return {"ARN": self.arn(record), "Name": record.name}

    def appeared(self, name: str) -> None:
        """Note that a secret is new, so that stale reads do not show it."""
        self._before[name] = None
