"""JobReports over the jobs of a MemoryJobStore."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bson import ObjectId

from mrq.domain.status import Status
from mrq.ports.reports import FAILED, Failures, Lately, SlowJob
from mrq.stores.task_reports import RETURNING, merged, newest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mrq.ports.reports import TaskReport
    from mrq.stores.documents import Document


class MemoryJobReports:
    """See mrq.ports.reports.JobReports."""

    def __init__(
        self,
        documents: Callable[[], Iterable[Document]],
        now: Callable[[], datetime] = lambda: datetime.now(UTC).replace(tzinfo=None),
    ) -> None:
        """`documents`: returns the documents of all jobs, as they are at the call."""
        self._documents = documents
        self.now = now

    def by_status(self) -> dict[Status, int]:
        """See JobReports."""
        return dict(Counter(Status(document["status"]) for document in self._documents()))

    def by_task(self, limit: int = 100) -> list[TaskReport]:
        """See JobReports."""
        grouped: dict[tuple[str, str], list[Document]] = defaultdict(list)
        for document in self._documents():
            grouped[document["path"], document["status"]].append(document)
        return merged((_group(path, status, jobs) for (path, status), jobs in grouped.items()), limit)

    def slowest(self, limit: int = 10) -> list[SlowJob]:
        """See JobReports."""
        well = [d for d in self._documents() if d["status"] == Status.SUCCESS and "totaltime" in d]
        well.sort(key=lambda document: document["totaltime"], reverse=True)
        return [SlowJob(d["_id"], d["path"], d["params"], d["totaltime"]) for d in well[:limit]]

    def failures(self, limit: int = 20) -> list[Failures]:
        """See JobReports."""
        grouped: dict[tuple[str, str], list[Document]] = defaultdict(list)
        for document in self._documents():
            if document["status"] in FAILED:
                grouped[document["path"], document.get("exceptiontype") or "unknown"].append(document)
        most = sorted(grouped.items(), key=lambda item: (-len(item[1]), item[0]))
        return [_failures(path, kind, jobs) for (path, kind), jobs in most[:limit]]

    def lately(self, since: datetime, limit: int = 1000) -> Lately:
        """See JobReports."""
        jobs = list(self._documents())
        first = ObjectId.from_datetime(since)
        failed = [d for d in jobs if d["_id"] >= first and d["status"] in FAILED]
        failed = sorted(failed, key=lambda job: job["_id"], reverse=True)[:limit]
        returning = [d for d in jobs if d["status"] in RETURNING and d.get("dateretry")]
        return Lately(len(failed), newest_of(failed, failed[0]) if failed else None, len(returning[:limit]))


def _group(path: str, status: str, jobs: list[Document]) -> dict[str, Any]:
    times = [job["totaltime"] for job in jobs if "totaltime" in job]
    return {
        "_id": {"path": path, "status": status},
        "jobs": len(jobs),
        "total": sum(times),
        "mean": sum(times) / len(times) if times else None,
        "longest": max(times, default=None),
    }


def _failures(path: str, kind: str, jobs: list[Document]) -> Failures:
    example = min(jobs, key=lambda job: job["_id"])
    return Failures(path, kind, len(jobs), example["_id"], example["params"], example.get("traceback") or "")
