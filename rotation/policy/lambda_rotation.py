"""Secrets Manager's own rotation: its schedule, its Lambda, and rotating by it.

Source: API references of RotateSecret and of Lambda's AddPermission; "Permissions for the
rotation function" in the Secrets Manager user guide, for ``SourceAccount``.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple

from glisecrets.errors import InvalidRequest
from glisecrets.references import AWSCURRENT, AWSPENDING, Arn
from glisecrets.stores.aws import AwsStore

from ..errors import NotRotatable, RotationBusy
from ..providers.aws import AwsRefused, ask_aws, aws_client
from ..standing import unfinished

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.client import BaseClient

    from glisecrets.stores.base import Store

    from ..subject import Clock

#: Who invokes the Lambda, and the name of the permission that we add.
PRINCIPAL, STATEMENT = "secretsmanager.amazonaws.com", "glisecrets-secretsmanager"

#: Seconds to wait for a Lambda's rotation, and between two looks at it.
PATIENCE, INTERVAL = 300.0, 2.0
#: For so long a read may not show a rotation that has begun.
_LAG = 20.0


class RotationSetup(NamedTuple):
    """What Secrets Manager was told about one secret's rotation."""

    enabled: bool
    #: The Lambda's ARN; empty without one.
    function: str
    #: RotationRules of RotateSecret.
    rules: Mapping[str, str]


class LambdaRotation:
    """The rotation that an account's Secrets Manager does; a class, for its calls share a store."""

    def __init__(self, store: AwsStore) -> None:
        self._store = store

    @classmethod
    def of(cls, store: Store) -> LambdaRotation | None:
        """Give it for a store that is Secrets Manager; ``None`` for others."""
        return cls(store) if isinstance(store, AwsStore) else None

    def setup(self, secret: str) -> RotationSetup:
        """Tell how a secret's rotation is set up.

        Raises:
            StoreError: Secrets Manager does not describe it.
        """
        told = self._store.connection.call("DescribeSecret", secret)
        rules = told.get("RotationRules", {})
        kept = {key: rules[key] for key in ("ScheduleExpression", "Duration") if key in rules}
        return RotationSetup(
            told.get("RotationEnabled", False), told.get("RotationLambdaARN", ""), kept
        )

    def set_up(
        self, secret: str, function: str, rules: Mapping[str, str], *, at_once: bool
    ) -> None:
        """Turn rotation on.

        Args:
            secret: the secret.
            function: the Lambda's ARN.
            rules: RotationRules.
            at_once: rotate now, too; else only ``testSecret`` runs.

        Raises:
            StoreError: Secrets Manager refuses.
        """
        self._rotate_secret(
            secret, RotationLambdaARN=function, RotationRules=rules, RotateImmediately=at_once
        )

    def untag(self, secret: str, names: list[str]) -> None:
        """Take tags off."""
        self._store.connection.call(
            "UntagResource", secret, None, {"SecretId": secret, "TagKeys": names}
        )

    def may_invoke(self, function: str) -> bool:
        """Tell whether Secrets Manager may invoke a Lambda.

        Raises:
            ProviderRefused: Lambda does not tell; or :class:`Unreachable`.
        """
        try:
            policy = ask_aws(self._lambda(), "GetPolicy", FunctionName=function)["Policy"]
        except AwsRefused as error:
            if error.code == "ResourceNotFoundException":  # neither has one without a policy
                return False
            raise
        return any(_allows(statement) for statement in json.loads(policy)["Statement"])

    def permit(self, function: str, secret_arn: str) -> None:
        """Let Secrets Manager of a secret's account invoke a Lambda.

        Raises:
            ProviderRefused: Lambda refuses, or there is no such function.
        """
        arn = Arn.parse(secret_arn)
        ask_aws(
            self._lambda(),
            "AddPermission",
            FunctionName=function,
            StatementId=STATEMENT,
            Action="lambda:InvokeFunction",
            Principal=PRINCIPAL,
            SourceAccount=arn.account if arn else "",
        )

    def rotate(self, secret: str, clock: Clock) -> str:
        """Have the Lambda rotate a secret now, and wait for it; give the new version's id.

        An unfinished rotation is taken up again and followed instead.

        Raises:
            RotationBusy: it has not finished after :data:`PATIENCE` seconds.
            NotRotatable: it has ended without a new version.
            StoreError: Secrets Manager refuses.
        """
        token = str(uuid.uuid4())
        try:
            self._rotate_secret(secret, ClientRequestToken=token)
        except InvalidRequest:
            pending = unfinished(self._store.describe(secret))
            if pending is None:
                raise
            token = pending
        return self._followed(secret, token, clock)

    def _followed(self, secret: str, token: str, clock: Clock) -> str:
        waited, seen = 0.0, False
        while waited <= PATIENCE:
            description = self._store.describe(secret)
            if description.labelled(AWSCURRENT) == token:
                return token
            pending = AWSPENDING in description.versions.get(token, ())
            # What is read may lag behind: that it has ended is known once it was seen to begin.
            if not pending and (seen or waited > _LAG):
                raise _ended(secret)
            seen = seen or pending
            clock.pause(INTERVAL)
            waited += INTERVAL
        raise RotationBusy(
            f"{secret}: its Lambda has not finished the rotation after {PATIENCE:.0f} s",
            next_step="read the Lambda's log; Secrets Manager tries again by itself, or:"
            f" glisecrets rotate run {secret} --here",
        )

    def _rotate_secret(self, secret: str, **params: Any) -> None:
        self._store.connection.call("RotateSecret", secret, None, {"SecretId": secret, **params})

    def _lambda(self) -> BaseClient:
        connection = self._store.connection
        return aws_client("lambda", region=connection.where, profile=connection.options.profile)


def _ended(secret: str) -> NotRotatable:
    return NotRotatable(
        f"{secret}: its Lambda's rotation has ended without a new version",
        next_step=f"read the Lambda's log, then: glisecrets rotate repair {secret}",
    )


def _allows(statement: Mapping[str, Any]) -> bool:
    principal = statement.get("Principal")
    service = principal.get("Service") if isinstance(principal, dict) else principal
    return statement.get("Effect") == "Allow" and service == PRINCIPAL
