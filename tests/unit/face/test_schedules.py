"""Schedules made at run time."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mrq import schedules
from mrq.domain.gone import GONE
from mrq.domain.schedule import Schedule
from mrq.domain.status import Status
from mrq.engine.tasks import load_task_class
from mrq.exceptions import ConfigError, ScheduleNotFoundError, UnknownTaskError
from mrq.testing import memory_app as app_in_memory
from mrq.testing import run_jobs

if TYPE_CHECKING:
    from mrq.app import App

ADD = "unit.face.sampletasks.add"


def test_a_schedule_is_found_by_its_name_and_by_its_id(memory_app: App) -> None:
    made = schedules.add(ADD, interval=60, name="sums", params={"a": 1, "b": 2})
    assert schedules.get("sums").id == schedules.get(made.id).id == made.id
    assert [state.schedule.path for state in schedules.all_schedules()] == [ADD]
    for unknown in ("other", "00" * 12, "zz"):
        with pytest.raises(ScheduleNotFoundError, match="no schedule"):
            schedules.get(unknown)


def test_one_that_is_wrong_is_refused_like_an_entry_of_the_config(memory_app: App) -> None:
    with pytest.raises(ConfigError, match=r"^schedule \(unit.face.sampletasks.add\): unknown key 'croon'"):
        schedules.add(ADD, croon="* * * * *")
    assert list(schedules.all_schedules()) == []


def test_what_could_never_run_is_refused(memory_app: App) -> None:
    with pytest.raises(ConfigError, match=r"^schedule \(tasks.Nowhere\): "):
        schedules.add("tasks.Nowhere", interval=60)
    with pytest.raises(ConfigError, match=r"its times have passed"):
        schedules.add(ADD, at=memory_app.clock.now() - timedelta(seconds=1))
    with pytest.raises(ConfigError, match=r"its times have passed"):
        schedules.add(ADD, interval=60, end=memory_app.clock.now() - timedelta(seconds=1))
    with pytest.raises(ConfigError, match=r"^schedule \(unit.face.sampletasks.add\): .*object"):
        schedules.add(ADD, interval=60, params={"a": object()})
    assert list(schedules.all_schedules()) == []


def test_one_of_the_config_is_changed_in_the_config() -> None:
    entry = {"path": ADD, "interval": 60, "name": "sums"}
    with app_in_memory(scheduler_tasks=[entry]) as app:
        schedules.tick()
        with pytest.raises(ConfigError, match="is in SCHEDULER_TASKS"):
            schedules.add(ADD, interval=90, name="sums")
        assert app.schedules.page(0, 2)[0].schedule.interval == 60.0


def test_a_tick_without_a_config_leaves_the_schedules_of_the_config_alone(memory_app: App) -> None:
    memory_app.schedules.sync([Schedule(ADD, interval=60.0)], memory_app.clock.now())
    assert schedules.tick().synced.removed == []
    assert len(list(schedules.all_schedules())) == 1
    with app_in_memory(scheduler_tasks=[]) as other:
        other.schedules.sync([Schedule(ADD, interval=60.0)], other.clock.now())
        assert schedules.tick().synced.removed == [ADD]


def test_adding_it_again_under_its_name_edits_it(memory_app: App) -> None:
    schedules.add(ADD, interval=60, name="sums")
    schedules.add(ADD, interval=90, name="sums")
    assert [state.schedule.interval for state in schedules.all_schedules()] == [90.0]


def test_a_paused_schedule_queues_nothing(memory_app: App) -> None:
    made = schedules.add(ADD, interval=60, params={"a": 1, "b": 2})
    made.pause()
    now = memory_app.clock.now() + timedelta(hours=1)
    assert memory_app.scheduler().tick(now) == 0
    made.resume()
    assert memory_app.scheduler().tick(now + timedelta(hours=1)) == 1
    made.remove()
    with pytest.raises(ScheduleNotFoundError):
        made.pause()


def test_its_last_runs_are_shown_with_drift_and_duration(memory_app: App) -> None:
    made = schedules.add(ADD, interval=3600, params={"a": 1, "b": 2})
    now = memory_app.clock.now()
    memory_app.scheduler().tick(now)
    memory_app.scheduler().tick(now + timedelta(hours=1))
    later, first = made.runs()
    assert (later["due"] - first["due"], first["status"], first.get("drift")) == (
        timedelta(hours=1), Status.QUEUED, None,
    )  # fmt: skip
    run_jobs()
    (_, first) = made.runs()
    assert first["status"] is Status.SUCCESS
    assert 0 <= first["drift"] < 60
    assert first["duration"] >= 0


def test_it_can_be_run_beside_its_times(memory_app: App) -> None:
    made = schedules.add(ADD, cron="0 0 1 1 *", params={"a": 1, "b": 2})
    job = made.run_now()
    run_jobs()
    record = memory_app.jobs.fetch(job)
    assert record is not None
    assert record.result == 3
    assert [(run["job"], run["status"]) for run in made.runs()] == [(job, Status.SUCCESS)]


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("mrq.basetasks.cleaning.RequeueLostJobs", "workers bring the jobs of dead workers back by themselves"),
        ("mrq.basetasks.cleaning.CleanKnownQueues", "no list of known queues is kept that would have to be cleaned"),
    ],
)
def test_entries_of_base_tasks_that_are_gone_are_to_be_removed(path: str, why: str) -> None:
    text = re.escape(f"SCHEDULER_TASKS[0] ({path}): remove this entry: {why}")
    with app_in_memory(scheduler_tasks=[{"path": path, "interval": 60}]) as app, pytest.raises(ConfigError, match=text):
        app.configured_schedules()


def test_what_is_said_to_be_gone_is_not_there() -> None:
    for path in GONE:
        with pytest.raises(UnknownTaskError):
            load_task_class(path)
