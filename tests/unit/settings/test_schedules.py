"""SCHEDULER_TASKS: what is accepted, and how what is wrong is explained."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mrq.domain.schedule import Missed, Overlap
from mrq.exceptions import ConfigError
from mrq.settings.schedules import schedules_of

NOW = datetime(2026, 1, 5, 12)
PATH = "tasks.Fetch"


def one(**entry: Any) -> Any:
    return schedules_of([{"path": PATH, **entry}], NOW)[0]


def test_what_mrq_0_9_could_say_is_understood() -> None:
    assert one(interval=60).interval == 60.0
    daily = one(dailytime=time(3, 30), weekday=0, monthday=13, params={"a": 1}, queue="q")
    assert (daily.dailytime, daily.weekday, daily.monthday) == (time(3, 30), 0, 13)
    assert (daily.params, daily.queue) == ({"a": 1}, "q")
    assert one(dailytime=datetime(2020, 1, 1, 3, 30)).dailytime == time(3, 30)


def test_what_it_could_not_say_is_understood_too() -> None:
    schedule = one(
        cron="30 2 * * *", timezone="Europe/Paris", name="nightly", jitter=30, missed="all", missed_limit=5,
        overlap="skip", start=datetime(2026, 2, 1), end=datetime(2026, 3, 1, tzinfo=UTC),
    )  # fmt: skip
    assert (schedule.cron, schedule.timezone, schedule.name, schedule.jitter) == (
        "30 2 * * *", "Europe/Paris", "nightly", 30.0,
    )  # fmt: skip
    assert (schedule.missed, schedule.missed_limit, schedule.overlap) == (Missed.ALL, 5, Overlap.SKIP)
    assert (schedule.start, schedule.end) == (datetime(2026, 2, 1), datetime(2026, 3, 1))


def test_moments_with_a_zone_are_stored_in_utc() -> None:
    at = datetime(2026, 2, 1, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    assert one(at=at).at == datetime(2026, 2, 1, 10, 0, 0, 123000)


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ({}, "needs one of interval, dailytime, cron and at; it has none"),
        ({"interval": 5, "cron": "* * * * *"}, "it has interval and cron"),
        ({"weekday": 1, "interval": 5}, "add dailytime"),
        ({"monthday": 1}, "add dailytime"),
        ({"dailytime": time(3), "weekday": 7}, "weekday should be 0"),
        ({"dailytime": time(3), "monthday": 32}, "monthday 1 to 31"),
        ({"dailytime": "03:00"}, "dailytime should be a datetime.time, not '03:00'"),
        ({"cron": "0 0 31 2 *"}, "cron expression '0 0 31 2 *'"),
        ({"cron": "* * *"}, "it should have five fields"),
        ({"cron": "0 30 3 * * *"}, "it should have five fields"),
        ({"cron": "@daily"}, "it should have five fields"),
        ({"dailytime": time(3, tzinfo=ZoneInfo("Europe/Paris"))}, "use cron='0 3 * * *' with timezone='Europe/Paris'"),
        ({"interval": float("nan")}, "interval should be from 0.1 to"),
        ({"interval": float("inf")}, "interval should be from 0.1 to"),
        ({"interval": 5, "jitter": float("inf")}, "jitter should be from 0 to"),
        ({"interval": 5, "name": ""}, "name should be text"),
        ({"cron": "* * * * *", "timezone": "Europe/Pariss"}, "no time zone 'Europe/Pariss'"),
        ({"interval": 5, "timezone": "Europe/Paris"}, "belongs to cron"),
        ({"interval": 0}, "interval should be from 0.1 to"),
        ({"interval": True}, "interval should be a number"),
        ({"interval": 5, "jitter": -1}, "jitter should be from 0 to"),
        ({"interval": 5, "missed": "never"}, "missed should be one of skip, once, all"),
        ({"interval": 5, "overlap": "x"}, "overlap should be one of allow, skip, cancel"),
        ({"interval": 5, "queue": "q_raw"}, "raw queue"),
        ({"interval": 5, "intervall": 5}, "unknown key 'intervall'; did you mean 'interval'?"),
        ({"interval": 5, "start": NOW, "end": NOW - timedelta(days=1)}, "before it starts"),
    ],
)
def test_a_wrong_entry_is_named_and_explained(entry: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        schedules_of([{"path": "tasks.Fine", "interval": 1}, {"path": PATH, **entry}], NOW)
    assert str(caught.value).startswith(f"SCHEDULER_TASKS[1] ({PATH})")
    assert text in str(caught.value)


@pytest.mark.parametrize("entry", [{"interval": 5}, {"path": 5, "interval": 5}, {"path": "Fetch", "interval": 5}, "x"])
def test_an_entry_without_a_task_is_named_by_its_place(entry: Any) -> None:
    with pytest.raises(ConfigError, match=r"^SCHEDULER_TASKS\[0\] should"):
        schedules_of([entry], NOW)


def test_the_same_schedule_twice_is_refused_unless_one_has_a_name() -> None:
    entry = {"path": PATH, "interval": 5, "params": {"a": 1, "b": 2}}
    other = {"interval": 5, "params": {"b": 2, "a": 1}, "path": PATH}
    with pytest.raises(ConfigError, match=r"SCHEDULER_TASKS\[1\].*same schedule as SCHEDULER_TASKS\[0\]"):
        schedules_of([entry, other], NOW)
    assert len(schedules_of([entry, {**other, "name": "second"}, {**entry, "params": {"a": 2}}], NOW)) == 3
