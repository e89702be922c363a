"""What each data class demands of the key that encrypts its data, and of who handles it."""

from __future__ import annotations

from typing import Literal, NamedTuple

from glisecrets.declaration import DataClass


class Demands(NamedTuple):
    """What a data class demands. A key may be stricter, never laxer."""

    #: Days within which the key material is rotated, at the latest.
    rotation_days: int
    #: Days between scheduling a key's deletion and the deletion, at the least.
    deletion_window: int
    #: ``named-roles``: only roles that the key declares. ``account``: whoever in the account IAM
    #: lets use the service that the data lies in.
    decrypted_by: Literal["named-roles", "account"]
    #: ``nowhere``: in no log at all. ``masked``: its presence, its name, its version id.
    #: ``internal-logs``: as it is, in logs that are themselves encrypted and stay inside.
    logged: Literal["nowhere", "masked", "internal-logs"]


_DEMANDS = {
    DataClass.HIGHLY_CONFIDENTIAL: Demands(365, 30, "named-roles", "nowhere"),
    DataClass.CONFIDENTIAL: Demands(365, 30, "account", "masked"),
    DataClass.INTERNAL: Demands(365, 7, "account", "internal-logs"),
}


def demands_of(data_class: DataClass) -> Demands:
    """Give what a data class demands (production operations guide, section 1)."""
    return _DEMANDS[data_class]
