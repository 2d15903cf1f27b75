"""ScheduleStore: what recurs, and up to when it has been dealt with. Times are seconds after NOW."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from contract.kit import NOW, at
from mrq.domain.schedule import Overlap, Schedule, plan, schedule_id
from mrq.ports.schedules import Step
from mrq.stores.ids import new_id

if TYPE_CHECKING:
    from contract.conftest import ScheduleKit
    from mrq.domain.schedule import ScheduleState

HOURLY = Schedule("tasks.Hourly", interval=3600.0)
DAILY = Schedule("tasks.Daily", dailytime=time(13), params={"a": 1}, queue="q")


def test_new_intervals_are_due_at_once_and_daily_ones_at_their_time(schedules: ScheduleKit) -> None:
    done = schedules.store.sync([HOURLY, DAILY], NOW)
    assert sorted(done.added) == ["tasks.Daily", "tasks.Hourly"]
    (state,) = schedules.store.due(NOW, 10)
    assert state.schedule == HOURLY
    assert schedules.store.earliest() == NOW
    assert [s.schedule for s in schedules.store.due(at(3600), 10)] == [HOURLY, DAILY]


def test_a_second_sync_of_the_same_changes_nothing(schedules: ScheduleKit) -> None:
    schedules.store.sync([HOURLY, DAILY], NOW)
    before = schedules.store.page(0, 10)
    done = schedules.store.sync([DAILY, HOURLY], at(100))
    assert (done.added, done.changed, done.removed) == ([], [], [])
    assert schedules.store.page(0, 10) == before


def test_what_is_gone_from_the_config_is_removed_and_what_was_made_at_run_time_stays(schedules: ScheduleKit) -> None:
    schedules.store.sync([HOURLY, DAILY], NOW)
    schedules.store.put(Schedule("tasks.Own", interval=5.0), NOW)
    done = schedules.store.sync([DAILY], at(1))
    assert done.removed == ["tasks.Hourly"]
    assert [s.schedule.path for s in schedules.store.page(0, 10)] == ["tasks.Daily", "tasks.Own"]
    assert [s.from_config for s in schedules.store.page(0, 10)] == [True, False]


def begun(schedules: ScheduleKit, schedule: Schedule) -> ScheduleState:
    """A schedule of the config whose time NOW has been dealt with."""
    schedules.store.sync([schedule], NOW)
    (state,) = schedules.store.due(NOW, 1)
    todo = plan(state, NOW)
    assert schedules.store.advance(state, Step(todo.watermark, todo.next))
    return state


def test_a_changed_schedule_keeps_its_watermark_as_long_as_its_times_stay(schedules: ScheduleKit) -> None:
    named = replace(HOURLY, name="hourly")
    state = begun(schedules, named)
    done = schedules.store.sync([replace(named, overlap=Overlap.SKIP)], at(7200))
    assert done.changed == ["tasks.Hourly (hourly)"]
    (changed,) = schedules.store.page(0, 1)
    assert (changed.id, changed.watermark, changed.next) == (state.id, NOW, at(3600))
    assert changed.schedule.overlap is Overlap.SKIP
    back = schedules.store.sync([named], at(7201))
    assert back.changed == ["tasks.Hourly (hourly)"]
    assert schedules.store.page(0, 1)[0].schedule == named


def test_new_times_begin_after_the_change(schedules: ScheduleKit) -> None:
    named = replace(HOURLY, name="hourly")
    begun(schedules, named)
    schedules.store.sync([replace(named, interval=600.0)], at(1700))
    (changed,) = schedules.store.page(0, 1)
    assert (changed.watermark, changed.next) == (at(1700), at(1800))


@pytest.mark.parametrize("change", ["edit", "pause", "resume"])
def test_a_tick_that_planned_with_what_a_schedule_said_before_moves_nothing(
    schedules: ScheduleKit, change: str
) -> None:
    named = replace(HOURLY, name="hourly")
    schedules.store.put(named, NOW)
    if change == "resume":
        (paused,) = schedules.store.page(0, 1)
        schedules.store.pause(paused.id, paused=True, now=NOW)
        schedules.store.pause(paused.id, paused=False, now=NOW - timedelta(seconds=5))
    (before,) = schedules.store.due(at(3600), 1)
    if change == "edit":
        schedules.store.put(replace(named, queue="q"), NOW)
    elif change == "pause":
        schedules.store.pause(before.id, paused=True, now=NOW)
    else:
        schedules.store.pause(before.id, paused=True, now=NOW)
        schedules.store.pause(before.id, paused=False, now=NOW - timedelta(seconds=5))
    assert schedules.store.claim(before, [(NOW, b"j" * 12)], NOW) is None
    assert not schedules.store.advance(before, Step(at(3600), at(7200)))
    (after,) = schedules.store.page(0, 1)
    assert (after.watermark, after.next, after.history) == (before.watermark, before.next, ())


def test_of_two_ticks_one_claims_and_one_that_goes_on_for_a_dead_one_notes_nothing_twice(
    schedules: ScheduleKit,
) -> None:
    schedules.store.sync([HOURLY], NOW)
    (state,) = schedules.store.due(NOW, 1)
    first = schedules.store.claim(state, [(NOW, b"j" * 12)], NOW)
    assert first is not None
    assert schedules.store.claim(state, [(at(3600), b"k" * 12)], NOW) is None
    (read,) = schedules.store.due(NOW, 1)
    assert (read, read.last_job, read.last_queued) == (first, b"j" * 12, NOW)
    again = schedules.store.claim(read, [(NOW, b"j" * 12), (at(3600), b"k" * 12)], NOW)
    assert again is not None
    assert [entry["due"] for entry in again.history] == [NOW, at(3600)]
    many = [(at(3600 * n), b"%012d" % n) for n in range(2, 50)]
    for _ in range(2):  # more at once than are kept
        again = schedules.store.claim(again, many, NOW)
        assert again is not None
        assert [entry["due"] for entry in again.history] == [due for due, _ in many[-30:]]
    assert schedules.store.page(0, 1)[0].history == again.history
    schedules.store.note_run(state.id, at(5), b"l" * 12)
    assert [entry["due"] for entry in schedules.store.page(0, 1)[0].history][-2:] == [at(3600 * 49), at(5)]


def test_what_the_database_rounds_is_not_a_change(schedules: ScheduleKit) -> None:
    wanted = [
        replace(DAILY, dailytime=time(3, 0, 0, 123456)),
        replace(HOURLY, params={"since": datetime(2026, 1, 1, 0, 0, 0, 987654, tzinfo=UTC), "both": (1, 2)}),
    ]
    assert len(schedules.store.sync(wanted, NOW).added) == 2
    done = schedules.store.sync(wanted, at(1))
    assert (done.added, done.changed, done.removed) == ([], [], [])


def test_one_of_the_config_takes_the_name_of_one_made_at_run_time(schedules: ScheduleKit) -> None:
    named = replace(HOURLY, name="mine")
    made = schedules.store.put(replace(named, queue="q"), NOW)
    assert schedules.store.sync([named], at(1)).changed == ["tasks.Hourly (mine)"]
    (state,) = schedules.store.page(0, 5)
    assert (state.id, state.from_config, state.schedule) == (made.id, True, named)


def test_one_of_the_config_is_not_changed_by_a_put(schedules: ScheduleKit) -> None:
    named = replace(HOURLY, name="mine")
    schedules.store.sync([named], NOW)
    assert schedules.store.put(replace(named, queue="q"), NOW).from_config
    assert schedules.store.page(0, 5)[0].schedule == named
    schedules.put({"_id": (old := new_id()), "path": "t.Old", "interval": 5, "hash": f"t.Old 5.0{' None' * 5}"})
    found = schedules.store.put(Schedule("t.Old", interval=5.0), NOW)
    assert (found.id, found.from_config) == (old.binary, True)


def test_what_can_not_be_read_is_left_alone_and_stops_nothing(schedules: ScheduleKit) -> None:
    bad = new_id()
    schedules.put({
        "_id": bad, "path": "a.Later", "interval": 60, "overlap": "of a later version", "hash": "z",
        "anchor": NOW, "watermark": NOW, "datenext": at(-60),
    })  # fmt: skip
    schedules.store.sync([HOURLY], NOW)
    assert [s.schedule for s in schedules.store.due(NOW, 1)] == [HOURLY]
    assert [s.schedule for s in schedules.store.page(0, 10)] == [HOURLY]
    assert schedules.store.sync([HOURLY], NOW).removed == []
    assert schedules.store.remove(bad.binary)


def test_only_one_of_two_ticks_moves_a_watermark(schedules: ScheduleKit) -> None:
    schedules.store.sync([HOURLY], NOW)
    (state,) = schedules.store.due(NOW, 1)
    step = Step(at(1), at(3600))
    assert schedules.store.advance(state, step)
    assert not schedules.store.advance(state, step)
    (moved,) = schedules.store.page(0, 1)
    assert (moved.watermark, moved.next) == (at(1), at(3600))
    assert schedules.store.due(at(3599), 10) == []


def test_what_never_comes_again_is_not_looked_at_again(schedules: ScheduleKit) -> None:
    state = schedules.store.put(Schedule("tasks.Once", at=at(5)), NOW)
    assert schedules.store.earliest() == at(5)
    assert schedules.store.advance(state, Step(at(5), None))
    assert schedules.store.earliest() is None
    assert schedules.store.due(at(10_000), 10) == []


def test_a_paused_schedule_is_not_due_and_makes_up_for_nothing(schedules: ScheduleKit) -> None:
    state = schedules.store.put(HOURLY, NOW)
    assert schedules.store.pause(state.id, paused=True, now=NOW)
    assert schedules.store.due(at(100_000), 10) == []
    assert schedules.store.earliest() is None
    assert schedules.store.pause(state.id, paused=False, now=at(3600 * 5 + 1))
    assert schedules.store.earliest() == at(3600 * 6)
    (resumed,) = schedules.store.due(at(3600 * 6), 10)
    assert plan(resumed, at(3600 * 6)).due == (at(3600 * 6),)


def test_a_resume_of_what_is_not_paused_changes_nothing(schedules: ScheduleKit) -> None:
    state = schedules.store.put(HOURLY, NOW)
    assert schedules.store.pause(state.id, paused=False, now=at(100_000))
    assert schedules.store.fetch(state.id) == state
    assert not schedules.store.pause(new_id().binary, paused=True, now=NOW)
    assert not schedules.store.pause(new_id().binary, paused=False, now=NOW)


def test_a_schedule_made_twice_is_one_and_can_be_edited(schedules: ScheduleKit) -> None:
    named = Schedule("tasks.Own", interval=60.0, name="mine")
    first = schedules.store.put(named, NOW)
    second = schedules.store.put(replace(named, interval=90.0), at(30))
    assert first.id == second.id == schedule_id("name:mine")
    assert (second.watermark, second.next) == (first.watermark, first.anchor)
    assert schedules.store.remove(first.id)
    assert not schedules.store.remove(first.id)
    assert schedules.store.fetch(first.id) is None


def test_documents_of_mrq_0_9_are_taken_over_and_go_on_from_where_they_were(schedules: ScheduleKit) -> None:
    common: dict[str, Any] = {"params": None, "queue": None, "weekday": None, "monthday": None}
    old = new_id()
    schedules.put({
        **common, "_id": old, "path": "tasks.Hourly", "interval": 3600, "dailytime": None,
        "hash": "tasks.Hourly 3600 None None None None None", "datelastqueued": at(-600),
    })  # fmt: skip
    schedules.put({
        **common, "_id": new_id(), "path": "tasks.Daily", "params": {"a": 1}, "queue": "q", "interval": 86400,
        "dailytime": NOW.replace(hour=13), "hash": "x", "datelastqueued": at(-82800),
    })  # fmt: skip
    schedules.put({
        **common, "_id": new_id(), "path": "tasks.Gone", "interval": 5, "hash": "y", "datelastqueued": at(-5),
    })  # fmt: skip
    done = schedules.store.sync([HOURLY, DAILY], NOW)
    assert (done.added, sorted(done.removed)) == ([], ["tasks.Gone"])
    daily, hourly = schedules.store.page(0, 10)
    assert hourly.id == old.binary
    assert (hourly.watermark, hourly.next) == (at(-600), at(3000))
    assert daily.next == at(3600)
    assert schedules.store.sync([HOURLY, DAILY], at(1)).changed == []


def test_pages_are_bounded_and_in_order(schedules: ScheduleKit) -> None:
    schedules.store.sync([Schedule(f"tasks.T{n}", interval=1.0) for n in range(5)], NOW)
    assert [s.schedule.path for s in schedules.store.page(1, 2)] == ["tasks.T1", "tasks.T2"]
    assert len(schedules.store.due(NOW + timedelta(days=1), 3)) == 3
