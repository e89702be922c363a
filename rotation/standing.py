"""Where a rotation stands, by the labels alone: pure decisions, no input or output.

Source: the RotateSecret and PutSecretValue pages of the Secrets Manager API reference, and the
order in which AWS's own rotation templates look at labels before a step.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from glisecrets.references import AWSCURRENT, AWSPENDING

from .errors import NotRotatable, StaleRotation, Superseded

if TYPE_CHECKING:
    from glisecrets.stores.base import SecretDescription, SecretVersion


class Standing(Enum):
    """How far the rotation of one token has come."""

    #: The token's version is ``AWSPENDING``.
    UNDER_WAY = auto()
    #: It is ``AWSCURRENT``: only the cleaning is left.
    DONE = auto()


def standing(description: SecretDescription, token: str) -> Standing:
    """Tell where the rotation with a token stands.

    Raises:
        NotRotatable: rotation is turned off for this secret.
        StaleRotation: no version has this token, or it is not the one that is rotating.
    """
    if description.rotation_enabled is False:
        raise NotRotatable(
            f"{description.name}: its rotation is turned off",
            secret=description.name,
            next_step="turn it on again: glisecrets rotate apply",
        )
    labels = description.versions.get(token)
    if labels is not None and AWSCURRENT in labels:
        return Standing.DONE
    if labels is not None and AWSPENDING in labels:
        return Standing.UNDER_WAY
    known = "is not AWSPENDING" if labels is not None else "carries no label, or does not exist"
    raise StaleRotation(
        f"{description.name}: version {token} {known}; nothing was changed",
        secret=description.name,
        next_step="nothing to do if another rotation has finished: glisecrets rotate status",
    )


def unfinished(description: SecretDescription) -> str | None:
    """Give the token of a rotation that is under way, or ``None``.

    ``AWSPENDING`` may stay on the current version after a rotation: that one has ended.
    """
    pending = description.labelled(AWSPENDING)
    return None if pending == description.labelled(AWSCURRENT) else pending


def check_not_superseded(secret: str, current: SecretVersion, pending: SecretVersion) -> None:
    """Refuse to go on if the current version was written after the pending one.

    Raises:
        Superseded: somebody put a value by hand meanwhile; the two may not fit together.
    """
    if not (current.created and pending.created and current.created > pending.created):
        return
    raise Superseded(
        f"{secret}: version {current.version_id} was made current by hand while the rotation with"
        f" version {pending.version_id} was under way; both are kept",
        secret=secret,
        next_step=f"find out which one is accepted: glisecrets rotate repair {secret}",
    )
