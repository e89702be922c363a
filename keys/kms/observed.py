"""A key as KMS has it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from .client import KmsClient


class ObservedKey(NamedTuple):
    """What KMS tells of one key in one Region."""

    key_id: str
    arn: str
    #: ``Enabled``, ``Disabled``, ``PendingDeletion``, ``Creating``…
    state: str
    created: datetime
    #: What it can do: only ``SYMMETRIC_DEFAULT`` keys with AWS's own material rotate by themselves.
    spec: str
    origin: str
    #: When it will be deleted, if that is scheduled.
    deletion: datetime | None
    multi_region: bool
    #: Regions that have a replica.
    replica_regions: frozenset[str]
    tags: Mapping[str, str]
    policy: Mapping[str, Any]
    #: Days between rotations; ``None``: it is not rotated.
    rotation_days: int | None

    @property
    def enabled(self) -> bool:
        """Whether it works, or is about to."""
        return self.state in {"Enabled", "Creating", "Updating"}

    @property
    def rotates(self) -> bool:
        """Whether KMS can rotate it."""
        return self.spec == "SYMMETRIC_DEFAULT" and self.origin == "AWS_KMS"


#: KMS's period where an answer names none.
_USUAL_PERIOD = 365


def observe(client: KmsClient, region: str, key_id: str) -> ObservedKey:
    """Ask for all that is compared.

    Raises:
        StoreError: KMS does not answer, or refuses; ``KmsRefused`` with ``NotFound``: no such key.
    """
    metadata = client.ask("DescribeKey", region, KeyId=key_id)["KeyMetadata"]
    policy = client.ask("GetKeyPolicy", region, KeyId=key_id, PolicyName="default")["Policy"]
    regions = metadata.get("MultiRegionConfiguration", {})
    symmetric = metadata.get("KeySpec") == "SYMMETRIC_DEFAULT"
    return ObservedKey(
        key_id=metadata["KeyId"],
        arn=metadata["Arn"],
        state=metadata["KeyState"],
        created=metadata["CreationDate"],
        spec=metadata["KeySpec"],
        origin=metadata["Origin"],
        deletion=metadata.get("DeletionDate"),
        multi_region=metadata.get("MultiRegion", False),
        replica_regions=frozenset(each["Region"] for each in regions.get("ReplicaKeys", ())),
        tags=tags_of(client, region, key_id),
        policy=json.loads(policy),
        rotation_days=_rotation_days(client, region, key_id) if symmetric else None,
    )


def tags_of(client: KmsClient, region: str, key_id: str) -> dict[str, str]:
    """Ask for a key's tags."""
    pages = client.pages("ListResourceTags", "Tags", region, KeyId=key_id)
    return {tag["TagKey"]: tag["TagValue"] for tag in pages}


def _rotation_days(client: KmsClient, region: str, key_id: str) -> int | None:
    status = client.ask("GetKeyRotationStatus", region, KeyId=key_id)
    if not status["KeyRotationEnabled"]:
        return None
    return int(status.get("RotationPeriodInDays", _USUAL_PERIOD))
