"""Durations as text: ``90d``, ``12h``."""

from __future__ import annotations

import re
from datetime import timedelta

from .errors import ConfigurationError

_DURATION = r"(?P<number>[1-9]\d*)(?P<unit>[smhdw])"
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_duration(text: str | timedelta | None) -> timedelta | None:
    """Read ``"90d"``, ``"12h"`` and the like.

    Raises:
        ConfigurationError: neither a duration nor ``None``.
    """
    if text is None or isinstance(text, timedelta):
        return text
    match = re.fullmatch(_DURATION, text)
    if match is None:
        raise ConfigurationError(
            f"{text!r} is not a duration", next_step="write a number and one of s m h d w: 90d"
        )
    return timedelta(**{_UNITS[match["unit"]]: int(match["number"])})
