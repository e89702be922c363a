"""What the kinds share whose provider mints the value, or makes it known in its own time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ..rotator import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from glisecrets.stores.base import SecretValue

    from ..rotator import Rotation

#: How long a key that no version holds may still be on its way into one.
YOUTH = timedelta(minutes=5)

#: Seconds in which a new key becomes known to all of a provider's machines; for AWS about 15
#: (aws-sdk-js#559); and between two probes of it.
_SETTLING, _BETWEEN_PROBES = 60.0, 3.0


def ids_held(
    rotation: Rotation, id_of: Callable[[Rotation, SecretValue | None], str | None]
) -> set[str]:
    """Give the ids of the keys that versions hold.

    Args:
        rotation: of the secret.
        id_of: gives the id in a value; ``None`` for one that was written by hand without any.
    """
    values = [*rotation.held(), rotation.current, rotation.pending, rotation.previous]
    return set(filter(None, (id_of(rotation, value) for value in values)))


def settled(rotation: Rotation, value: SecretValue, ask: Callable[[], Verdict]) -> Verdict:
    """Ask for a verdict; while a new value may still be unknown, ask again.

    Args:
        rotation: the value is waited for if it is the one that is pending.
        value: what is asked about.
        ask: asks once.
    """
    verdict = ask()
    waited = 0.0 if value == rotation.pending else _SETTLING
    while verdict is Verdict.REJECTED and waited < _SETTLING:
        rotation.pause(_BETWEEN_PROBES)
        waited += _BETWEEN_PROBES
        verdict = ask()
    return verdict
