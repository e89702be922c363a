"""Where a rotation stands, by the labels alone: pure decisions, no input or output.

Source: the RotateSecret and PutSecretValue pages of the Secrets Manager API reference, and the
order in which AWS's own rotation templates look at labels before a step.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from glisecrets.references import AWSCURRENT, AWSPENDING, AWSPREVIOUS

from .errors import NotRotatable, StaleRotation, Superseded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from glisecrets.stores.base import SecretDescription, SecretVersion


#: A value that this process proposed carries a label of this, the id of the version that it is to
#: replace, and its own id: Secrets Manager registers what it begins itself, nobody does it for us.
#: A label is on one version at most, so each proposal has its own.
AFTER = "glisecrets:after:"


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
    check_turned_on(description)
    if token == description.labelled(AWSCURRENT):
        return Standing.DONE
    if token == unfinished(description) and not outdated(description, token):
        return Standing.UNDER_WAY
    raise StaleRotation(
        f"{description.name}: version {token} is not the one that rotates; nothing was changed",
        next_step="nothing to do if another rotation has finished: glisecrets rotate status",
    )


def check_turned_on(description: SecretDescription) -> None:
    """Refuse to rotate a secret whose rotation somebody has turned off.

    Raises:
        NotRotatable: it is turned off.
    """
    if description.rotation_enabled is False:
        raise NotRotatable(
            f"{description.name}: its rotation is turned off",
            next_step="turn it on again: glisecrets rotate apply",
        )


def unfinished(description: SecretDescription) -> str | None:
    """Give the token of a rotation that is under way, or ``None``: see :func:`ended`."""
    pending = description.labelled(AWSPENDING)
    return None if pending in ended(description) else pending


def proposed(description: SecretDescription) -> str | None:
    """Give the version that was proposed here and has not become ``AWSPENDING``, or ``None``."""
    waiting = (version for version in description.versions if after_labels(description, version))
    return next((version for version in waiting if version not in ended(description)), None)


def ended(description: SecretDescription) -> set[str]:
    """Give the versions that were rotated to and still have a label for it.

    ``AWSPENDING`` may stay on the current one. And it may come to the previous one again, by a run
    that slept just before it took the label, while others rotated to that version and on: to a
    store, a label that has gone is as one that has not come yet.
    """
    labelled = (description.labelled(label) for label in (AWSCURRENT, AWSPREVIOUS))
    return {version for version in labelled if version}


def begun(
    description: SecretDescription, token: str, created: Mapping[str, datetime | None]
) -> datetime | None:
    """Tell when the rotation with a token began; ``None`` if nothing says.

    Args:
        description: of the secret.
        token: the rotation's.
        created: when each version was written. An empty one, which RotateSecret registers, is in
            no list of them.
    """
    return created.get(token) or description.changed


def outdated(description: SecretDescription, token: str) -> bool:
    """Tell whether a version was proposed to replace one that is not current any more."""
    labels = after_labels(description, token)
    bases = {label.removeprefix(AFTER).partition(":")[0] for label in labels}
    return bool(bases) and description.labelled(AWSCURRENT) not in bases


def after_label(base: str, token: str) -> str:
    """Give the label of a version that is to replace another."""
    return f"{AFTER}{base}:{token}"


def after_labels(description: SecretDescription, token: str) -> list[str]:
    """Give the labels of a version that tell what it is to replace."""
    return [label for label in description.versions.get(token, ()) if label.startswith(AFTER)]


def rotation_labels(description: SecretDescription, token: str) -> list[str]:
    """Give the labels of a version that it has for the length of a rotation."""
    pending = [AWSPENDING] if token == description.labelled(AWSPENDING) else []
    return [*pending, *after_labels(description, token)]


def check_not_superseded(secret: str, current: SecretVersion, pending: SecretVersion) -> None:
    """Refuse to go on if the current version was written after the pending one.

    Raises:
        Superseded: somebody put a value by hand meanwhile; the two may not fit together.
    """
    if current.created and pending.created and current.created > pending.created:
        raise superseded(secret, current.version_id, pending.version_id)


def superseded(secret: str, current: str, pending: str) -> Superseded:
    """Make the error for a current version that the pending one does not know of."""
    return Superseded(
        f"{secret}: version {current} was made current by hand while the rotation with version"
        f" {pending} was under way; both are kept",
        next_step=f"find out which one is accepted: glisecrets rotate repair {secret}",
    )
