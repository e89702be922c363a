"""RotationRules: which ones Secrets Manager refuses, and when a secret is due by the others.

Source: "Schedule expressions in Secrets Manager rotation", AWS Secrets Manager user guide. Times
are UTC. Of cron, numbers, ranges, steps and lists are reckoned with; an expression with names,
``L`` or ``#`` is taken, and its next date is not told.
"""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_RATE = re.compile(r"rate\((\d+) (hour|day)s?\)")
#: Minute 0 and any year are what the service takes; in between hour, day, month and weekday.
_CRON = re.compile(r"cron\(0 ([\d,/*-]+) (\S+) (\S+) (\S+) \*\)")
_PART = re.compile(r"(?:[*?]|(\d+)(?:-(\d+))?)?(?:/(\d+))?")
_FIELDS = (range(24), range(1, 32), range(1, 13), range(1, 8))
_DURATION = re.compile(r"([1-9]|1\d|2[0-4])h")
_DAYS, _MIN_RATE, _MAX_RATE = range(1, 1001), timedelta(hours=4), timedelta(days=999)
_HORIZON_DAYS = 366 * 2


def fault(rules: Mapping[str, object]) -> str | None:
    """Tell why the service refuses rules, if it does."""
    days, expression = rules.get("AutomaticallyAfterDays"), rules.get("ScheduleExpression")
    one = (days is None) != (expression is None)
    if not one or (days is not None and days not in _DAYS):
        return "You can specify AutomaticallyAfterDays, 1 to 1000, or ScheduleExpression."
    if expression is not None and not _is_schedule(str(expression)):
        return "The ScheduleExpression is not valid."
    if "Duration" in rules and not _DURATION.fullmatch(str(rules["Duration"])):
        return "The Duration is not valid."
    return None


def next_rotation(rules: Mapping[str, object], last: datetime, now: datetime) -> datetime | None:
    """Tell by when a secret is rotated next, which is when the next window ends.

    Args:
        rules: rules without a :func:`fault`.
        last: when the secret was rotated last, or made.
        now: the time, aware.
    """
    days = f"rate({rules.get('AutomaticallyAfterDays')} days)"
    expression = str(rules.get("ScheduleExpression", days))
    period = _period(expression)
    begins = last + period if period else _next_by_cron(expression, now)
    if begins is None:
        return None
    if "Duration" in rules:
        return begins + timedelta(hours=int(str(rules["Duration"])[:-1]))
    return datetime.combine(begins, time(23, 59, 59), begins.tzinfo)


def _is_schedule(expression: str) -> bool:
    period, cron = _period(expression), _CRON.fullmatch(expression)
    if period is not None:
        return _MIN_RATE <= period <= _MAX_RATE
    # One of day and weekday has to be left open.
    return cron is not None and (cron[2] == "?") != (cron[4] == "?")


def _period(expression: str) -> timedelta | None:
    rate = _RATE.fullmatch(expression)
    return timedelta(**{f"{rate[2]}s": int(rate[1])}) if rate else None


def _next_by_cron(expression: str, after: datetime) -> datetime | None:
    cron = _CRON.fullmatch(expression)
    if cron is None:
        return None
    hours, days, months, weekdays = map(_numbers, cron.groups(), _FIELDS)
    today = after.replace(hour=0, minute=0, second=0, microsecond=0)
    coming = (today + timedelta(days=number) for number in range(_HORIZON_DAYS))
    windows = (
        day + timedelta(hours=hour)
        for day in coming
        if day.month in months and day.day in days and day.isoweekday() % 7 + 1 in weekdays
        for hour in hours
    )
    return next((window for window in windows if window > after), None)


def _numbers(field: str, numbers: range) -> list[int]:
    """Give which numbers a field of a cron expression lists; none where it has letters."""
    matches = [_PART.fullmatch(part) for part in field.split(",")]
    listed = [_range(numbers, *match.groups()) for match in matches if match]
    return [number for number in numbers if any(number in part for part in listed)]


def _range(numbers: range, first: str | None, last: str | None, step: str | None) -> range:
    end = last or (first if step is None else None) or numbers[-1]
    return range(int(first or numbers[0]), int(end) + 1, int(step or 1))
