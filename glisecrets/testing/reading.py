"""The operations of Secrets Manager that read, with the API reference's names in snake case."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import StoreError
from .listing import matching, page
from .passwords import random_password
from .wire import WireError, description, labels_by_version, wire_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..stores.local.transaction import Transaction
    from .account import Account
    from .wire import Answer, Request

#: Secrets in one BatchGetSecretValue (API reference).
_MAX_BATCH = 20


def get_secret_value(account: Account, request: Request) -> Answer:
    """Read one version."""
    with account.store.reading() as transaction:
        return account.entry(
            transaction,
            request["SecretId"],
            version_id=request.get("VersionId"),
            label=request.get("VersionStage"),
        )


def batch_get_secret_value(account: Account, request: Request) -> Answer:
    """Read the current versions of up to 20 secrets; what fails stands in ``Errors``."""
    answer: Answer = {"SecretValues": [], "Errors": []}
    with account.store.reading() as transaction:
        secret_ids, more = _batch(transaction, request)
        for secret_id in secret_ids:
            try:
                answer["SecretValues"].append(account.entry(transaction, secret_id))
            except (StoreError, WireError) as error:
                answer["Errors"].append(_batch_error(secret_id, error))
    return answer | more


def describe_secret(account: Account, request: Request) -> Answer:
    """Tell about a secret, without any value."""
    with account.store.reading() as transaction:
        record = account.seen(transaction, request["SecretId"], request.operation)
    answer = description(record, account.arn(record), account.faults.now())
    return answer | {"VersionIdsToStages": labels_by_version(record)}


def list_secrets(account: Account, request: Request) -> Answer:
    """List secrets that fit all filters, in order of their names."""
    with account.store.reading() as transaction:
        scheduled = request.get("IncludePlannedDeletion", False)
        names = transaction.ledger.names(scheduled=scheduled)
        records = [transaction.record(name) for name in names]
    listed, more = page(matching(records, request.get("Filters", ())), request, size=100)
    entries = [
        description(record, account.arn(record), account.faults.now())
        | {"SecretVersionsToStages": labels_by_version(record)}
        for record in listed
    ]
    return {"SecretList": entries} | more


def list_secret_version_ids(account: Account, request: Request) -> Answer:
    """List a secret's versions, newest first; deprecated ones on demand."""
    with account.store.reading() as transaction:
        record = account.seen(transaction, request["SecretId"], request.operation)
    deprecated_too = request.get("IncludeDeprecated", False)
    versions = [
        {
            "VersionId": version_id,
            "VersionStages": sorted(version.labels),
            "CreatedDate": version.created.timestamp(),
        }
        for version_id, version in reversed([*record.versions.items()])
        if version.labels or deprecated_too
    ]
    listed, more = page(versions, request, size=100)
    return account.named(record) | {"Versions": listed} | more


def get_random_password(_account: Account, request: Request) -> Answer:
    """Make a password."""
    return {"RandomPassword": random_password(request)}


def _batch(transaction: Transaction, request: Request) -> tuple[Sequence[str], dict[str, str]]:
    """Give the secrets that a batch is for, and the answer's ``NextToken`` field."""
    secret_ids, filters = request.get("SecretIdList"), request.get("Filters")
    if (secret_ids is None) == (filters is None):
        raise WireError(
            "InvalidParameterException", "You must provide either SecretIdList or Filters."
        )
    if filters is not None:
        records = [transaction.record(name) for name in transaction.ledger.names()]
        names = [record.name for record in matching(records, filters)]
        return page(names, request, size=_MAX_BATCH)
    if "MaxResults" in request.parameters or not 1 <= len(secret_ids) <= _MAX_BATCH:
        raise WireError(
            "InvalidParameterException",
            f"SecretIdList has 1 to {_MAX_BATCH} entries and goes without MaxResults.",
        )
    return list(dict.fromkeys(secret_ids)), {}


def _batch_error(secret_id: str, error: StoreError | WireError) -> dict[str, str]:
    refusal = wire_error(error) if isinstance(error, StoreError) else error
    return {"SecretId": secret_id, "ErrorCode": refusal.code, "Message": refusal.message}
