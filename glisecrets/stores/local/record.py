"""What the local store knows of one secret except its values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..labels import Labels

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

#: The local store's scheme, for errors.
STORE = "local"


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """One version without its value."""

    created: datetime
    #: Empty for a deprecated version.
    labels: frozenset[str] = frozenset()
    #: Registered by RotateSecret and not written yet: such a version reads as not found.
    empty: bool = False


@dataclass(frozen=True, slots=True)
class SecretRecord:
    """Everything known of one secret except its values."""

    name: str
    created: datetime
    #: When any part of it last changed.
    changed: datetime
    #: The six random characters that end its ARN.
    suffix: str
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    #: When ``AWSCURRENT`` last moved from one version to another.
    rotated: datetime | None = None
    #: When it will be deleted, if that is scheduled.
    deletes: datetime | None = None
    #: The rotation set-up as RotateSecret was given it, with ``RotationEnabled``; ``None``: never.
    rotation: Mapping[str, object] | None = None
    #: Version id -> version, oldest first.
    versions: Mapping[str, StoredVersion] = field(default_factory=dict)

    @property
    def labels(self) -> Labels:
        """Which version carries which labels."""
        versions = {version_id: version.labels for version_id, version in self.versions.items()}
        return Labels(STORE, self.name, versions)
