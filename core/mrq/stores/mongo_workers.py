"""WorkerStore on MongoDB: `mrq_workers`, with MRQ 0.9's fields and `lease`, `beat`, `deadline` beside them.

`datereported` is always MongoDB's own time. A worker is marked lost by its status.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pymongo
from pymongo import WriteConcern
from pymongo.collection import ReturnDocument
from pymongo.errors import DuplicateKeyError

from mrq.domain.lease import Lease
from mrq.domain.worker import WorkerStatus
from mrq.stores import mongo_indexes
from mrq.stores.mongo_client import translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from pymongo.collection import Collection
    from pymongo.database import Database

    from mrq.domain.ids import WorkerId
    from mrq.domain.worker import WorkerRecord
    from mrq.stores.documents import Document

_GONE = [WorkerStatus.STOP.value, WorkerStatus.LOST.value]
MOST_ENDED = 1000  # bursts
_NOT_LOST = {"$ne": WorkerStatus.LOST.value}


class MongoWorkerStore:
    """See mrq.ports.workers.WorkerStore."""

    def __init__(self, database: Database[Document]) -> None:
        self._database = database
        self._workers: Collection[Document] = database.get_collection(
            "mrq_workers", write_concern=WriteConcern("majority")
        )

    @translated
    def register(self, worker: WorkerRecord) -> None:
        """See WorkerStore. A repeated call is harmless."""
        update = {"$set": _registered(worker), "$inc": {"beat": 1}, "$currentDate": {"datereported": True}}
        self._workers.update_one({"_id": worker.id}, update, upsert=True)

    @translated
    def introduce(self, worker: WorkerRecord) -> bool:
        """See WorkerStore."""
        try:
            self._workers.insert_one({"_id": worker.id, **_registered(worker), "beat": 0})
        except DuplicateKeyError:
            return False
        self.register(worker)  # for the stamp, which is made by the database's clock
        return True

    @translated
    def beat(self, worker: WorkerId, timeout: float = 5.0, told: Callable[[], object] | None = None) -> datetime | None:
        """See WorkerStore."""
        with pymongo.timeout(timeout):
            document = self._workers.find_one_and_update(
                {"_id": worker, "status": _NOT_LOST},
                {"$inc": {"beat": 1}, "$currentDate": {"datereported": True}},
                projection={"datereported": 1, "orders.id": 1},
                return_document=ReturnDocument.AFTER,
            )
        if document is None:
            return None
        if told is not None and document.get("orders"):
            told()
        return document["datereported"]  # type: ignore[no-any-return]

    @translated
    def report(self, worker: WorkerId, report: Mapping[str, Any]) -> None:
        """See WorkerStore."""
        self._workers.update_one(
            {"_id": worker, "status": _NOT_LOST}, {"$set": dict(report), "$currentDate": {"datereported": True}}
        )

    @translated
    def stop(self, worker: WorkerId, report: Mapping[str, Any]) -> None:
        """See WorkerStore."""
        update = {**report, "status": WorkerStatus.STOP.value}
        self._workers.update_one(
            {"_id": worker, "status": _NOT_LOST}, {"$set": update, "$currentDate": {"datereported": True}}
        )

    @translated
    def suspects(self, silent_since: datetime) -> list[Lease]:
        """See WorkerStore. Workers of MRQ 0.9 state no lease and are never suspected."""
        found = self._workers.find(
            {
                "status": {"$nin": _GONE},
                "lease": {"$exists": True},
                "$or": [{"datereported": {"$lt": silent_since}}, {"deadline": {"$lt": silent_since}}],
            },
            {"beat": 1, "lease": 1, "deadline": 1},
        )
        return [Lease(d["_id"], d.get("beat", 0), float(d["lease"]), d.get("deadline")) for d in found]

    @translated
    def mark_lost(self, worker: WorkerId, beat: int) -> bool:
        """See WorkerStore."""
        marked = self._workers.update_one(
            {"_id": worker, "beat": beat, "status": {"$nin": _GONE}},
            {"$set": {"status": WorkerStatus.LOST.value, "jobs": []}, "$currentDate": {"datelost": True}},
        )
        return marked.modified_count == 1

    @translated
    def gone(self, workers: Iterable[WorkerId]) -> set[WorkerId]:
        """See WorkerStore."""
        asked = set(workers)
        if not asked:
            return set()
        alive = self._workers.find({"_id": {"$in": list(asked)}, "status": {"$nin": _GONE}}, {"_id": 1})
        return asked - {document["_id"] for document in alive}

    @translated
    def fetch(self, worker: WorkerId) -> dict[str, Any] | None:
        """See WorkerStore."""
        return self._workers.find_one({"_id": worker})

    @translated
    def alive(self, limit: int) -> list[dict[str, Any]]:
        """See WorkerStore."""
        return list(self._workers.find({"status": {"$nin": _GONE}}).limit(max(1, limit)))

    @translated
    def bursts(self) -> dict[str, int]:
        """See WorkerStore."""
        now = self._database.command("hello")["localTime"]
        groups = self._workers.aggregate(
            [
                {"$match": {"deadline": {"$gt": now}, "status": {"$nin": _GONE}}},
                {"$group": {"_id": "$config.worker_group", "workers": {"$sum": 1}}},
            ]
        )
        found: Counter[str] = Counter()
        for group in groups:
            found[group["_id"] or ""] += group["workers"]
        return dict(found)

    @translated
    def ended_bursts(self, seconds: float) -> dict[str, list[datetime]]:
        """See WorkerStore."""
        since = self._database.command("hello")["localTime"] - timedelta(seconds=seconds)
        # a deadline is later than its start, and on an index
        wanted = {"deadline": {"$gt": since}, "status": {"$in": _GONE}, "datestarted": {"$gt": since}}
        found: dict[str, list[datetime]] = defaultdict(list)
        for document in self._workers.find(wanted, {"config.worker_group": 1, "datestarted": 1}).limit(MOST_ENDED):
            found[document.get("config", {}).get("worker_group") or ""].append(document["datestarted"])
        return dict(found)

    @translated
    def expire(self, before: datetime, limit: int) -> int:
        """See WorkerStore."""
        return mongo_indexes.expire(self._workers, mongo_indexes.WORKERS[0], before, limit)

    @translated
    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See WorkerStore."""
        return mongo_indexes.ensure(self._workers, mongo_indexes.WORKERS, largest)


def _registered(worker: WorkerRecord) -> Document:
    values: Document = {
        "status": WorkerStatus.STARTED.value,
        "name": worker.name,
        "config": dict(worker.config),
        "datestarted": worker.datestarted,
        "lease": worker.lease,
        "done_jobs": 0,
        "jobs": [],
    }
    if worker.deadline is not None:
        values["deadline"] = worker.deadline
    return values
