"""Replace a secret's current value, unless somebody else has done so meanwhile."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from ..references import AWSCURRENT

if TYPE_CHECKING:
    from .base import SecretValue, Store, VersionInfo


def replace_current(store: Store, secret: str, value: SecretValue, *, expected: str) -> VersionInfo:
    """Store a value and make it the current one.

    Args:
        store: where the secret is.
        secret: its name.
        value: the new value.
        expected: the id of the version that the value was made from.

    Raises:
        LabelConflict: another version is current by now; the new one stays without a label.
        StoreError: the store refuses, or cannot be asked.
    """
    mark = f"edit-{uuid.uuid4().hex}"
    written = store.put(secret, value, labels=[mark])
    try:
        store.move_label(secret, AWSCURRENT, to=written.version_id, expected=expected)
    finally:
        store.move_label(secret, mark, expected=written.version_id)
    return written
