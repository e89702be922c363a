"""When Secrets Manager is to rotate: a cron expression for a period, and the hours of a night.

Cron, for with ``rate()`` a rotation of an earlier schedule may still run after a change (API
reference of RotateSecret, RotationRules). Cron cannot say "every 90 days", only which months,
days and hours; so a period becomes the rarest of these that keeps it:

=================  ======================  ==========================
period             rotated                 longest gap, in days
=================  ======================  ==========================
from 362 days      once a year             366
from 180, 119, 88  every 6, 4, 3 months    184, 123, 92
from 58, 27        every 2 months, monthly 62, 31
from 7 days        every week              7
from 1 day         every day               1
from 4 hours       every 12, 8, 6, 4 h     the same
=================  ======================  ==========================

Months are uneven, so a gap may be up to four days (:data:`GRACE`) longer than the period. Day,
month and hour follow from the secret's name, so that not all of them change in one night.

Source: "Schedule expressions in Secrets Manager rotation", Secrets Manager user guide: minute 0,
any year, UTC; at least 4 hours, at most a year apart; a window must end on its day.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import NamedTuple
from zlib import crc32

from glisecrets.errors import ConfigurationError

#: How much later than its period a secret may be rotated: 92 days are a quarter, too.
GRACE = timedelta(days=4)

#: Months between two rotations, and the longest that so many months take.
_MONTHS = {12: 366, 6: 184, 4: 123, 3: 92, 2: 62, 1: 31}
_SHORTEST, _LONGEST = timedelta(hours=4), timedelta(days=1000)
_HOURS_OF_DAY = 24
_WINDOW = re.compile(r"(\d{1,2})-(\d{1,2})")


class Window(NamedTuple):
    """The hours, in UTC, in which a rotation may begin."""

    start: int
    end: int

    @classmethod
    def parse(cls, text: str) -> Window:
        """Read ``17-21``: from 17:00 to 21:00 UTC.

        Raises:
            ConfigurationError: no such hours, or the window goes past midnight UTC.
        """
        match = _WINDOW.fullmatch(text)
        window = cls(int(match[1]), int(match[2])) if match else cls(0, 0)
        if 0 <= window.start < window.end <= _HOURS_OF_DAY:
            return window
        raise ConfigurationError(
            f"the window {text!r} is none: it begins and ends on one day, in UTC",
            next_step="write hours from 0 to 24, the earlier one first: 17-21 is 02:00 to 06:00"
            " in Seoul",
        )


#: The small hours in Seoul.
USUAL_WINDOW = Window(17, 21)


def rotation_rules(period: timedelta, window: Window, secret: str) -> dict[str, str]:
    """Give the RotationRules of RotateSecret.

    Args:
        period: how often it is to be rotated.
        window: at what hours; below a day it does not count.
        secret: its name, which the day depends on.

    Raises:
        ConfigurationError: below four hours, or over 1000 days.
    """
    if not _SHORTEST <= period <= _LONGEST:
        raise ConfigurationError(
            f"{secret}: Secrets Manager rotates every 4 hours to 1000 days, not every {period}",
            next_step="change rotate_every",
        )
    number = crc32(secret.encode())
    if period < timedelta(days=1):
        every = max(hours for hours in (12, 8, 6, 4) if timedelta(hours=hours) <= period)
        return {
            "ScheduleExpression": f"cron(0 {number % every}/{every} * * ? *)",
            "Duration": "1h",
        }
    return {
        "ScheduleExpression": f"cron(0 {window.start} {_days(period, number)} *)",
        "Duration": f"{window.end - window.start}h",
    }


def grace(period: timedelta) -> timedelta:
    """Give how late a rotation may be, since months are uneven; shorter periods have none."""
    return GRACE if period + GRACE >= timedelta(days=_MONTHS[1]) else timedelta()


def _days(period: timedelta, number: int) -> str:
    for months, longest in _MONTHS.items():
        if timedelta(days=longest) <= period + GRACE:
            first = number % months + 1
            listed = ",".join(map(str, range(first, 13, months))) if months > 1 else "*"
            return f"{number % 28 + 1} {listed} ?"
    return f"? * {number % 7 + 1}" if period >= timedelta(weeks=1) else "* * ?"
