"""Between the store's words and those of the JSON protocol: requests, answers and errors."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import (
    AccessDenied,
    LabelConflict,
    SecretExists,
    SecretNotFound,
    StoreError,
    StoreUnavailable,
    Undecryptable,
)
from ..stores.base import MAX_VALUE_BYTES
from ..stores.local.rules import RotationUnderWay, ScheduledForDeletion
from .schedules import next_rotation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ..stores.base import SecretValue
    from ..stores.local.record import SecretRecord

#: An answer's JSON object. It may hold a value.
Answer = dict[str, Any]


class WireError(Exception):
    """An error as Secrets Manager answers it: a code and a text, never a value."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """One request's operation and parameters. It may hold a value, so it has no ``repr``."""

    operation: str
    parameters: Mapping[str, Any]

    @classmethod
    def parse(cls, target: str, body: bytes) -> Request:
        """Read a request; a body that is no JSON object has no parameters."""
        parameters: object = None
        with suppress(ValueError):
            parameters = json.loads(body)
        return cls(
            target.removeprefix("secretsmanager."),
            parameters if isinstance(parameters, dict) else {},
        )

    def __getitem__(self, name: str) -> Any:
        if name not in self.parameters:
            raise WireError("InvalidParameterException", f"You must provide {name}.")
        return self.parameters[name]

    def get(self, name: str, default: object = None) -> Any:
        """Give a parameter, or the default."""
        return self.parameters.get(name, default)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The names or ARNs that the request is about, as they stand there."""
        one = self.get("SecretId") or self.get("Name")
        return (one,) if one else tuple(self.get("SecretIdList", ()))

    @property
    def tags(self) -> dict[str, str]:
        """The tags that the request gives."""
        return {tag["Key"]: tag["Value"] for tag in self.get("Tags", ())}

    def value(self) -> SecretValue | None:
        """Give the value that the request carries, or ``None``.

        Raises:
            WireError: both kinds of value are given, or the value is too long.
        """
        text, binary = self.get("SecretString"), self.get("SecretBinary")
        if text is not None and binary is not None:
            raise WireError(
                "InvalidParameterException",
                "You can't specify both a binary secret value and a string secret value in the"
                " same secret.",
            )
        value: SecretValue | None = text if binary is None else _decoded(binary)
        field = "secretString" if binary is None else "secretBinary"
        if value is not None and len(value) > MAX_VALUE_BYTES:
            raise WireError(
                "ValidationException",
                f"1 validation error detected: Value at '{field}' failed to satisfy constraint:"
                f" Member must have length less than or equal to {MAX_VALUE_BYTES}",
            )
        return value


def value_fields(value: SecretValue) -> dict[str, str]:
    """Give a value as the field that an answer carries it in."""
    if isinstance(value, str):
        return {"SecretString": value}
    return {"SecretBinary": base64.b64encode(value).decode()}


def labels_by_version(record: SecretRecord) -> dict[str, list[str]]:
    """Give the labelled versions as answers have them: version id -> labels."""
    return {vid: sorted(labels) for vid, labels in record.labels.labelled.items()}


def description(record: SecretRecord, arn: str, now: datetime) -> dict[str, object]:
    """Give what DescribeSecret and ListSecrets tell alike."""
    rotation = record.rotation or {}
    rules: Any = rotation.get("RotationRules")
    last = record.rotated or record.created
    enabled = rotation.get("RotationEnabled")
    dates = {
        "CreatedDate": record.created,
        "LastChangedDate": record.changed,
        "DeletedDate": record.deletes,
        "LastRotatedDate": record.rotated if enabled else None,
        "NextRotationDate": next_rotation(rules, last, now) if enabled and rules else None,
    }
    return {
        "ARN": arn,
        "Name": record.name,
        **({"Description": record.description} if record.description else {}),
        **rotation,
        **{name: date.timestamp() for name, date in dates.items() if date is not None},
        "Tags": [{"Key": key, "Value": value} for key, value in record.tags.items()],
    }


def wire_error(error: StoreError) -> WireError:
    """Turn a store's error into the one that Secrets Manager answers in its place."""
    kinds: dict[type[StoreError], tuple[str, int]] = {
        ScheduledForDeletion: ("InvalidRequestException", 400),
        SecretNotFound: ("ResourceNotFoundException", 400),
        SecretExists: ("ResourceExistsException", 400),
        LabelConflict: ("InvalidParameterException", 400),
        Undecryptable: ("DecryptionFailure", 400),
        AccessDenied: ("AccessDeniedException", 400),
        StoreUnavailable: ("InternalServiceError", 500),
    }
    fitting = (answer for kind, answer in kinds.items() if isinstance(error, kind))
    code, status = next(fitting, ("InvalidRequestException", 400))
    return WireError(code, _message(error), status)


def _message(error: StoreError) -> str:
    """Give the service's own text where programs are known to look at it."""
    if isinstance(error, ScheduledForDeletion):
        return "You can't perform this operation on the secret because it was marked for deletion."
    if isinstance(error, RotationUnderWay):
        return "A previous rotation isn't complete. That rotation will be reattempted."
    if isinstance(error, SecretNotFound):
        version = f" value for version or staging label: {error.version}" if error.version else ""
        return f"Secrets Manager can't find the specified secret{version}."
    return error.message


def _decoded(text: str) -> bytes:
    # Judged outside the handler, away from an error that could hold the text.
    with suppress(ValueError):
        return base64.b64decode(text, validate=True)
    raise WireError("SerializationException", "SecretBinary is not base64")
