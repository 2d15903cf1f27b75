"""The other ports in memory: workers, wake-ups, locks. Not mocks either, see memory_jobs."""

from __future__ import annotations

import copy
import threading
import time
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mrq.domain.lease import Lease
from mrq.domain.worker import WorkerStatus
from mrq.stores.ids import new_id
from mrq.stores.memory_jobs import MemoryJobStore
from mrq.stores.memory_sizes import MemoryQueueSizes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from mrq.domain.ids import WorkerId
    from mrq.domain.worker import WorkerRecord
    from mrq.stores.documents import Document

LIFE_AFTER_DEATH = timedelta(hours=1)  # of a worker's document, as in MRQ 0.9

__all__ = ["MemoryJobStore", "MemoryLocks", "MemorySubscription", "MemoryWakeups", "MemoryWorkerStore"]


class MemoryWorkerStore:
    """See mrq.ports.workers.WorkerStore."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC).replace(tzinfo=None)) -> None:
        self._workers: dict[WorkerId, Document] = {}
        self._now = now
        self._lock = threading.RLock()

    def register(self, worker: WorkerRecord) -> None:
        """See WorkerStore."""
        with self._lock:
            document = self._workers.setdefault(worker.id, {"_id": worker.id, "beat": 0})
            document.update(
                status=WorkerStatus.STARTED.value,
                name=worker.name,
                config=dict(worker.config),
                datestarted=worker.datestarted,
                datereported=self._now(),
                lease=worker.lease,
                done_jobs=0,
                jobs=[],
                beat=document["beat"] + 1,
            )
            if worker.deadline is not None:
                document["deadline"] = worker.deadline

    def introduce(self, worker: WorkerRecord) -> bool:
        """See WorkerStore."""
        with self._lock:
            if worker.id in self._workers:
                return False
            self.register(worker)
            return True

    def beat(self, worker: WorkerId, timeout: float = 5.0, told: Callable[[], object] | None = None) -> datetime | None:
        """See WorkerStore."""
        with self._lock:
            document = self._not_lost(worker)
            if document is None:
                return None
            document["beat"] += 1
            now = document["datereported"] = self._now()
            waiting = document.get("orders")
        if told is not None and waiting:
            told()
        return now

    def report(self, worker: WorkerId, report: Mapping[str, Any]) -> None:
        """See WorkerStore."""
        with self._lock:
            document = self._not_lost(worker)
            if document is not None:
                document.update(copy.deepcopy(dict(report)), datereported=self._now())

    def stop(self, worker: WorkerId, report: Mapping[str, Any]) -> None:
        """See WorkerStore."""
        self.report(worker, {**report, "status": WorkerStatus.STOP.value})

    def suspects(self, silent_since: datetime) -> list[Lease]:
        """See WorkerStore."""
        with self._lock:
            return [
                Lease(d["_id"], d["beat"], d["lease"], d.get("deadline"))
                for d in self._living()
                if d["datereported"] < silent_since or ("deadline" in d and d["deadline"] < silent_since)
            ]

    def mark_lost(self, worker: WorkerId, beat: int) -> bool:
        """See WorkerStore."""
        with self._lock:
            document = self._workers.get(worker)
            if document is None or document not in self._living() or document["beat"] != beat:
                return False
            document.update(status=WorkerStatus.LOST.value, jobs=[], datelost=self._now())
            return True

    def bursts(self) -> dict[str, int]:
        """See WorkerStore."""
        with self._lock:
            running = [d for d in self._living() if "deadline" in d and d["deadline"] > self._now()]
            return dict(Counter(d["config"].get("worker_group") or "" for d in running))

    def ended_bursts(self, seconds: float) -> dict[str, list[datetime]]:
        """See WorkerStore."""
        since, found = self._now() - timedelta(seconds=seconds), defaultdict[str, list[datetime]](list)
        with self._lock:
            living = {document["_id"] for document in self._living()}
            for document in self._workers.values():
                if "deadline" in document and document["_id"] not in living and document["datestarted"] > since:
                    found[document["config"].get("worker_group") or ""].append(document["datestarted"])
        return dict(found)

    def gone(self, workers: Iterable[WorkerId]) -> set[WorkerId]:
        """See WorkerStore."""
        with self._lock:
            return set(workers) - {document["_id"] for document in self._living()}

    def change(self, worker: WorkerId, change: Callable[[Document], bool]) -> bool:
        """Change a worker's document in one go, for stores that keep things in it; False where there is none."""
        with self._lock:
            document = self._workers.get(worker)
            return document is not None and change(document)

    def fetch(self, worker: WorkerId) -> dict[str, Any] | None:
        """See WorkerStore."""
        with self._lock:
            return copy.deepcopy(self._workers.get(worker))

    def alive(self, limit: int) -> list[dict[str, Any]]:
        """See WorkerStore."""
        with self._lock:
            return copy.deepcopy(self._living()[: max(1, limit)])

    def expire(self, before: datetime, limit: int) -> int:
        """See WorkerStore."""
        silent_since = before - LIFE_AFTER_DEATH
        with self._lock:
            overdue = [name for name, d in self._workers.items() if d["datereported"] < silent_since][: max(1, limit)]
            for name in overdue:
                del self._workers[name]
            return len(overdue)

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See WorkerStore."""
        return []

    def _not_lost(self, worker: WorkerId) -> Document | None:
        document = self._workers.get(worker)
        return None if document is None or document["status"] == WorkerStatus.LOST else document

    def _living(self) -> list[Document]:
        gone = (WorkerStatus.STOP, WorkerStatus.LOST)
        return [document for document in self._workers.values() if document["status"] not in gone]


class MemoryWakeups:
    """See mrq.ports.wakeups.Wakeups."""

    def __init__(self, sizes: MemoryQueueSizes | None = None) -> None:
        self._ears: list[MemorySubscription] = []
        self._sizes = MemoryQueueSizes() if sizes is None else sizes
        self._lock = threading.Lock()

    def notify(self, roots: Iterable[str]) -> set[str]:
        """See Wakeups."""
        called = set(roots)
        heard: set[str] = set()
        with self._lock:
            for ear in self._ears:
                if called & ear.roots:
                    ear.called.set()
                    heard |= ear.roots
        return called - heard

    def announce(self, queue: str, jobs: int, size_ttl: float) -> bool:
        """See Wakeups."""
        self._sizes.add(queue, jobs, size_ttl)
        return bool(self.notify([queue.partition("/")[0]]))

    def leave_marks(self, root: str, jobs: int, ttl: float) -> None:
        """See Wakeups. No worker of MRQ 0.9 is in this process."""

    def subscribe(self, roots: Collection[str]) -> MemorySubscription:
        """See Wakeups."""
        ear = MemorySubscription(frozenset(roots), self._forget)
        with self._lock:
            self._ears.append(ear)
        return ear

    def ping(self) -> str:
        """See Wakeups."""
        return f"memory of this process, {len(self._ears)} listeners"

    def _forget(self, ear: MemorySubscription) -> None:
        with self._lock:
            if ear in self._ears:
                self._ears.remove(ear)


class MemorySubscription:
    """See mrq.ports.wakeups.Subscription."""

    def __init__(self, roots: frozenset[str], forget: Callable[[MemorySubscription], None]) -> None:
        self.roots = roots
        self.called = threading.Event()
        self._forget = forget
        self._closed = False

    def wait(self, timeout: float) -> bool:
        """See Subscription."""
        called = self.called.wait(timeout) and not self._closed
        if not self._closed:
            self.called.clear()
        return called

    def close(self) -> None:
        """See Subscription."""
        self._closed = True
        self._forget(self)
        self.called.set()


class MemoryLocks:
    """See mrq.ports.locks.Locks."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._held: dict[str, tuple[str, float]] = {}
        self._monotonic = monotonic
        self._lock = threading.Lock()

    def acquire(self, name: str, ttl: float) -> str | None:
        """See Locks."""
        with self._lock:
            if self._holder(name) is not None:
                return None
            key = str(new_id())
            self._held[name] = key, self._monotonic() + ttl
            return key

    def is_held(self, name: str) -> bool:
        """See Locks."""
        with self._lock:
            return self._holder(name) is not None

    def extend(self, name: str, key: str, ttl: float) -> bool:
        """See Locks."""
        with self._lock:
            if self._holder(name) != key:
                return False
            self._held[name] = key, self._monotonic() + ttl
            return True

    def release(self, name: str, key: str) -> bool:
        """See Locks."""
        with self._lock:
            if self._holder(name) != key:
                return False
            del self._held[name]
            return True

    def _holder(self, name: str) -> str | None:
        key, until = self._held.get(name, (None, 0.0))
        return key if until > self._monotonic() else None
