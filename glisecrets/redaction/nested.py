"""Redacting inside nested structures: log event dicts, Sentry events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

#: Levels of nesting that are followed. Sentry's deepest own path has about a dozen.
MAX_DEPTH = 50

_SEQUENCES = (list, tuple, set, frozenset)
_TOO_DEEP = "[redacted: nested too deep]"
_CYCLE = "[redacted: refers to itself]"


def rebuilt(
    value: Any, redact: Callable[[str], str], redact_bytes: Callable[[bytes], bytes]
) -> Any:
    """Give a copy of a structure with each text and bytes in it replaced.

    Each container is copied once, however often it is referred to, so the work is linear.
    """
    # The containers stand beside their copies to keep them alive, or an id could come again.
    copies: dict[int, tuple[object, object]] = {}

    def visit(value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return redact(value)
        if isinstance(value, bytes | bytearray):
            return redact_bytes(bytes(value))
        if not isinstance(value, (Mapping, *_SEQUENCES)):
            return value
        if depth == MAX_DEPTH:
            return _TOO_DEEP
        if id(value) not in copies:
            copies[id(value)] = value, _CYCLE
            copies[id(value)] = value, _copied(value, lambda item: visit(item, depth + 1))
        return copies[id(value)][1]

    return visit(value, 0)


def _copied(container: Any, visit: Callable[[Any], Any]) -> Any:
    if isinstance(container, Mapping):
        return {visit(key): visit(item) for key, item in container.items()}
    if isinstance(container, tuple) and (named := getattr(container, "_make", None)):
        return named(map(visit, container))
    kind = next(kind for kind in _SEQUENCES if isinstance(container, kind))
    return kind(map(visit, container))
