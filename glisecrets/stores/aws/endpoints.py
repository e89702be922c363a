r"""botocore's ``endpoints.json``, less the services that a session never talks to.

The file has 1.2 MB and holds some 400 services; parsing it all takes longer than the rest of
making a client. It is cut by its lines before it is parsed: a line break within a JSON string is
written ``\n``, so no line can look like the head of ``services`` without being one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_SERVICES_OPEN, _SERVICES_CLOSE = b'\n    "services" : {\n', b"\n    }"
_SERVICE_OPEN, _SERVICE_CLOSE = b'\n      "%s" : {', b"\n      }"


def endpoints_of(text: bytes, services: tuple[str, ...]) -> dict[str, Any] | None:
    """Read the file with these services only.

    Args:
        text: the file.
        services: endpoint prefixes; the first must be in the first partition.

    Returns:
        ``None`` if the file is not laid out as known, so that it must be parsed whole.
    """
    pieces, position = [], 0
    while (opening := text.find(_SERVICES_OPEN, position)) >= 0:
        start = opening + len(_SERVICES_OPEN) - 1
        end = text.find(_SERVICES_CLOSE, start)
        pieces += [text[position:start], b",".join(_kept(text, start, end, services))]
        position = end
    try:
        found: dict[str, Any] = json.loads(b"".join([*pieces, text[position:]]))
    except ValueError:
        return None
    return found if _is_sound(found, len(pieces) // 2, services[0]) else None


def _kept(text: bytes, start: int, end: int, services: tuple[str, ...]) -> Iterator[bytes]:
    for service in services:
        opening = text.find(_SERVICE_OPEN % service.encode(), start, end)
        if opening >= 0:
            closing = text.find(_SERVICE_CLOSE, opening, end)
            yield text[opening : closing + len(_SERVICE_CLOSE)]


def _is_sound(found: dict[str, Any], cuts: int, service: str) -> bool:
    """Tell whether each partition was cut once, and the cut left what we came for."""
    partitions = found.get("partitions", [])
    return cuts == len(partitions) > 0 and service in partitions[0].get("services", {})
