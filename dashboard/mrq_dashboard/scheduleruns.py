"""The last runs of schedules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel, Field

from mrq.domain.job import JobRecord
from mrq.domain.jobfilter import JobFilter
from mrq.domain.joblist import JobQuery, Order
from mrq.domain.schedule import GRACE, ScheduleState, times_between
from mrq_dashboard.presenting import number
from mrq_dashboard.services import Services
from mrq_dashboard.shown import utc

MOST_GAPS: Final = 50


class ScheduleRun(BaseModel):
    """One of its last runs."""

    due: datetime | None
    job: str
    status: str | None
    drift: float | None = Field(description="seconds from the time that was meant to the start")
    seconds: float | None


def run_of(entry: Mapping[str, Any], job: JobRecord | None) -> ScheduleRun:
    """A run, from its entry in the history. job: None if it has expired."""
    due, began = entry.get("due"), job.datestarted if job else None
    drift = (began - due).total_seconds() if isinstance(began, datetime) and isinstance(due, datetime) else None
    return ScheduleRun(
        due=utc(due),
        job=str(entry["job"]),
        status=job.status.value if job else None,
        drift=drift,
        seconds=number(job.totaltime) if job else None,
    )


def last_runs(given: Services, states: Sequence[ScheduleState]) -> dict[bytes, ScheduleRun]:
    """The last run of each schedule that had one, by the schedule's id. The jobs are read by one query."""
    entries = {state.id: state.history[-1] for state in states if state.history}
    if not entries:
        return {}
    ids = frozenset(entry["job"] for entry in entries.values())
    page = given.mrq.job_lists.page(JobQuery(JobFilter(ids=ids)), Order.NEWEST, len(ids))
    jobs = {job.id: job for job in page.jobs}
    return {name: run_of(entry, jobs.get(entry["job"])) for name, entry in entries.items()}


def gaps_of(state: ScheduleState) -> int:
    """Times between the first and the last run in the history that have no job, at most MOST_GAPS."""
    runs = {due for entry in state.history if isinstance(due := entry.get("due"), datetime)}
    if len(runs) < 2:
        return 0
    times = times_between(state, min(runs), max(runs), len(runs) + MOST_GAPS)
    return min(MOST_GAPS, sum(time not in runs for time in times))


def queue_of(given: Services, state: ScheduleState) -> str:
    """Where its jobs wait."""
    return state.schedule.queue or given.mrq.queue_of(state.schedule.path)


def is_late(state: ScheduleState, now: datetime) -> bool:
    """Whether its time has come, and more than a grace has passed."""
    return not state.paused and state.next is not None and state.next < now - GRACE - timedelta(seconds=60)
