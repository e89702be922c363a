"""An IAM user and its access keys, as IAM tells of them: for :mod:`.iam_access_key`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, NamedTuple

from ..providers.aws import AwsRefused, ask_aws, aws_client
from .minting import YOUTH

if TYPE_CHECKING:
    from datetime import datetime

    from botocore.client import BaseClient

    from ..rotator import Rotation


class Use(NamedTuple):
    """When and where a key was used last; IAM learns it some minutes later."""

    when: datetime
    service: str
    region: str

    def __str__(self) -> str:
        return f"last used {self.when:%F %R} UTC by {self.service} in {self.region}"


class AccessKey(NamedTuple):
    """One access key, without its secret half."""

    id: str
    active: bool
    created: datetime
    last_use: Use | None

    def may_be_on_its_way(self, now: datetime) -> bool:
        """Tell whether a run may have minted it just now, and be about to store it."""
        return self.last_use is None and now - self.created <= YOUTH

    def told(self, now: datetime) -> str:
        """Give its id, state, age and last use, for messages."""
        state = "active" if self.active else "inactive"
        age = (now - self.created).days
        return f"{self.id} ({state}, {age} days old, {self.last_use or 'never used'})"


@dataclass(frozen=True, slots=True)
class IamUser:
    """An IAM user, asked about with the credentials of whoever rotates."""

    name: str
    iam: BaseClient

    @classmethod
    def of(cls, rotation: Rotation, key_id: str) -> IamUser:
        """Give the user that the option ``user`` names, else the one whom a key is of.

        Raises:
            NotRotatable: nothing names the user, and IAM does not know the key.
        """
        iam = aws_client("iam")
        name = rotation.options.get("user")
        name = name or _unless_gone(iam, "GetAccessKeyLastUsed", AccessKeyId=key_id).get("UserName")
        if name:
            return cls(name, iam)
        raise rotation.unusable(
            f"IAM does not know the current key {key_id}, nor so its user",
            "name the IAM user in the tag glisecrets:user",
        )

    def keys(self) -> list[AccessKey]:
        """Give the user's keys, inactive ones too."""
        listed = ask_aws(self.iam, "ListAccessKeys", UserName=self.name)["AccessKeyMetadata"]
        return [
            AccessKey(
                id=key["AccessKeyId"],
                active=key["Status"] == "Active",
                created=key["CreateDate"],
                last_use=self.last_use(key["AccessKeyId"]),
            )
            for key in listed
        ]

    def last_use(self, key_id: str) -> Use | None:
        """Tell a key's last use; ``None`` if there was none, or no such key."""
        told = _unless_gone(self.iam, "GetAccessKeyLastUsed", AccessKeyId=key_id)
        use = told.get("AccessKeyLastUsed", {})
        if "LastUsedDate" not in use:
            return None
        return Use(use["LastUsedDate"].astimezone(UTC), use["ServiceName"], use["Region"])

    def mint(self) -> dict[str, Any]:
        """Make a key; the answer is the only place where its secret half ever stands."""
        key: dict[str, Any] = ask_aws(self.iam, "CreateAccessKey", UserName=self.name)["AccessKey"]
        return key

    def switch(self, key_id: str, status: str) -> None:
        """Make a key ``Active`` or ``Inactive``; one that is gone stays so."""
        key = {"UserName": self.name, "AccessKeyId": key_id}
        _unless_gone(self.iam, "UpdateAccessKey", **key, Status=status)

    def delete(self, key_id: str) -> None:
        """Delete a key; one that is gone stays so."""
        _unless_gone(self.iam, "DeleteAccessKey", UserName=self.name, AccessKeyId=key_id)


def _unless_gone(iam: BaseClient, action: str, **params: str) -> dict[str, Any]:
    """Ask IAM; what concerns a key that is gone gives nothing."""
    try:
        return ask_aws(iam, action, **params)
    except AwsRefused as error:
        if error.code != "NoSuchEntity":
            raise
    return {}
