"""StatsStore in memory, over the jobs of a MemoryJobStore: documents of MongoDB's shape. See memory_jobs."""

from __future__ import annotations

import copy
import threading
from collections import Counter
from typing import TYPE_CHECKING

import bson

from mrq.domain.change import MOST_OVERRUNS
from mrq.domain.queuename import parse_queue
from mrq.domain.stats import Backlog, TaskBacklog, counted_as
from mrq.domain.status import Status
from mrq.stores import stats_documents
from mrq.stores.documents import CODEC

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from mrq.domain.ids import WorkerId
    from mrq.domain.stats import Period, QueueSamples, Resolution
    from mrq.stores.stats_documents import Document


class MemoryStatsStore:
    """See mrq.ports.stats.StatsStore."""

    def __init__(self, jobs: Callable[[], Iterable[Document]] = tuple) -> None:
        """`jobs`: returns the documents of all jobs, as they are at the call."""
        self._jobs = jobs
        self._periods: dict[str, Document] = {}
        self._samples: dict[str, Document] = {}
        self._lock = threading.RLock()

    # ---- periods

    def put(self, period: Period, expires: datetime) -> bool:
        """See StatsStore."""
        document = stats_documents.period_document(period, expires)
        try:
            stored = bson.decode(bson.encode(document, codec_options=CODEC), CODEC)
        except bson.errors.BSONError as error:
            raise ValueError(f"statistics of {period.id} can't be stored: {error}") from error
        with self._lock:
            there = self._periods.get(period.id)
            if there is not None and there["rev"] > period.revision:
                return False
            self._periods[period.id] = stored
            return True

    def read(
        self,
        resolution: Resolution,
        start: datetime,
        end: datetime,
        *,
        limit: int,
        after: str | None = None,
        queue: str | None = None,
        path: str | None = None,
    ) -> list[Period]:
        """See StatsStore."""
        with self._lock:
            found = [
                {**d, "counts": [each for each in d["counts"] if stats_documents.is_of(each, queue, path)]}
                for d in self._between(start, end)
                if d["res"] == resolution.value and (after is None or d["_id"] > after)
            ]
            return [stats_documents.period_of(document) for document in found[: max(1, limit)]]

    def of_worker(self, worker: WorkerId, start: datetime, end: datetime, limit: int) -> list[Period]:
        """See StatsStore."""
        with self._lock:
            found = [{**d, "counts": []} for d in self._between(start, end) if d.get("worker") == worker]
            return [stats_documents.period_of(document) for document in found[: max(1, limit)]]

    def _between(self, start: datetime, end: datetime) -> list[Document]:
        found = [d for d in self._periods.values() if start <= d["start"] < end]
        return sorted(found, key=lambda document: (document["start"], document["_id"]))

    def pending(self, resolution: Resolution, start: datetime, end: datetime) -> datetime | None:
        """See StatsStore."""
        part = resolution.child
        with self._lock:
            waiting = (d["pending"] for d in self._periods.values() if d["res"] == part and "pending" in d)
            return min((pending for pending in waiting if start <= pending < end), default=None)

    def summed_up(self, parts: Iterable[Period]) -> None:
        """See StatsStore."""
        with self._lock:
            for part in parts:
                document = self._periods.get(part.id)
                if document is not None and document["rev"] == part.revision:
                    document.pop("pending", None)

    def expire(self, before: datetime, limit: int) -> int:
        """See StatsStore."""
        deleted = 0
        with self._lock:
            for documents in (self._periods, self._samples):
                expired = sorted((d for d in documents.values() if d["expires"] < before), key=lambda d: d["expires"])
                for document in expired[: max(1, limit)]:
                    del documents[document["_id"]]
                    deleted += 1
        return deleted

    # ---- queues

    def put_samples(self, samples: QueueSamples, expires: datetime) -> bool:
        """See StatsStore."""
        document = stats_documents.samples_document(samples, expires)
        with self._lock:
            if document["_id"] in self._samples:
                return False
            self._samples[document["_id"]] = copy.deepcopy(document)
            return True

    def has_samples(self, start: datetime) -> bool:
        """See StatsStore."""
        with self._lock:
            return stats_documents.samples_id(start) in self._samples

    def samples(self, start: datetime, end: datetime, limit: int, queue: str | None = None) -> list[QueueSamples]:
        """See StatsStore."""
        with self._lock:
            found = [
                {**d, "queues": [each for each in d["queues"] if queue in (None, each["q"])]}
                for d in sorted(self._samples.values(), key=lambda document: document["start"])
                if start <= d["start"] < end
            ]
            return [stats_documents.samples_of(document) for document in found[-max(1, limit) :]]

    def next_queue(self, after: str) -> str | None:
        """See StatsStore."""
        operator, name = stats_documents.behind(after)
        queues = {d["queue"] for d in self._jobs() if d["status"] == Status.QUEUED}
        first = min((q for q in queues if q > name or (q == name and operator == "$gte")), default=None)
        return None if first is None else counted_as(first)

    def backlog(self, queue: str, now: datetime, most: int) -> Backlog:
        """See StatsStore."""
        times = sorted(
            document["datequeued"]
            for document in self._jobs()
            if document["status"] == Status.QUEUED and document.get("datequeued") and _is_in(document["queue"], queue)
        )
        due = [time for time in times if time <= now]
        oldest = (now - due[0]).total_seconds() if due else None
        waiting, delayed = min(most, len(due)), min(most, len(times) - len(due))
        return Backlog(waiting, delayed, oldest, capped=most in (waiting, delayed))

    def waiting_by_path(self, queue: str, now: datetime, most: int) -> dict[str, TaskBacklog]:
        """See StatsStore."""
        due = [
            document
            for document in self._jobs()
            if document["status"] == Status.QUEUED
            and document.get("datequeued")
            and document["datequeued"] <= now
            and _is_in(document["queue"], queue)
        ]
        due.sort(key=lambda document: (document["queue"], document["datequeued"], document["_id"]))
        jobs = Counter(document["path"] for document in due[:most])
        overran = Counter(d["path"] for d in due[:most] if d.get("overruns", 0) >= MOST_OVERRUNS)
        return {path: TaskBacklog(many, overran[path]) for path, many in jobs.items()}

    def running(self, queue: str, most: int) -> int:
        """See StatsStore."""
        name, other = ("raw_queue", None) if parse_queue(queue).is_raw else ("queue", "raw_queue")
        started = (d for d in self._jobs() if d["status"] == Status.STARTED and "worker" in d and other not in d)
        return min(most, sum(1 for document in started if _is_in(document.get(name) or "", queue)))

    # ---- upkeep

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See StatsStore."""
        return []

    def missing_indexes(self) -> list[str]:
        """See StatsStore."""
        return []


def _is_in(name: str, queue: str) -> bool:
    return name.startswith(queue) if queue.endswith("/") else name == queue
