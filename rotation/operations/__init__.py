"""What a person does by hand: rotate where it is usual, all in an emergency, repair."""

from typing import TYPE_CHECKING

from glisecrets.lazy import lazy as _lazy

if TYPE_CHECKING:
    from .emergency import Emergency, EmergencyRun, begun_before, find_targets, waves
    from .repair import Diagnosis, Remedy, diagnose, mend
    from .ways import rotate

__getattr__, __dir__ = _lazy(
    __name__,
    {
        "emergency": ("Emergency", "EmergencyRun", "begun_before", "find_targets", "waves"),
        "repair": ("Diagnosis", "Remedy", "diagnose", "mend"),
        "ways": ("rotate",),
    },
)

__all__ = [
    "Diagnosis",
    "Emergency",
    "EmergencyRun",
    "Remedy",
    "begun_before",
    "diagnose",
    "find_targets",
    "mend",
    "rotate",
    "waves",
]
