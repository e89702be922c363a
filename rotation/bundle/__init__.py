"""The Lambda's zip: what is in it, and how its packages are found."""

from typing import TYPE_CHECKING

from glisecrets.lazy import lazy as _lazy

if TYPE_CHECKING:
    from .building import BundleReport, build_bundle
    from .wheels import Target

__getattr__, __dir__ = _lazy(
    __name__,
    {
        "building": ("BundleReport", "build_bundle"),
        "wheels": ("Target",),
    },
)

__all__ = [
    "BundleReport",
    "Target",
    "build_bundle",
]
