"""JobReports on MongoDB: aggregations of stages and operators that DocumentDB has as well."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from bson import ObjectId

from mrq.domain.status import Status
from mrq.ports.reports import FAILED, Failures, Lately, SlowJob
from mrq.stores.mongo_client import translated
from mrq.stores.mongo_indexes import THERE
from mrq.stores.task_reports import RETURNING, merged, newest_of

if TYPE_CHECKING:
    from pymongo.database import Database

    from mrq.ports.reports import TaskReport
    from mrq.stores.documents import Document

LONGEST_LOOK = 10_000  # milliseconds that the database may work on one answer
BEGINNING = datetime(1970, 1, 1)  # noqa: DTZ001 - naive and in UTC, as all times here
SHORT_LOOK = 2_000  # on one for a quick overview
MOST_GROUPS = 10_000  # groups that are read for one answer, whatever its limit

_SUCCESS: Document = {"$match": {"status": Status.SUCCESS.value}}
_FAILED: Document = {"$match": {"status": {"$in": sorted(FAILED)}}}


class MongoJobReports:
    """See mrq.ports.reports.JobReports."""

    def __init__(self, database: Database[Document]) -> None:
        self._database = database
        self._jobs = database.get_collection("mrq_jobs")

    @translated
    def by_status(self) -> dict[Status, int]:
        """See JobReports."""
        groups = self._ask({"$group": {"_id": "$status", "jobs": {"$sum": 1}}})
        return {Status(group["_id"]): group["jobs"] for group in groups}

    @translated
    def by_task(self, limit: int = 100) -> list[TaskReport]:
        """See JobReports."""
        groups = self._ask(
            {
                "$group": {
                    "_id": {"path": "$path", "status": "$status"},
                    "jobs": {"$sum": 1},
                    "total": {"$sum": "$totaltime"},
                    "mean": {"$avg": "$totaltime"},
                    "longest": {"$max": "$totaltime"},
                }
            },
            {"$sort": {"jobs": -1}},
            {"$limit": MOST_GROUPS},
        )
        return merged(groups, limit)

    @translated
    def slowest(self, limit: int = 10) -> list[SlowJob]:
        """See JobReports."""
        found = self._ask(_SUCCESS, {"$sort": {"totaltime": -1}}, {"$limit": limit})
        return [SlowJob(d["_id"], d["path"], d.get("params") or {}, d["totaltime"]) for d in found if "totaltime" in d]

    @translated
    def failures(self, limit: int = 20) -> list[Failures]:
        """See JobReports."""
        groups = self._ask(
            _FAILED,
            {
                "$group": {
                    "_id": {"path": "$path", "exceptiontype": "$exceptiontype"},
                    "jobs": {"$sum": 1},
                    "example": {"$min": "$_id"},
                }
            },
            {"$sort": {"jobs": -1, "_id": 1}},
            {"$limit": limit},
        )
        wanted = {"_id": {"$in": [group["example"] for group in groups]}}
        found = self._jobs.find(wanted, {"params": 1, "traceback": 1}).limit(max(1, limit)).max_time_ms(LONGEST_LOOK)
        examples = {document["_id"]: document for document in found}
        return [_failures(group, examples.get(group["example"], {})) for group in groups]

    @translated
    def lately(self, since: datetime, limit: int = 1000) -> Lately:
        """See JobReports. An id begins with the time at which it was made: its index is the one of all jobs."""
        wanted = {"_id": {"$gte": ObjectId.from_datetime(since)}, **_FAILED["$match"]}
        found = self._jobs.find(wanted, {"path": 1, "exceptiontype": 1}).sort("_id", -1)
        failed = list(found.limit(max(1, limit)).max_time_ms(SHORT_LOOK))
        back = {"dateretry": {"$gt": BEGINNING, **THERE}, "status": {"$in": RETURNING}}
        returning = self._jobs.count_documents(back, limit=max(1, limit), maxTimeMS=SHORT_LOOK)
        example = None
        if failed:
            full = self._jobs.find_one({"_id": failed[0]["_id"]}, {"params": 1, "traceback": 1})
            example = newest_of(failed, full or {})
        return Lately(len(failed), example, returning)

    @translated
    def now(self) -> datetime:
        """See JobReports."""
        time: datetime = self._database.command("hello")["localTime"]
        return time

    def _ask(self, *stages: Document) -> list[dict[str, Any]]:
        return list(self._jobs.aggregate(list(stages), maxTimeMS=LONGEST_LOOK))


def _failures(group: Document, example: Document) -> Failures:
    return Failures(
        path=group["_id"].get("path") or "",
        exceptiontype=group["_id"].get("exceptiontype") or "unknown",
        jobs=group["jobs"],
        example=group["example"],
        params=example.get("params") or {},
        traceback=example.get("traceback") or "",
    )
