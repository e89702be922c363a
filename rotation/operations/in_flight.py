"""Working on many secrets at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_T = TypeVar("_T")
_R = TypeVar("_R")

#: Secrets that are worked on at the same time; as many as a store keeps connections.
IN_FLIGHT = 8


def in_flight(work: Callable[[_T], _R], items: Iterable[_T]) -> list[_R]:
    """Do the same work for every item, some at the same time; give the results in order."""
    with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="rotation") as pool:
        return list(pool.map(work, items))
