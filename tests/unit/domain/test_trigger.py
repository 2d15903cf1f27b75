"""Triggers: when something recurs."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mrq.domain.trigger import Cron, Daily, Every, Once, Trigger, cron_error

START = datetime(2026, 1, 1)
PARIS = "Europe/Paris"


def times(trigger: Trigger, after: datetime, many: int) -> list[datetime]:
    found: list[datetime] = []
    while len(found) < many and (following := trigger.following(found[-1] if found else after)) is not None:
        found.append(following)
    return found


def local(moments: list[datetime], zone: str = PARIS) -> list[str]:
    return [moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).strftime("%d %H:%M %Z") for moment in moments]


def test_an_interval_counts_from_its_anchor() -> None:
    every = Every(90.0, START)
    assert times(every, START - timedelta(seconds=1), 3) == [START + timedelta(seconds=n * 90) for n in range(3)]
    assert every.following(START) == START + timedelta(seconds=90)
    assert every.preceding(START + timedelta(seconds=89)) == START
    assert every.preceding(START - timedelta(milliseconds=1)) is None


def test_a_daily_time_that_has_passed_waits_for_tomorrow() -> None:
    daily = Daily(time(3, 30))
    assert daily.following(datetime(2026, 1, 1, 3, 29)) == datetime(2026, 1, 1, 3, 30)
    assert daily.following(datetime(2026, 1, 1, 3, 30)) == datetime(2026, 1, 2, 3, 30)
    assert daily.preceding(datetime(2026, 1, 1, 3, 29)) == datetime(2025, 12, 31, 3, 30)


def test_weekday_and_day_of_the_month_are_both_to_be_met() -> None:
    assert Daily(time(3), weekday=0).following(START) == datetime(2026, 1, 5, 3)
    assert times(Daily(time(3), monthday=31), START, 3) == [datetime(2026, month, 31, 3) for month in (1, 3, 5)]
    assert Daily(time(3), weekday=4, monthday=13).following(START) == datetime(2026, 2, 13, 3)


def test_a_cron_hour_that_never_happens_comes_right_after_the_gap_and_is_not_left_out() -> None:
    found = local(times(Cron("30 2 * * *", PARIS), datetime(2026, 3, 27, 12), 3))
    assert found == ["28 02:30 CET", "29 03:00 CEST", "30 02:30 CEST"]


def test_a_cron_hour_that_happens_twice_comes_once() -> None:
    found = local(times(Cron("30 2 * * *", PARIS), datetime(2026, 10, 23, 12), 3))
    assert found == ["24 02:30 CEST", "25 02:30 CEST", "26 02:30 CET"]


def test_what_recurs_within_the_hour_goes_on_by_real_time_when_an_hour_happens_twice() -> None:
    found = times(Cron("*/30 * * * *", PARIS), datetime(2026, 10, 24, 23, 50), 6)
    assert [b - a for a, b in pairwise(found)] == [timedelta(minutes=30)] * 5
    assert local(found)[:5] == ["25 02:00 CEST", "25 02:30 CEST", "25 02:00 CET", "25 02:30 CET", "25 03:00 CET"]


def test_once_is_once() -> None:
    assert times(Once(START), START - timedelta(days=1), 5) == [START]
    assert Once(START).following(START) is None
    assert Once(START).preceding(START) == START


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [("0 0 31 2 *", "day-of-month"), ("x", "fields"), ("61 * * * *", "minute"), ("0 0 30 2 MON", None)],
)
def test_a_cron_expression_that_is_wrong_or_never_happens_is_explained(expression: str, wrong: str | None) -> None:
    found = cron_error(expression, START)
    assert found is None if wrong is None else wrong in str(found)
    assert cron_error("*/5 * * * *", START) is None


moments = st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)).map(lambda m: m.replace(microsecond=0))
triggers = st.one_of(
    st.builds(Every, st.floats(0.5, 1e6), moments),
    st.builds(Daily, st.times().map(lambda t: t.replace(microsecond=0)), st.none() | st.integers(0, 6)),
    st.builds(
        Cron,
        st.sampled_from(["30 2 * * *", "*/20 * * * *", "0 1-3 * * SUN", "15 */2 * * *", "59 2 28-31 3,10 *"]),
        st.sampled_from(["UTC", PARIS, "America/New_York", "Australia/Lord_Howe"]),
    ),
)


@example(Cron("30 2 * * *", PARIS), datetime(2026, 10, 25, 1, 15, 32))  # asked while an hour happens again
@example(Cron("30 1 * * *", "America/New_York"), datetime(2026, 11, 1, 6, 15))
@example(Cron("30 1 * * *", "Europe/London"), datetime(2026, 10, 25, 1, 10))
@example(Cron("0 */2 * * *", "Australia/Lord_Howe"), datetime(2026, 4, 4, 15, 10))
@example(Cron("* 2 * * *", "Australia/Lord_Howe"), datetime(2026, 10, 3, 15, 29))
@given(triggers, moments)
def test_forwards_and_backwards_are_the_same_times(trigger: Trigger, moment: datetime) -> None:
    following = trigger.following(moment)
    assert following is not None
    assert following > moment
    assert trigger.preceding(following) == following
    before = trigger.preceding(following - timedelta(milliseconds=1))
    if before is not None:
        assert before <= moment
        assert trigger.following(before) == following
