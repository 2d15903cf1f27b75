"""Schedules: look, run now, pause, resume, add, change, remove."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from mrq.domain.schedule import Missed, Overlap, Schedule, ScheduleState, first_state, schedule_id, times_between
from mrq.exceptions import ScheduleNotFoundError
from mrq.schedules import ScheduleHandle
from mrq.settings.schedules import schedule_of
from mrq_dashboard.access import Admin, Operator, Viewer, check_queue
from mrq_dashboard.errors import RefusedError
from mrq_dashboard.filters import Text, in_range, is_storable
from mrq_dashboard.identity import Principal
from mrq_dashboard.models import Done, JobCreated
from mrq_dashboard.returned import kept
from mrq_dashboard.routes.jobs import Reason
from mrq_dashboard.scheduleruns import MOST_GAPS, ScheduleRun, gaps_of, is_late, last_runs, queue_of, run_of
from mrq_dashboard.services import Given, Services
from mrq_dashboard.shown import LONG, SHORT, storable, utc

router = APIRouter(tags=["schedules"])

MOST_RUNS = 10
MOST_AHEAD, RARE, DAY = 100, 48, timedelta(days=1)
ScheduleId = Annotated[str, Field(max_length=100, description="24 hexadecimal digits")]


class ScheduleWords(BaseModel):
    """What a schedule says: one of `interval`, `dailytime`, `cron` and `at`, and the rest as it likes."""

    model_config = ConfigDict(extra="forbid")

    task: Text
    params: dict[str, Any] | None = None
    queue: Text | None = None
    interval: Annotated[float, Field(gt=0, le=1e9)] | None = Field(None, description="seconds")
    dailytime: time | None = Field(None, description="UTC if it has no time zone")
    weekday: Annotated[int, Field(ge=0, le=6)] | None = Field(None, description="0: Monday")
    monthday: Annotated[int, Field(ge=1, le=31)] | None = None
    cron: Annotated[Text, Field(max_length=200)] | None = None
    timezone: Text | None = Field(None, description="of cron")
    at: datetime | None = None
    name: Text | None = None
    jitter: Annotated[float, Field(ge=0, le=1e6)] = Field(0.0, description="seconds")
    start: datetime | None = None
    end: datetime | None = None
    missed: Missed = Missed.ONCE
    missed_limit: Annotated[int, Field(ge=1, le=1000)] = 100
    overlap: Overlap = Overlap.ALLOW


class ScheduleModel(BaseModel):
    """A schedule and where it stands."""

    id: str
    name: str | None
    task: str
    params: Any
    queue: str
    interval: float | None
    dailytime: time | None
    weekday: int | None
    monthday: int | None
    cron: str | None
    timezone: str
    at: datetime | None
    jitter: float
    start: datetime | None
    end: datetime | None
    missed: Missed
    missed_limit: int
    overlap: Overlap
    next: datetime | None
    is_late: bool = Field(description="its time has come and nobody has queued the job: does a scheduler run?")
    paused: bool
    last_queued: datetime | None
    last_job: str | None
    from_config: bool = Field(description="it is in SCHEDULER_TASKS, so it is changed there")
    gaps: int = Field(
        description=f"times between its last runs that have no job, counted up to {MOST_GAPS}: nothing ran the "
        "scheduler, it was paused, or runs would have overlapped"
    )


class ScheduleRow(ScheduleModel):
    """A schedule and its last run, if it had one."""

    last_run: ScheduleRun | None


class ScheduleDetail(ScheduleModel):
    """A schedule and its last runs, latest first."""

    runs: list[ScheduleRun]


class BackfillWish(BaseModel):
    """From when to when, both included; UTC if they have no time zone. `dry_run`: only look."""

    start: datetime
    end: datetime
    dry_run: bool = True
    reason: str = Field("", max_length=500)


class BackfillAnswer(BaseModel):
    """How many times have no job, and so got one unless it was a dry run."""

    missing: int
    first: datetime | None
    last: datetime | None
    queued: list[str] = Field(description="ids of the new jobs")


class UpcomingRun(BaseModel):
    """A time at which a schedule runs."""

    at: datetime
    schedule: str
    name: str


class Upcoming(BaseModel):
    """What comes in the next 24 hours, of the first 100 schedules."""

    start: datetime
    runs: list[UpcomingRun]
    often: int = Field(description="schedules that run more often than 48 times a day, which are left out")


class ScheduleList(BaseModel):
    """Schedules, by task."""

    schedules: list[ScheduleRow]
    next: int | None = Field(description="give it as `skip` to go on")


@router.get("/schedules")
def list_schedules(
    given: Given,
    who: Viewer,
    skip: Annotated[int, Query(ge=0, le=10_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> ScheduleList:
    """All schedules, by task."""
    found = given.mrq.schedules.page(skip, limit)
    seen = [state for state in found if who.sees(queue_of(given, state))]
    runs = last_runs(given, seen)
    shown = [ScheduleRow(**_model(given, state).model_dump(), last_run=runs.get(state.id)) for state in seen]
    return ScheduleList(schedules=shown, next=skip + limit if len(found) == limit else None)


@router.get("/schedules/upcoming")
def list_upcoming(given: Given, who: Viewer) -> Upcoming:
    """When schedules run in the next 24 hours. Paused ones don't, and what runs all the time is only counted."""
    now = given.now()
    found = given.mrq.schedules.page(0, MOST_AHEAD)
    seen = [state for state in found if not state.paused and who.sees(queue_of(given, state))]
    runs, often = [], 0
    for state in seen:
        times = times_between(state, now, now + DAY, RARE + 1)
        often += len(times) > RARE
        if len(times) <= RARE:
            name = storable(state.schedule.name or state.schedule.path)
            runs += [UpcomingRun(at=time.replace(tzinfo=UTC), schedule=state.id.hex(), name=name) for time in times]
    return Upcoming(start=now.replace(tzinfo=UTC), runs=sorted(runs, key=lambda run: run.at), often=often)


@router.get("/schedules/{schedule_id}")
def get_schedule(given: Given, who: Viewer, schedule_id: ScheduleId) -> ScheduleDetail:
    """One schedule, and its last runs."""
    state = _visible(given, who, schedule_id)
    entries = list(reversed(state.history))[:MOST_RUNS]
    runs = [run_of(entry, given.mrq.jobs.fetch(entry["job"])) for entry in entries]
    return ScheduleDetail(**_model(given, state, LONG).model_dump(), runs=runs)


@router.post("/schedules")
def add_schedule(given: Given, who: Admin, words: ScheduleWords) -> ScheduleModel:
    """Add a schedule, or change the one of the same name."""
    state = _put(given, who, words, _of_name(given, who, words.name))
    given.note(who, "schedule.add", _target(state.id), words.model_dump(mode="json", exclude_none=True))
    return _model(given, state)


@router.put("/schedules/{schedule_id}")
def change_schedule(given: Given, who: Admin, schedule_id: ScheduleId, words: ScheduleWords) -> ScheduleModel:
    """Let it say something else. One without a name gets another id by that."""
    before = _changeable(given, who, schedule_id)
    state = _put(given, who, words, before)
    if state.id != before.id:
        given.mrq.schedules.remove(before.id)
    given.note(who, "schedule.change", _target(before.id), words.model_dump(mode="json", exclude_none=True))
    return _model(given, state)


@router.delete("/schedules/{schedule_id}")
def remove_schedule(given: Given, who: Admin, schedule_id: ScheduleId) -> Done:
    """Forget it; the jobs that it queued stay."""
    state = _changeable(given, who, schedule_id)
    given.mrq.schedules.remove(state.id)
    given.note(who, "schedule.remove", _target(state.id), {"task": state.schedule.path})
    return Done()


@router.post("/schedules/{schedule_id}/run")
def run_schedule(given: Given, who: Operator, schedule_id: ScheduleId, wish: Reason) -> JobCreated:
    """Queue a job of it now, beside its times."""
    state = _visible(given, who, schedule_id)
    job = ScheduleHandle(state.id, given.mrq).run_now()
    given.note(who, "schedule.run", _target(state.id), {"job": str(job)}, reason=wish.reason, count=1)
    return JobCreated(id=str(job))


@router.post("/schedules/{schedule_id}/pause")
def pause_schedule(given: Given, who: Operator, schedule_id: ScheduleId, wish: Reason) -> Done:
    """Queue nothing until it is resumed."""
    return _pause(given, who, schedule_id, wish.reason, paused=True)


@router.post("/schedules/{schedule_id}/resume")
def resume_schedule(given: Given, who: Operator, schedule_id: ScheduleId, wish: Reason) -> Done:
    """Go on. What passed meanwhile is not made up for."""
    return _pause(given, who, schedule_id, wish.reason, paused=False)


@router.post("/schedules/{schedule_id}/backfill")
def backfill_schedule(given: Given, who: Operator, schedule_id: ScheduleId, wish: BackfillWish) -> BackfillAnswer:
    """Queue a job for each time that has passed and has none, at most 1,000 at once."""
    state, scheduler = _visible(given, who, schedule_id), given.mrq.scheduler()
    start, end = in_range(wish.start) or given.now(), in_range(wish.end) or given.now()
    try:
        times = scheduler.missing(state, start, end)
    except (ValueError, OverflowError) as error:
        raise RefusedError(422, "invalid", str(error)) from None
    jobs = [] if wish.dry_run else [str(job) for job in scheduler.backfill(state, times)]
    if not wish.dry_run:
        about = {"start": start, "end": end}
        given.note(who, "schedule.backfill", _target(state.id), about, reason=wish.reason, count=len(jobs))
    edges = (utc(times[0]), utc(times[-1])) if times else (None, None)
    return BackfillAnswer(missing=len(times), first=edges[0], last=edges[1], queued=jobs)


def _pause(given: Services, who: Principal, schedule_id: str, reason: str, *, paused: bool) -> Done:
    state = _visible(given, who, schedule_id)
    given.mrq.schedules.pause(state.id, paused=paused, now=given.now())
    given.note(who, "schedule.pause" if paused else "schedule.resume", _target(state.id), reason=reason)
    return Done()


def _put(given: Services, who: Principal, words: ScheduleWords, before: ScheduleState | None) -> ScheduleState:
    """`before`: the one that is changed. Another one is never overwritten."""
    now = given.now()
    schedule = _schedule(given, words, before, now)
    check_queue(who, schedule.queue or given.mrq.queue_of(schedule.path))
    given.mrq.check_schedule(schedule, "the schedule")
    if first_state(schedule, now).next is None:
        raise RefusedError(422, "invalid", "the schedule would never run: its times have passed")
    there = given.mrq.schedules.fetch(schedule_id(schedule.identity))
    if there is not None and before is not None and there.id != before.id:
        raise RefusedError(409, "exists", "there is another schedule of this name, or that says the same")
    if there is not None:
        _check_changeable(there)
    state = given.mrq.schedules.put(schedule, now)
    _check_changeable(state)  # the store leaves those of the config as they are
    return state


def _schedule(given: Services, words: ScheduleWords, before: ScheduleState | None, now: datetime) -> Schedule:
    entry = {name: value for name, value in words.model_dump(exclude_none=True).items() if name != "task"}
    entry["path"] = words.task
    if words.cron is None:
        entry.pop("timezone", None)
    for name in ("missed", "overlap"):
        entry[name] = entry[name].value
    if words.params is not None:
        # secrets of one task are not for another
        stored = before.schedule.params if before is not None and before.schedule.path == words.task else None
        entry["params"] = kept(words.params, stored, given.shower)
    if not is_storable(words.params or {}):
        raise RefusedError(422, "invalid", "params: a job can't have these")
    try:
        return schedule_of(entry, now, "the schedule")
    except OverflowError:
        raise RefusedError(422, "invalid", "a time is out of range") from None


def _of_name(given: Services, who: Principal, name: str | None) -> ScheduleState | None:
    """The schedule that has a name, if he may change it."""
    state = None if name is None else given.mrq.schedules.fetch(schedule_id(f"name:{name}"))
    if state is None:
        return None
    if not who.sees(queue_of(given, state)):
        raise RefusedError(409, "exists", "another schedule, of a queue that is not yours, has this name")
    _check_changeable(state)
    return state


def _check_changeable(state: ScheduleState) -> None:
    if state.from_config:
        raise RefusedError(409, "from_config", "it is in SCHEDULER_TASKS; change it there, or choose another name")


def _changeable(given: Services, who: Principal, schedule_id: str) -> ScheduleState:
    state = _visible(given, who, schedule_id)
    _check_changeable(state)
    return state


def _visible(given: Services, who: Principal, schedule_id: str) -> ScheduleState:
    try:
        name = bytes.fromhex(schedule_id)
    except ValueError:
        name = b""
    state = given.mrq.schedules.fetch(name) if len(name) == 12 else None
    if state is None or not who.sees(queue_of(given, state)):
        raise ScheduleNotFoundError(f"there is no schedule {schedule_id[:100]}; GET /api/v1/schedules lists them")
    return state


def _target(schedule: bytes) -> str:
    return f"schedule:{schedule.hex()}"


def _model(given: Services, state: ScheduleState, longest: int = SHORT) -> ScheduleModel:
    says = state.schedule
    return ScheduleModel(
        id=state.id.hex(),
        name=says.name,
        task=storable(says.path),
        params=given.shower.value(says.params, longest),
        queue=queue_of(given, state),
        interval=says.interval,
        dailytime=says.dailytime,
        weekday=says.weekday,
        monthday=says.monthday,
        cron=says.cron,
        timezone=says.timezone,
        at=utc(says.at),
        jitter=says.jitter,
        start=utc(says.start),
        end=utc(says.end),
        missed=says.missed,
        missed_limit=says.missed_limit,
        overlap=says.overlap,
        next=utc(state.next),
        is_late=is_late(state, given.now()),
        paused=state.paused,
        last_queued=utc(state.last_queued),
        last_job=None if state.last_job is None else state.last_job.hex(),
        from_config=state.from_config,
        gaps=gaps_of(state),
    )
