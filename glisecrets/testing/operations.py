"""The operations of Secrets Manager, by their names on the wire.

Requests and answers are those of the API reference, key for key. Left out are replication,
resource policies and KMS keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import StoreError
from . import reading, rotating, writing
from .wire import WireError, wire_error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .account import Account
    from .wire import Answer, Request

_OPERATIONS: Mapping[str, Callable[[Account, Request], Answer]] = {
    "BatchGetSecretValue": reading.batch_get_secret_value,
    "CancelRotateSecret": rotating.cancel_rotate_secret,
    "CreateSecret": writing.create_secret,
    "DeleteSecret": writing.delete_secret,
    "DescribeSecret": reading.describe_secret,
    "GetRandomPassword": reading.get_random_password,
    "GetSecretValue": reading.get_secret_value,
    "ListSecretVersionIds": reading.list_secret_version_ids,
    "ListSecrets": reading.list_secrets,
    "PutSecretValue": writing.put_secret_value,
    "RestoreSecret": writing.restore_secret,
    "RotateSecret": rotating.rotate_secret,
    "TagResource": writing.tag_resource,
    "UntagResource": writing.untag_resource,
    "UpdateSecret": writing.update_secret,
    "UpdateSecretVersionStage": writing.update_secret_version_stage,
}


def answer(account: Account, request: Request) -> Answer:
    """Do what a request asks.

    Raises:
        WireError: the error to answer instead.
    """
    operation = _OPERATIONS.get(request.operation)
    if operation is None:
        raise WireError("UnknownOperationException", request.operation)
    try:
        return operation(account, request)
    except StoreError as error:
        refusal = wire_error(error)
    raise refusal
