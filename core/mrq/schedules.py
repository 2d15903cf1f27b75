"""Schedules made at run time, beside those of SCHEDULER_TASKS: add, look at, pause, edit, run now.

from mrq import schedules

schedules.add("tasks.Report", cron="30 2 * * *", timezone="Europe/Paris", name="nightly report")
schedules.get("nightly report").pause()
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC
from typing import TYPE_CHECKING, Any

from mrq.app import App, get_app
from mrq.app_upkeep import LONGEST_TICK, Tick
from mrq.app_upkeep import tick as tick_of
from mrq.domain.schedule import first_state, schedule_id
from mrq.exceptions import ConfigError, ScheduleNotFoundError
from mrq.settings.schedules import schedule_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from mrq.domain.ids import JobId
    from mrq.domain.schedule import Schedule, ScheduleState

__all__ = ["ScheduleHandle", "Tick", "add", "all_schedules", "get", "tick"]

PAGE, ID_BYTES = 100, 12


class ScheduleHandle:
    """A stored schedule. Its methods ask and change the database; nothing is kept here."""

    def __init__(self, name: bytes, app: App) -> None:
        self._app = app
        self._name = name

    def __repr__(self) -> str:
        return f"<schedule {self._name.hex()}>"

    @property
    def id(self) -> str:
        """24 hexadecimal digits."""
        return self._name.hex()

    def state(self) -> ScheduleState:
        """What it says and up to when it has been dealt with. Raises ScheduleNotFoundError."""
        state = self._app.schedules.fetch(self._name)
        if state is None:
            raise ScheduleNotFoundError(f"there is no schedule {self.id}; it may have been removed")
        return state

    def pause(self) -> None:
        """Queue nothing until `resume`. Raises ScheduleNotFoundError."""
        self._pause(paused=True)

    def resume(self) -> None:
        """Go on. What passed meanwhile is not made up for. Raises ScheduleNotFoundError."""
        self._pause(paused=False)

    def _pause(self, *, paused: bool) -> None:
        if not self._app.schedules.pause(self._name, paused=paused, now=self._app.clock.now()):
            self.state()

    def run_now(self) -> JobId:
        """Queue a job of it at once, beside its times and whatever its `overlap` says; the job's id. It is in `runs`
        too. Raises ScheduleNotFoundError."""
        schedule = self.state().schedule
        queue = schedule.queue or self._app.queue_of(schedule.path)
        job = self._app.enqueuer.enqueue(schedule.path, [schedule.params], queue)[0]
        self._app.schedules.note_run(self._name, self._app.clock.now(), job.binary)
        return job

    def backfill(self, start: datetime, end: datetime) -> list[JobId]:
        """Queue a job for each of its times from start to end (naive and UTC, or with a time zone; both included) that
        has none: it was left out, the schedule was paused, or its job has expired. The ids of the new jobs.

        Raises ValueError: more than 1,000 times, or `end` is still to come; ScheduleNotFoundError.
        """
        scheduler, state = self._app.scheduler(), self.state()
        return scheduler.backfill(state, scheduler.missing(state, _naive(start), _naive(end)))

    def remove(self) -> None:
        """Forget it; jobs that it queued stay. One of the config comes back when a worker starts."""
        self._app.schedules.remove(self._name)

    def runs(self) -> list[dict[str, Any]]:
        """Its last runs, latest first: `due`, `job`, and as far as they are known `status`, `drift` (seconds from
        the time that was meant to the start) and `duration` (seconds). Raises ScheduleNotFoundError."""
        return [self._run(entry["due"], entry["job"]) for entry in reversed(self.state().history)]

    def _run(self, due: datetime, job: JobId) -> dict[str, Any]:
        run: dict[str, Any] = {"due": due, "job": job}
        record = self._app.jobs.fetch(job)
        if record is not None:
            run["status"] = record.status
            if record.datestarted is not None:
                run["drift"] = (record.datestarted - due).total_seconds()
            if record.totaltime is not None:
                run["duration"] = record.totaltime
        return run


def _naive(moment: datetime) -> datetime:
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def add(path: str, **about: Any) -> ScheduleHandle:
    """Make a schedule, or change the one of the same `name`. The words are those of an entry of SCHEDULER_TASKS.

    Raises ConfigError, which says what is wrong: the words, a task that can't be imported here, no time left at which
    it would run, or that SCHEDULER_TASKS has a schedule of this name.
    """
    app = get_app()
    now = app.clock.now()
    schedule: Schedule = schedule_of({"path": path, **about}, now, "schedule")
    app.check_schedule(schedule, f"schedule ({path})")
    if first_state(schedule, now).next is None:
        raise ConfigError(f"schedule ({path}) would never run: its times have passed")
    state = app.schedules.put(schedule, now)
    if state.from_config:
        raise ConfigError(f"schedule ({path}) is in SCHEDULER_TASKS; change it there, or choose another name")
    return ScheduleHandle(state.id, app)


def get(name: str | bytes) -> ScheduleHandle:
    """The schedule of a name, or of an id: 24 hexadecimal digits, or the bytes of `ScheduleState.id`.

    Raises ScheduleNotFoundError.
    """
    app = get_app()
    names = [name] if isinstance(name, bytes) else [schedule_id(f"name:{name}")]
    with suppress(ValueError, TypeError):
        names.append(bytes.fromhex(name))  # type: ignore[arg-type]
    for found in names:
        if len(found) == ID_BYTES and app.schedules.fetch(found) is not None:
            return ScheduleHandle(found, app)
    raise ScheduleNotFoundError(f"there is no schedule {name!r}; mrq.schedules.all_schedules() lists them")


def all_schedules() -> Iterator[ScheduleState]:
    """Every schedule, those of the config too, by the path of its task."""
    app, skip = get_app(), 0
    while page := app.schedules.page(skip, PAGE):
        yield from page
        skip += PAGE


def tick(now: datetime | None = None, longest: float = LONGEST_TICK) -> Tick:
    """Queue what is due and look after everything, for deployments without a worker that runs the scheduler: to be
    called once a minute, from cron or from a function. Any number may run at once.

    Beside the schedules (those of SCHEDULER_TASKS, where the configuration has it, are synced first): jobs of dead
    workers and retries come back, expired documents are deleted where the database doesn't do it, indexes are checked.

    Args:
        now: naive, UTC; the database's present by default.
        longest: seconds. Mostly it takes a moment; while workers are silent it watches whether they are dead.

    Raises:
        ConfigError: a schedule of the config is wrong; nothing was done.
        StoreUnavailableError: MongoDB doesn't answer; the next tick goes on.
    """
    return tick_of(get_app(), now, longest)
