"""The operations of Secrets Manager that change, with the API reference's names in snake case."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from ..errors import SecretNotFound
from ..references import AWSCURRENT
from ..stores.local import rules
from .wire import WireError

if TYPE_CHECKING:
    from ..stores.local.record import SecretRecord
    from .account import Account
    from .wire import Answer, Request

#: Days of a deletion's recovery window (API reference).
_RECOVERY_DAYS = range(7, 31)


def create_secret(account: Account, request: Request) -> Answer:
    """Make a secret, with or without a first version."""
    name, value = request["Name"], request.value()
    account.faults.check_secret(request.operation, name)
    info = account.store.create(
        name,
        value,
        token=request.get("ClientRequestToken"),
        tags=request.tags,
        description=request.get("Description", ""),
    )
    account.appeared(name)
    answer = account.named(account.store.record(name))
    return answer if value is None else answer | {"VersionId": info.version_id}


def put_secret_value(account: Account, request: Request) -> Answer:
    """Write a version and move labels to it."""
    value = request.value()
    if value is None:
        raise WireError(
            "InvalidRequestException", "You must provide either SecretString or SecretBinary."
        )
    record, token = account.to_change(request), request.get("ClientRequestToken")
    account.rotations.check_token(token, request.get("RotationToken"))
    info = account.store.put(
        record.name,
        value,
        token=token,
        labels=request.get("VersionStages", [AWSCURRENT]),
    )
    answer = {"VersionId": info.version_id, "VersionStages": sorted(info.labels)}
    return account.named(record) | answer


def update_secret(account: Account, request: Request) -> Answer:
    """Change the description, and write a version where the request has a value."""
    if "Description" in request.parameters:
        account.change(request, partial(replace, description=request["Description"]))
    if request.value() is not None:
        answer = put_secret_value(account, request)
        return {name: answer[name] for name in ("ARN", "Name", "VersionId")}
    return account.named(account.to_change(request))


def update_secret_version_stage(account: Account, request: Request) -> Answer:
    """Move a label, or take it off."""
    label, to = request["VersionStage"], request.get("MoveToVersionId")
    if label == AWSCURRENT and to is None:
        raise WireError(
            "InvalidParameterException",
            "You can only move staging label AWSCURRENT to a different secret version."
            " It can't be completely removed.",
        )

    def rule(record: SecretRecord) -> SecretRecord:
        # The present holder has to be named only when the label leaves it.
        stays = to if record.labels.holder(label) == to else None
        expected = request.get("RemoveFromVersionId", stays)
        return rules.label_moved(record, label, to=to, expected=expected, now=account.faults.now())

    return account.named(account.change(request, rule))


def tag_resource(account: Account, request: Request) -> Answer:
    """Add or overwrite tags."""
    account.change(request, partial(rules.tagged, tags=request.tags, now=account.faults.now()))
    return {}


def untag_resource(account: Account, request: Request) -> Answer:
    """Take tags off."""
    keys = set(request["TagKeys"])

    def rule(record: SecretRecord) -> SecretRecord:
        kept = {key: value for key, value in record.tags.items() if key not in keys}
        return replace(record, tags=kept)

    account.change(request, rule)
    return {}


def delete_secret(account: Account, request: Request) -> Answer:
    """Schedule a secret's deletion, or delete it at once."""
    now, days = account.faults.now(), request.get("RecoveryWindowInDays", 30)
    force = request.get("ForceDeleteWithoutRecovery", False)
    if days not in _RECOVERY_DAYS or (force and "RecoveryWindowInDays" in request.parameters):
        raise WireError(
            "InvalidParameterException",
            "RecoveryWindowInDays is 7 to 30, and not given with ForceDeleteWithoutRecovery.",
        )
    if force:
        return _delete_now(account, request) | {"DeletionDate": now.timestamp()}
    deletes = now + timedelta(days=days)
    record = account.change(request, partial(rules.deletion_scheduled, deletes=deletes, now=now))
    return account.named(record) | {"DeletionDate": deletes.timestamp()}


def restore_secret(account: Account, request: Request) -> Answer:
    """Take a scheduled deletion back."""
    rule = partial(rules.deletion_cancelled, now=account.faults.now())
    return account.named(account.change(request, rule))


def _delete_now(account: Account, request: Request) -> Answer:
    """Delete at once: also what is not there, as the service does."""
    try:
        record = account.to_change(request)
    except SecretNotFound:
        return {"Name": request["SecretId"]}
    account.store.delete(record.name)
    return account.named(record)
