"""Find a rotator by its kind's name, ours or another package's."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from .errors import NotRotatable

if TYPE_CHECKING:
    from .rotator import Rotator

#: A package adds a kind by an entry point of this group that names a subclass of ``Rotator``.
GROUP = "glisecrets.rotators"


def find_rotator(kind: str) -> Rotator:
    """Give the rotator of a kind.

    Raises:
        NotRotatable: there is none of that name, or its module cannot be imported.
    """
    entry_point = _entry_points().get(kind)
    if entry_point is None:
        raise NotRotatable(
            f"there is no rotator {kind!r}", next_step=f"choose one of: {', '.join(kinds())}"
        )
    try:
        rotator: Rotator = entry_point.load()()
    except Exception as error:
        package = entry_point.dist.name if entry_point.dist else "its package"
        raise NotRotatable(
            f"the rotator {kind!r} cannot be loaded: {type(error).__name__}: {error}",
            next_step=f"mend or reinstall {package}",
        ) from error
    return rotator


def kinds() -> list[str]:
    """Give the name of every kind that is installed."""
    return sorted(_entry_points())


@cache
def _entry_points() -> dict[str, EntryPoint]:
    return {entry_point.name: entry_point for entry_point in entry_points(group=GROUP)}
