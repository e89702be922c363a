"""Schedules for Secrets Manager: cron for a period, and the window."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glisecrets.errors import ConfigurationError
from glisecrets.rotation.policy.schedule import GRACE, Window, grace, rotation_rules
from glisecrets.testing import schedules

#: Two leap years, and a century's first year that is one.
FIRST, YEARS = datetime(1999, 1, 1, tzinfo=UTC), 6


def starts(expression: str) -> list[datetime]:
    """Give every hour of some years that an expression names: read field by field, hour by hour."""
    _, hours, days, months, weekdays, _ = expression.removeprefix("cron(").rstrip(")").split()

    def fits(text: str, number: int) -> bool:
        if text in {"*", "?"}:
            return True
        if "/" in text:
            start, step = map(int, text.split("/"))
            return number >= start and (number - start) % step == 0
        return str(number) in text.split(",")

    found = []
    moment = FIRST
    while moment.year < FIRST.year + YEARS:
        weekday = moment.isoweekday() % 7 + 1
        if (
            fits(hours, moment.hour)
            and fits(days, moment.day)
            and fits(months, moment.month)
            and fits(weekdays, weekday)
        ):
            found.append(moment)
        moment += timedelta(hours=1)
    return found


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(["4h", "5h", "13h", *range(1, 40), 60, 87, 88, 90, 120, 180, 183, 365, 400]),
    st.text("abcdefgh/-", min_size=1, max_size=20),
)
def test_no_secret_waits_longer_than_its_period_and_the_grace(period: int | str, name: str) -> None:
    """Months are uneven: at most four days are added, and nothing to periods below a month."""
    hours = int(period[:-1]) if isinstance(period, str) else period * 24
    wanted = timedelta(hours=hours)
    rules = rotation_rules(wanted, Window(17, 21), name)
    assert schedules.fault(rules) is None
    gaps = [b - a for a, b in itertools.pairwise(starts(rules["ScheduleExpression"]))]
    assert max(gaps) <= wanted + grace(wanted)
    assert max(gaps) > wanted / 8


@pytest.mark.parametrize(
    ("days", "times_a_year"), [(365, 1), (180, 2), (120, 3), (90, 4), (60, 6), (30, 12), (87, 6)]
)
def test_the_guides_periods_are_the_calendars(days: int, times_a_year: int) -> None:
    """90, 180 and 365 days are a quarter, a half and a year."""
    rules = rotation_rules(timedelta(days=days), Window(17, 21), "gli/db/production")
    assert len(starts(rules["ScheduleExpression"])) == times_a_year * YEARS


def test_secrets_are_spread_and_each_keeps_its_day() -> None:
    """Two hundred passwords do not change in one night; a second plan changes nothing."""
    names = [f"gli/{number}/production" for number in range(200)]
    found = [rotation_rules(timedelta(days=90), Window(17, 21), name) for name in names]
    assert len({rules["ScheduleExpression"] for rules in found}) > 50
    again = [rotation_rules(timedelta(days=90), Window(17, 21), name) for name in names]
    assert again == found


def test_the_window_is_written_as_its_beginning_and_its_length() -> None:
    """From 17:00 UTC, for four hours: 02:00 to 06:00 in Seoul."""
    rules = rotation_rules(timedelta(days=90), Window.parse("17-21"), "gli/db/production")
    assert rules["ScheduleExpression"].startswith("cron(0 17 ")
    assert rules["Duration"] == "4h"
    assert Window.parse("0-24") == (0, 24)


@pytest.mark.parametrize("text", ["22-2", "17-17", "20-25", "-1-3", "17", "17:00-21:00", ""])
def test_a_window_must_end_on_its_utc_day(text: str) -> None:
    """Secrets Manager refuses others, which is told before any call."""
    with pytest.raises(ConfigurationError, match="begins and ends on one day"):
        Window.parse(text)


@pytest.mark.parametrize("period", [timedelta(hours=3), timedelta(days=1001)])
def test_periods_that_secrets_manager_does_not_know_are_refused(period: timedelta) -> None:
    """It rotates every 4 hours at the most often."""
    with pytest.raises(ConfigurationError, match="4 hours to 1000 days"):
        rotation_rules(period, Window(17, 21), "gli/db/production")


def test_the_grace_is_for_months_alone() -> None:
    """A weekly secret is overdue on the eighth day."""
    assert grace(timedelta(days=90)) == GRACE
    assert grace(timedelta(days=7)) == timedelta()
