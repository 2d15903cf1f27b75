"""Failed jobs in groups."""

from __future__ import annotations

import hashlib

from mrq.domain.job import JobRecord
from mrq.ports.reports import FAILED
from mrq_dashboard.identity import Principal
from mrq_dashboard.models import FailureGroup, Failures
from mrq_dashboard.presenting import created
from mrq_dashboard.services import Services
from mrq_dashboard.shown import storable, utc

LOOKED_AT = 2_000
MOST_GROUPS = 50


def fingerprint(task: str, exceptiontype: str) -> str:
    """Names a group, as short text."""
    return hashlib.sha256(f"{task}\0{exceptiontype}".encode(errors="replace")).hexdigest()[:12]


def failure_groups(given: Services, who: Principal, most: int = MOST_GROUPS) -> Failures:
    """The newest failures by task and kind of exception, the most frequent group first."""
    found = given.mrq.job_lists.newest_failed(FAILED, LOOKED_AT)
    groups: dict[tuple[str, str], list[JobRecord]] = {}
    for job in found:
        if who.sees(job.queue):
            groups.setdefault((job.path, str(job.exceptiontype)), []).append(job)
    most_frequent = sorted(groups.items(), key=lambda group: -len(group[1]))[:most]
    return Failures(
        groups=[_group(given, task, kind, jobs) for (task, kind), jobs in most_frequent],
        looked_at=len(found),
        complete=len(found) < LOOKED_AT and len(groups) <= most,
    )


def _group(given: Services, task: str, kind: str, jobs: list[JobRecord]) -> FailureGroup:
    times = [utc(job.dateupdated) or created(job.id) for job in jobs]
    example = given.mrq.jobs.fetch(jobs[0].id)
    lines = (example.traceback or "").strip().splitlines() if example is not None else []
    return FailureGroup(
        fingerprint=fingerprint(task, kind),
        task=storable(task),
        exceptiontype=storable(kind),
        jobs=len(jobs),
        first=min(times),
        last=max(times),
        example=str(jobs[0].id),
        message=given.shower.text(lines[-1].strip() if lines else kind, 500),
    )
