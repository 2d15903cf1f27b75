"""From groups of jobs by task and status, as a database returns them, to one report a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mrq.domain.status import Status
from mrq.ports.reports import Failures, TaskReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

RETURNING = sorted([Status.RETRY.value, Status.INTERRUPT.value])
"""Statuses of jobs that come back by themselves, if they have a `dateretry`."""


def newest_of(failed: Sequence[Mapping[str, Any]], full: Mapping[str, Any]) -> Failures:
    """The first of some failed jobs, newest first, as an example for those like it. `full`: more of its document."""
    first = failed[0]
    path, kind = first.get("path") or "", first.get("exceptiontype") or "unknown"
    alike = sum((job.get("path") or "", job.get("exceptiontype") or "unknown") == (path, kind) for job in failed)
    return Failures(path, kind, alike, first["_id"], full.get("params") or {}, full.get("traceback") or "")


def merged(groups: Iterable[Mapping[str, Any]], limit: int) -> list[TaskReport]:
    """One report a task, that with most jobs first, at most `limit`.

    A group has `_id` (`path` and `status`), `jobs`, and `total`, `mean` and `longest` of its seconds.
    """
    tasks: dict[str, dict[Status, Mapping[str, Any]]] = {}
    for group in groups:
        tasks.setdefault(group["_id"].get("path") or "", {})[Status(group["_id"]["status"])] = group
    reports = [_report(path, by_status) for path, by_status in tasks.items()]
    return sorted(reports, key=lambda report: (-report.jobs, report.path))[:limit]


def _report(path: str, groups: Mapping[Status, Mapping[str, Any]]) -> TaskReport:
    well: Mapping[str, Any] = groups.get(Status.SUCCESS, {})
    return TaskReport(
        path,
        jobs=sum(group["jobs"] for group in groups.values()),
        by_status={status: group["jobs"] for status, group in groups.items()},
        mean=well.get("mean"),
        longest=well.get("longest"),
        total=well.get("total", 0.0),
    )
