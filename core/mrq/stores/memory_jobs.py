"""JobStore in memory: documents of MongoDB's shape, changed by the same updates.

Not a mock: it runs the real engine and passes the same contract tests.
"""

from __future__ import annotations

import copy
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import bson

from mrq.domain.change import MOST_OVERRUNS
from mrq.domain.jobfilter import Page
from mrq.domain.status import Status, sources_of
from mrq.ports.jobs import Settled, SettleResult
from mrq.stores import documents
from mrq.stores.attempt_documents import keep_last
from mrq.stores.ids import new_id, parse_id
from mrq.stores.job_filters import fits, found
from mrq.stores.memory_expiry import dropped
from mrq.stores.memory_failures import Sighting
from mrq.stores.mongo_indexes import JOBS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from mrq.domain.change import Settlement
    from mrq.domain.ids import JobId, Token, WorkerId
    from mrq.domain.job import ClaimedJob, JobRecord, NewJob
    from mrq.domain.jobfilter import JobFilter
    from mrq.domain.jobkeys import Standing
    from mrq.ports.jobs import Claim
    from mrq.stores.documents import Document


class MemoryJobStore:
    """See mrq.ports.jobs.JobStore."""

    def __init__(self) -> None:
        self._documents: dict[JobId, Document] = {}
        self._lock = threading.RLock()
        self._indexed = False
        self.sightings: dict[str, Sighting] = {}  # of failures, by fingerprint
        self.new_id = new_id
        self.parse_id = parse_id

    # ---- queueing

    def check(self, jobs: Sequence[NewJob]) -> None:
        """See JobStore."""
        for job in jobs:
            documents.encode_new(job)

    def insert(self, jobs: Sequence[NewJob]) -> None:
        """See JobStore. What is stored is a copy, as BSON would return it."""
        with self._lock:
            for job in jobs:
                self._documents.setdefault(job.id, bson.decode(documents.encode_new(job), documents.CODEC))

    def insert_started(self, jobs: Sequence[ClaimedJob]) -> dict[JobId, str]:
        """See JobStore."""
        refused: dict[JobId, str] = {}
        with self._lock:
            for job in jobs:
                encoded, reason = documents.check_started(job)
                if encoded is None:
                    refused[job.id] = reason or ""
                else:
                    self._documents.setdefault(job.id, bson.decode(encoded))
        return refused

    def discard(self, jobs: Sequence[JobId], token: Token) -> None:
        """See JobStore."""
        with self._lock:
            for job in jobs:
                if (document := self._documents.get(job)) is not None and _is_ours(document, token):
                    del self._documents[job]

    def existing(self, jobs: Sequence[JobId]) -> set[JobId]:
        """See JobStore."""
        with self._lock:
            return {job for job in jobs if job in self._documents}

    # ---- claiming

    def claim(self, claim: Claim) -> list[ClaimedJob]:
        """See JobStore."""
        with self._lock:
            key = _place_in_root if claim.queue.serves_subqueues else _place
            free = self._where(_free_for(claim))
            # as MongoDB's: what a producer whose clock is ahead has queued is looked for when there is too little else
            due = [document for document in free if document["datequeued"] <= claim.now]
            found = due if len(due) >= claim.limit else free
            chosen = sorted(found, key=key, reverse=claim.queue.is_reverse)[: claim.limit]
            for document in chosen:
                apply_update(document, documents.claim_update(claim))
            return [documents.claimed(copy.deepcopy(document)) for document in chosen]

    def waits(self, claim: Claim) -> bool:
        """See JobStore."""
        with self._lock:
            return bool(self._where(_free_for(claim)))

    def start(self, job: JobId, worker: WorkerId, token: Token, now: datetime) -> ClaimedJob | None:
        """See JobStore."""

        def free(document: Document) -> bool:
            return document["status"] not in documents.NOT_STARTED_BY_ID or _is_ours(document, token)

        with self._lock:
            self._keep_last_run(job)
            if not self._update(job, free, documents.start_update(worker, token, now)):
                return None
            return documents.claimed(copy.deepcopy(self._documents[job]))

    def claimed_under(self, worker: WorkerId, token: Token) -> list[ClaimedJob]:
        """See JobStore."""
        return self._claimed(lambda d: _is_started(d, worker) and d.get("claim") == token)

    def started_by(self, worker: WorkerId, limit: int) -> list[ClaimedJob]:
        """See JobStore."""
        found = self._claimed(lambda d: _is_started(d, worker))[: max(1, limit)]
        for job in found:
            job.params = {}
        return found

    def workers_of_started(self) -> set[WorkerId]:
        """See JobStore."""
        with self._lock:
            return {d["worker"] for d in self._where(lambda d: d["status"] == Status.STARTED) if "worker" in d}

    def mark_alone(self, job: JobId, token: Token) -> bool:
        """See JobStore."""
        return self._update(job, lambda d: _is_ours(d, token), {"$set": {"alone": True}})

    # ---- settling

    def settle(self, settlements: Sequence[Settlement]) -> list[SettleResult]:
        """See JobStore."""
        return [self._settle(settlement) for settlement in settlements]

    def _settle(self, settlement: Settlement) -> SettleResult:
        encoded, reason = documents.check_change(settlement.change)
        if encoded is None:
            return SettleResult(Settled.UNSTORABLE, reason)
        update = documents.update_of(settlement.change, bson.decode(encoded, documents.CODEC))
        with self._lock:
            document = self._documents.get(settlement.id)
            if document is None and settlement.base is not None:
                whole, reason = documents.check_started(settlement.base)
                if whole is None:
                    return SettleResult(Settled.UNSTORABLE, reason, about_base=True)
                document = bson.decode(whole)
            if document is None:
                return SettleResult(Settled.REFUSED)
            if not _is_ours(document, settlement.token):
                before = document.get("claim") == settlement.token and document["status"] == settlement.change.status
                return SettleResult(Settled.WRITTEN if before else Settled.REFUSED)
            new = copy.deepcopy(document)
            apply_update(new, update)
            if len(bson.encode(new)) > documents.LARGEST_DOCUMENT:
                return SettleResult(Settled.UNSTORABLE, documents.too_large())
            self._documents[settlement.id] = new
            if (group := settlement.change.group) is not None:
                self.sightings[group] = Sighting.of(settlement.change.at, self.sightings.get(group))
            return SettleResult(Settled.WRITTEN)

    def _returning(self, until: datetime) -> list[Document]:
        return self._where(
            lambda document: (
                document["status"] in (Status.RETRY, Status.INTERRUPT)
                and "dateretry" in document
                and document["dateretry"] <= until
            )
        )

    def next_return(self, until: datetime) -> datetime | None:
        """See JobStore."""
        with self._lock:
            return min((document["dateretry"] for document in self._returning(until)), default=None)

    def bring_back(self, now: datetime, limit: int) -> dict[str, int]:
        """See JobStore."""
        with self._lock:
            found = self._returning(now)[: max(1, limit)]
            for document in found:
                apply_update(document, documents.return_update(now))
            return dict(Counter(document["queue"] for document in found))

    def move(self, job: JobId, to: Status, at: datetime, fields: Mapping[str, Any]) -> bool:
        """See JobStore."""
        sources = sources_of(to)
        if to is Status.QUEUED:
            self._keep_last_run(job)
        return self._update(job, lambda d: Status(d["status"]) in sources, documents.move_update(to, at, fields))

    def count_matching(self, which: JobFilter) -> int:
        """See JobStore."""
        with self._lock:
            return len(self._where(lambda d: fits(d, which)))

    def matching(self, which: JobFilter, limit: int) -> Page:
        """See JobStore."""
        limit = max(1, limit)
        with self._lock:
            fitting = sorted((found(d) for d in self._where(lambda d: fits(d, which))), key=lambda job: job.id)
        some = tuple(fitting[:limit])
        return Page(some, some[-1].id if len(some) == limit else None)

    def move_many(
        self, jobs: Sequence[JobId], which: JobFilter, to: Status, at: datetime, fields: Mapping[str, Any]
    ) -> int:
        """See JobStore."""
        update, movable = documents.move_update(to, at, fields), which.movable(to)
        for job in jobs if to is Status.QUEUED else ():
            self._keep_last_run(job)
        return sum(self._update(job, lambda d: fits(d, movable), update) for job in set(jobs))

    def set_progress(self, job: JobId, token: Token | None, ratio: float) -> None:
        """See JobStore."""
        self._update(job, lambda d: _is_ours(d, token), {"$set": {"progress": ratio}})

    # ---- reading

    def fetch(self, job: JobId) -> JobRecord | None:
        """See JobStore."""
        with self._lock:
            document = self._documents.get(job)
            return None if document is None else documents.record(copy.deepcopy(document))

    def children(self, job: JobId, limit: int) -> list[JobId]:
        """See JobStore."""
        with self._lock:
            return sorted(d["_id"] for d in self._where(lambda d: d.get("parent") == job))[: max(1, limit)]

    def standing(self, jobs: Sequence[JobId]) -> dict[JobId, Standing]:
        """See JobStore."""
        with self._lock:
            return {job: documents.standing(self._documents[job]) for job in jobs if job in self._documents}

    def count(self, queue: str, statuses: frozenset[Status]) -> int:
        """See JobStore."""
        with self._lock:
            return len(self._where(lambda d: _in_queue(d, queue) and d["status"] in statuses))

    def count_due(self, queue: str, now: datetime) -> int:
        """See JobStore."""
        with self._lock:
            return len(self._where(lambda d: _in_queue(d, queue) and _may_start(d, now)))

    def count_by_queue(self, status: Status) -> dict[str, int]:
        """See JobStore."""
        with self._lock:
            return dict(Counter(d["queue"] for d in self._where(lambda d: d["status"] == status)))

    def queue_names(self) -> set[str]:
        """See JobStore."""
        with self._lock:
            return {document["queue"] for document in self._documents.values()}

    def list_ids(self, queue: str, status: Status, skip: int, limit: int) -> list[JobId]:
        """See JobStore."""
        with self._lock:
            found = sorted(self._where(lambda d: _in_queue(d, queue) and d["status"] == status), key=_place)
            return [document["_id"] for document in found[max(0, skip) : max(0, skip) + max(1, limit)]]

    def subqueues(self, root: str) -> set[str]:
        """See JobStore."""
        live = (Status.QUEUED, Status.STARTED)
        with self._lock:
            return {d["queue"] for d in self._where(lambda d: _in_queue(d, f"{root}/") and d["status"] in live)}

    def remove_queue(self, queue: str) -> int:
        """See JobStore."""
        with self._lock:
            found = self._where(lambda d: _in_queue(d, queue))
            for document in found:
                del self._documents[document["_id"]]
            return len(found)

    # ---- upkeep

    def expire(self, before: datetime, limit: int) -> int:
        """See JobStore."""
        with self._lock:
            return dropped(self._documents, lambda document: document.get("dateexpires", before) < before, limit)

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See JobStore. There are none to create, but whoever asks is told the same."""
        missing, self._indexed = self.missing_indexes(), True
        return missing

    def missing_indexes(self) -> list[str]:
        """See JobStore."""
        return [] if self._indexed else [model.document["name"] for model in JOBS]

    def documents(self) -> list[Document]:
        """Copies of all documents, for reports."""
        with self._lock:
            return copy.deepcopy(list(self._documents.values()))

    def ping(self) -> str:
        """See JobStore."""
        return f"memory of this process, {len(self._documents)} jobs"

    # ---- inside, with the lock held

    def _where(self, condition: Callable[[Document], bool]) -> list[Document]:
        return [document for document in self._documents.values() if condition(document)]

    def _claimed(self, condition: Callable[[Document], bool]) -> list[ClaimedJob]:
        with self._lock:
            return [documents.claimed(copy.deepcopy(d)) for d in sorted(self._where(condition), key=_place)]

    def _keep_last_run(self, job: JobId) -> None:
        """It may run again: what is only in the fields of one that ended well becomes an attempt."""
        with self._lock:
            document = self._documents.get(job)
            kept = None if document is None else keep_last(document)
            if document is not None and kept is not None:
                apply_update(document, kept[1])

    def _update(self, job: JobId, condition: Callable[[Document], bool], update: Document) -> bool:
        with self._lock:
            document = self._documents.get(job)
            if document is None or not condition(document):
                return False
            apply_update(document, update)
            return True


def _may_start(document: Document, now: datetime) -> bool:
    due: datetime = document.get("datedue", now)
    return document["status"] == Status.QUEUED and due <= now


def _place(document: Document) -> tuple[datetime, JobId]:
    return document["datequeued"], document["_id"]


def _place_in_root(document: Document) -> tuple[str, datetime, JobId]:
    return document["queue"], *_place(document)


def _is_claimed_from(claim: Claim, queue: str) -> bool:
    if not claim.queue.serves_subqueues:
        return queue == claim.queue.id
    if not queue.startswith(claim.queue.id) or queue in claim.paused:
        return False
    if claim.after is None:
        return True
    return queue < claim.after if claim.queue.is_reverse else queue > claim.after


def _in_queue(document: Document, queue: str) -> bool:
    name: str = document["queue"]
    return name.startswith(queue) if queue.endswith("/") else name == queue


def _is_started(document: Document, worker: WorkerId) -> bool:
    return document["status"] == Status.STARTED and document.get("worker") == worker


def _is_ours(document: Document, token: Token | None) -> bool:
    return document["status"] == Status.STARTED and document.get("claim") == token


def apply_update(document: Document, update: Document) -> None:
    """The part of MongoDB's update language that documents.py writes."""
    for name, value in update.get("$set", {}).items():
        document[name] = value
    for name in update.get("$unset", ()):
        document.pop(name, None)
    for name, by in update.get("$inc", {}).items():
        document[name] = document.get(name, 0) + by
    for name, push in update.get("$push", {}).items():
        document[name] = [*document.get(name, []), *push["$each"]][push["$slice"] :]


def _free_for(claim: Claim) -> Callable[[Document], bool]:
    """What a claim may take."""

    def free(document: Document) -> bool:
        path = document["path"]
        return (
            _may_start(document, claim.now)
            and _is_claimed_from(claim, document["queue"])
            and (not claim.only or path in claim.only)
            and path not in claim.never
            and not (claim.for_burst and document.get("overruns", 0) >= MOST_OVERRUNS)
        )

    return free
