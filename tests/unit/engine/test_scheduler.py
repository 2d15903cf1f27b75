"""Ticks: each occurrence is one job, whoever ticks, however often, and wherever a tick dies."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrq.domain.options import TaskOptions
from mrq.domain.schedule import Missed, Overlap, Schedule, occurrence_id
from mrq.domain.status import Status
from mrq.engine.enqueue import Enqueuer
from mrq.engine.scheduler import Scheduler
from mrq.ports.errors import StoreUnavailableError
from mrq.stores.memory import MemoryWakeups
from mrq.stores.memory_schedules import MemoryScheduleStore
from unit.engine.kit import NOW, ManualClock, Moody

HOUR = 3600.0


class Desk:
    """A scheduler on stores in memory."""

    def __init__(self, *wanted: Schedule) -> None:
        self.clock, self.store, self.schedules = ManualClock(), Moody(), MemoryScheduleStore()
        self.wanted = wanted
        self.scheduler = self.other()
        self.scheduler.sync(wanted, self.clock.now())

    def other(self) -> Scheduler:
        enqueuer = Enqueuer(self.store, MemoryWakeups(), self.clock, sleep=self.clock.pass_by)
        return Scheduler(
            self.schedules,
            self.store,
            enqueuer,
            self.clock,
            lambda _: "default",
            lambda _: TaskOptions(),
            self.clock.now,
        )

    def tick(self) -> int:
        return self.scheduler.tick(self.clock.now())

    def times(self) -> list[datetime]:
        """When the queued jobs were due, in order."""
        return sorted(document["datequeued"] for document in self.store.documents())


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def hourly(**about: Any) -> Schedule:
    return Schedule("tasks.Hourly", interval=HOUR, **about)


def test_an_interval_is_queued_at_once_and_then_again_at_each_step() -> None:
    desk = Desk(hourly(params={"a": 1}, queue="q"))
    assert desk.tick() == 1
    assert desk.tick() == 0
    desk.clock.pass_by(HOUR + 5)
    assert desk.tick() == 1
    assert desk.times() == [NOW, at(HOUR)]
    (first, _) = desk.store.documents()
    assert (first["path"], first["params"], first["queue"], first["status"]) == (
        "tasks.Hourly",
        {"a": 1},
        "q",
        "queued",
    )


def test_without_a_queue_the_tasks_own_is_used() -> None:
    desk = Desk(hourly())
    desk.tick()
    assert desk.store.documents()[0]["queue"] == "default"


@pytest.mark.parametrize(
    ("missed", "expected"),
    [(Missed.ONCE, [0, 3]), (Missed.SKIP, [0]), (Missed.ALL, [0, 1, 2, 3])],
)
def test_times_that_passed_while_nobody_ticked(missed: Missed, expected: list[int]) -> None:
    desk = Desk(hourly(missed=missed))
    desk.tick()
    desk.clock.pass_by(3 * HOUR + 600)
    desk.tick()
    assert desk.times() == [at(n * HOUR) for n in expected]


def test_a_late_tick_is_not_a_missed_one() -> None:
    desk = Desk(hourly(missed=Missed.SKIP))
    desk.tick()
    desk.clock.pass_by(HOUR + 100)
    assert desk.tick() == 1


def test_all_that_was_missed_is_bounded_and_the_latest_are_kept() -> None:
    desk = Desk(hourly(missed=Missed.ALL, missed_limit=3))
    desk.tick()
    desk.clock.pass_by(1000 * HOUR)
    assert desk.tick() == 3
    assert desk.times() == [NOW, at(998 * HOUR), at(999 * HOUR), at(1000 * HOUR)]


def test_start_and_end_bound_the_times() -> None:
    desk = Desk(hourly(start=at(1.5 * HOUR), end=at(3 * HOUR), missed=Missed.ALL))
    for _ in range(6):
        desk.tick()
        desk.clock.pass_by(HOUR)
    assert desk.times() == [at(1.5 * HOUR), at(2.5 * HOUR)]
    assert desk.schedules.earliest() is None


def test_once_is_queued_once() -> None:
    desk = Desk(Schedule("tasks.Once", at=at(60)))
    assert desk.tick() == 0
    desk.clock.pass_by(61)
    assert desk.tick() == 1
    desk.clock.pass_by(100_000)
    assert desk.tick() == 0


def test_a_jitter_delays_each_job_by_a_part_of_it_that_is_always_the_same() -> None:
    desk, again = Desk(hourly(jitter=600)), Desk(hourly(jitter=600))
    for each in (desk, again):
        for _ in range(20):
            each.tick()
            each.clock.pass_by(HOUR)
    late = [document["datedue"] - at(n * HOUR) for n, document in enumerate(desk.store.documents())]
    assert all(timedelta() <= each < timedelta(seconds=600) for each in late)
    assert len(set(late)) > 10
    assert desk.times() == again.times()


def test_with_skip_no_job_is_queued_beside_one_that_has_not_ended() -> None:
    desk = Desk(hourly(overlap=Overlap.SKIP))
    desk.tick()
    desk.clock.pass_by(HOUR)
    assert desk.tick() == 0
    (job,) = desk.store.documents()
    desk.store.move(job["_id"], Status.CANCEL, at(0), {})
    desk.clock.pass_by(HOUR)
    assert desk.tick() == 1
    assert desk.times() == [NOW, at(2 * HOUR)]


def test_with_cancel_the_old_job_makes_way() -> None:
    desk = Desk(hourly(overlap=Overlap.CANCEL))
    desk.tick()
    desk.clock.pass_by(HOUR)
    assert desk.tick() == 1
    by_time = {document["datequeued"]: document for document in desk.store.documents()}
    assert by_time[NOW]["status"] == Status.CANCEL.value
    assert by_time[NOW]["dateexpires"] == at(HOUR) + timedelta(seconds=TaskOptions().cancel_ttl)
    assert by_time[at(HOUR)]["status"] == Status.QUEUED.value


def test_a_tick_that_dies_before_its_watermark_is_made_good_without_a_second_job() -> None:
    desk = Desk(hourly())

    def die(*_: Any) -> bool:
        raise StoreUnavailableError("away")

    advance, desk.schedules.advance = desk.schedules.advance, die  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailableError):
        desk.tick()
    desk.schedules.advance = advance  # type: ignore[method-assign]
    desk.tick()
    assert desk.times() == [NOW]


def test_a_job_that_ended_and_expired_is_not_queued_again_once_the_watermark_has_passed_it() -> None:
    desk = Desk(hourly())
    desk.tick()
    desk.store.remove_queue("default")
    desk.clock.pass_by(60)
    assert desk.tick() == 0
    assert desk.times() == []


def test_a_slow_tick_comes_as_far_as_it_can_and_the_next_one_goes_on() -> None:
    desk = Desk(hourly(missed=Missed.ALL, overlap=Overlap.CANCEL))
    desk.tick()
    desk.clock.pass_by(5 * HOUR)
    insert = desk.store.store.insert
    desk.store.store.insert = lambda jobs: (desk.clock.pass_by(15), insert(jobs))  # type: ignore[method-assign]
    assert [desk.tick() for _ in range(3)] == [2, 2, 1]
    assert desk.times() == [at(n * HOUR) for n in range(6)]


def test_a_tick_that_was_held_up_queues_nothing_that_another_has_done_and_that_has_expired() -> None:
    desk = Desk(hourly())
    held_up = desk.schedules.due(desk.clock.now(), 10)
    assert desk.tick() == 1
    desk.store.remove_queue("default")
    assert [desk.scheduler._follow(state, desk.clock.now()) for state in held_up] == [0]
    assert desk.times() == []


def test_a_schedule_that_can_not_be_followed_stops_no_other_and_is_tried_again_later() -> None:
    desk = Desk(Schedule("tasks.Bad", interval=60.0), hourly())
    (bad,) = (document for document in desk.schedules._documents.values() if document["path"] == "tasks.Bad")
    bad["interval"] = float("inf")  # as nobody should write it by hand
    assert desk.tick() == 1
    assert [state.schedule.path for state in desk.schedules.due(desk.clock.now(), 10)] == []
    desk.clock.pass_by(61)
    assert [state.schedule.path for state in desk.schedules.due(desk.clock.now(), 10)] == ["tasks.Bad"]


@pytest.mark.parametrize("overlap", [Overlap.SKIP, Overlap.CANCEL])
def test_after_a_tick_that_died_the_next_time_still_knows_the_job_before_it(overlap: Overlap) -> None:
    desk = Desk(hourly(overlap=overlap))

    def die(*_: Any) -> bool:
        raise StoreUnavailableError("away")

    advance, desk.schedules.advance = desk.schedules.advance, die  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailableError):
        desk.tick()
    desk.schedules.advance = advance  # type: ignore[method-assign]
    desk.clock.pass_by(HOUR)
    desk.tick()
    statuses = [document["status"] for document in desk.store.documents()]
    assert statuses == (["queued"] if overlap is Overlap.SKIP else ["cancel", "queued"])


@pytest.mark.parametrize("overlap", [Overlap.SKIP, Overlap.CANCEL])
def test_of_two_ticks_at_either_side_of_a_time_one_goes_on(overlap: Overlap) -> None:
    desk = Desk(hourly(overlap=overlap))
    (early,) = desk.schedules.due(at(0), 10)
    (late,) = desk.schedules.due(at(HOUR), 10)
    assert desk.scheduler._follow(early, at(0)) == 1
    assert desk.scheduler._follow(late, at(HOUR)) == 0
    assert [document["status"] for document in desk.store.documents()] == ["queued"]


def test_an_occurrence_has_the_same_id_for_everyone_and_sorts_by_its_time() -> None:
    ids = [occurrence_id(b"s" * 12, at(n * 60)) for n in range(100)]
    assert ids == sorted(ids)
    assert len({*ids, *(occurrence_id(b"t" * 12, at(n * 60)) for n in range(100))}) == 200


events = st.lists(
    st.tuples(st.sampled_from(["tick", "other", "die", "sync"]), st.floats(0, 2 * HOUR)), min_size=1, max_size=30
)


@settings(max_examples=60, deadline=None)
@given(events, st.sampled_from([Missed.ALL, Missed.ONCE]))
def test_whatever_happens_no_time_is_lost_or_doubled(events: list[tuple[str, float]], missed: Missed) -> None:
    schedule = hourly(missed=missed, missed_limit=10_000, name="x")
    desk = Desk(schedule)
    other = desk.other()
    for what, seconds in events:
        desk.clock.pass_by(seconds)
        if what == "die":
            desk.store.lose.add("insert")
            desk.store.away.add("*")
            desk.scheduler.enqueuer.patience.reached = False  # it doesn't wait
            with contextlib.suppress(StoreUnavailableError):
                desk.tick()
            desk.store.away.clear()
            desk.store.lose.clear()
        elif what == "sync":
            other.sync([schedule], desk.clock.now())
        else:
            (desk.scheduler if what == "tick" else other).tick(desk.clock.now())
    other.tick(desk.clock.now())
    passed = int((desk.clock.seconds - 1000.0) // HOUR)
    times = desk.times()
    assert len(times) == len(set(times))
    every = [at(n * HOUR) for n in range(passed + 1)]
    if missed is Missed.ALL:
        assert times == every
    else:
        assert set(times) <= set(every)
        assert times[-1] == every[-1]


def test_a_changed_schedule_goes_on_by_its_new_times() -> None:
    desk = Desk(hourly(name="x"))
    desk.tick()
    desk.scheduler.sync([replace(hourly(name="x"), interval=600.0)], desk.clock.now())
    desk.clock.pass_by(600)
    assert desk.tick() == 1


def test_jobs_of_a_schedule_carry_the_ids_of_their_occurrences() -> None:
    desk = Desk(hourly())
    desk.tick()
    (job,) = desk.store.list_ids("default", Status.QUEUED, 0, 5)
    assert job.binary == occurrence_id(desk.schedules.page(0, 1)[0].id, NOW)
