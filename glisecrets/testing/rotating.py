"""The operations of Secrets Manager that rotate, with the API reference's names in snake case."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from ..references import AWSPENDING
from ..stores.local import rules
from . import schedules
from .rotations import RotationRun
from .wire import WireError

if TYPE_CHECKING:
    from ..stores.local.record import SecretRecord
    from .account import Account
    from .wire import Answer, Request


def rotate_secret(account: Account, request: Request) -> Answer:
    """Set rotation up and begin one; with ``RotateImmediately`` false, only try the Lambda.

    While an earlier rotation is not complete, that one is taken up again instead.
    """
    token = request.get("ClientRequestToken") or str(uuid.uuid4())
    only_test = not request.get("RotateImmediately", True)

    def rule(record: SecretRecord) -> SecretRecord:
        begun = rules.rotation_begun(record, token, now=account.faults.now())
        return replace(begun, rotation=_rotation(record, request))

    try:
        record = account.change(request, rule)
    except rules.RotationUnderWay as under_way:
        record = account.to_change(request)
        account.rotations.begin(
            RotationRun(record.name, account.arn(record), str(under_way.version))
        )
        raise
    account.rotations.begin(RotationRun(record.name, account.arn(record), token, only_test))
    return account.named(record) | {"VersionId": token}


def cancel_rotate_secret(account: Account, request: Request) -> Answer:
    """Turn rotation off; ``AWSPENDING`` stays where it is."""

    def rule(record: SecretRecord) -> SecretRecord:
        if record.rotation is None:
            raise WireError("InvalidRequestException", "Rotation is not enabled.")
        return replace(record, rotation={**record.rotation, "RotationEnabled": False})

    record = account.change(request, rule)
    pending = record.labels.holder(AWSPENDING)
    return account.named(record) | ({"VersionId": pending} if pending else {})


def _rotation(record: SecretRecord, request: Request) -> dict[str, object]:
    """Give a secret's rotation set-up with what a RotateSecret request adds to it."""
    given = {name: request.get(name) for name in ("RotationLambdaARN", "RotationRules")}
    rotation = {
        **(record.rotation or {}),
        **{name: value for name, value in given.items() if value is not None},
        "RotationEnabled": True,
    }
    if "RotationLambdaARN" not in rotation:
        raise WireError(
            "InvalidRequestException",
            "No Lambda rotation function ARN is associated with this secret.",
        )
    refusal = schedules.fault(request.get("RotationRules", {"AutomaticallyAfterDays": 1}))
    if refusal:
        raise WireError("InvalidParameterException", refusal)
    return rotation
