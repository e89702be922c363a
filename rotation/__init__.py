"""Rotation: every credential replaced on schedule, or at once, with no request failing.

:class:`Rotator` is what a kind of credential must know; :class:`Engine` runs the steps on any
store, in Lambda or in-process (:func:`run`).
"""

from typing import TYPE_CHECKING

from glisecrets.lazy import lazy as _lazy

if TYPE_CHECKING:
    from .engine import Engine, Outcome, Step
    from .errors import (
        LockedOut,
        NotRotatable,
        ProbeRejected,
        ProviderRefused,
        RotationBusy,
        RotationError,
        StaleRotation,
        Superseded,
        Unreachable,
    )
    from .rotator import Rotation, Rotator, Verdict
    from .running import run

__getattr__, __dir__ = _lazy(
    __name__,
    {
        "engine": ("Engine", "Outcome", "Step"),
        "errors": (
            "LockedOut",
            "NotRotatable",
            "ProbeRejected",
            "ProviderRefused",
            "RotationBusy",
            "RotationError",
            "StaleRotation",
            "Superseded",
            "Unreachable",
        ),
        "rotator": ("Rotation", "Rotator", "Verdict"),
        "running": ("run",),
    },
)

__all__ = [
    "Engine",
    "LockedOut",
    "NotRotatable",
    "Outcome",
    "ProbeRejected",
    "ProviderRefused",
    "Rotation",
    "RotationBusy",
    "RotationError",
    "Rotator",
    "StaleRotation",
    "Step",
    "Superseded",
    "Unreachable",
    "Verdict",
    "run",
]
