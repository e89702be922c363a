"""Which texts stand for a value that is still to be given."""

from __future__ import annotations

import re

__all__ = ["BUILD_MARK", "is_placeholder"]

#: What every textual placeholder of the build phase holds.
BUILD_MARK = "glisecrets-build-placeholder"

_PLACEHOLDER = re.compile(r"\s*(?:<[^<>]*>|changeme)?\s*", re.IGNORECASE)


def is_placeholder(text: str | None) -> bool:
    """Tell whether a text is no value: absent, blank, ``<…>`` or ``changeme`` in any case.

    Nothing else is, however invented it looks: a text taken for a placeholder by mistake would
    make a value vanish.
    """
    return text is None or _PLACEHOLDER.fullmatch(text) is not None
