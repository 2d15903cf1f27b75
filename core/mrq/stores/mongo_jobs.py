"""JobStore on MongoDB. Claims and settlements are batches; every write is conditional, so it can be repeated."""

from __future__ import annotations

import contextlib
import dataclasses
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import bson
import pymongo
from bson.raw_bson import RawBSONDocument
from pymongo import ASCENDING, DESCENDING, ReturnDocument, UpdateOne, WriteConcern
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError

from mrq.domain.status import Status, sources_of
from mrq.stores import documents, mongo_bulk, mongo_indexes
from mrq.stores.attempt_documents import LAST_RUN_FIELDS, keep_last
from mrq.stores.ids import new_id, parse_id
from mrq.stores.mongo_client import is_passing, translated
from mrq.stores.mongo_settling import EndWriter
from mrq.stores.mongo_sightings import Sightings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from pymongo.collection import Collection
    from pymongo.database import Database

    from mrq.domain.change import Settlement
    from mrq.domain.ids import JobId, Token, WorkerId
    from mrq.domain.job import ClaimedJob, JobRecord, NewJob
    from mrq.domain.jobfilter import JobFilter, Page
    from mrq.domain.jobkeys import Standing
    from mrq.ports.jobs import Claim, SettleResult
    from mrq.stores.documents import Document

MAJORITY = WriteConcern("majority")
HORIZON = timedelta(minutes=1)  # how far ahead of ours a producer's clock may be; see MongoJobStore._candidates

LONGEST_LOOK = 2.0  # seconds for a look at all documents
LONGEST_SUM = 30_000  # milliseconds for sums over an index

_DUPLICATE = 11000
_CLAIMED = dict.fromkeys(documents.CLAIMED_FIELDS, 1)
_HELD = {name: 1 for name in documents.CLAIMED_FIELDS if name != "params"}


class MongoJobStore:
    """See mrq.ports.jobs.JobStore."""

    def __init__(self, database: Database[Document]) -> None:
        self._database = database
        self._jobs: Collection[Document] = database.get_collection("mrq_jobs", write_concern=MAJORITY)
        self._ends = EndWriter(self._jobs)
        self._sightings = Sightings(database)
        self._short = False  # the last look found fewer jobs than were wanted
        self.new_id = new_id
        self.parse_id = parse_id

    @property
    def collection(self) -> Collection[Document]:
        """`mrq_jobs`, for users."""
        return self._jobs

    # ---- queueing

    def check(self, jobs: Sequence[NewJob]) -> None:
        """See JobStore."""
        for job in jobs:
            documents.encode_new(job)

    @translated
    def insert(self, jobs: Sequence[NewJob]) -> None:
        """See JobStore."""
        new = [RawBSONDocument(documents.encode_new(job)) for job in jobs]
        if len(new) == 1:  # which costs the driver half
            with contextlib.suppress(DuplicateKeyError):  # that hides whether a majority has what is there already
                self._jobs.insert_one(new[0])
                return
        try:
            self._jobs.insert_many(new, ordered=False)
        except BulkWriteError as error:
            others = [e for e in error.details["writeErrors"] if e["code"] != _DUPLICATE]
            if others or error.details.get("writeConcernErrors"):
                raise

    @translated
    def insert_started(self, jobs: Sequence[ClaimedJob]) -> dict[JobId, str]:
        """See JobStore."""
        refused: dict[JobId, str] = {}
        encoded: list[RawBSONDocument] = []
        for job in jobs:
            document, reason = documents.check_started(job)
            if document is None:
                refused[job.id] = reason or ""
            else:
                encoded.append(RawBSONDocument(document))
        if encoded:
            try:
                self._jobs.insert_many(encoded, ordered=False)
            except BulkWriteError as error:
                others = [e for e in error.details["writeErrors"] if e["code"] != _DUPLICATE]
                if is_passing(error) or error.details.get("writeConcernErrors"):
                    raise
                refused.update((encoded[e["index"]]["_id"], e["errmsg"]) for e in others)
        return refused

    @translated
    def discard(self, jobs: Sequence[JobId], token: Token) -> None:
        """See JobStore."""
        self._jobs.delete_many({"_id": {"$in": list(jobs)}, "status": Status.STARTED.value, "claim": token})

    @translated
    def existing(self, jobs: Sequence[JobId]) -> set[JobId]:
        """See JobStore."""
        return {document["_id"] for document in self._jobs.find({"_id": {"$in": list(jobs)}}, {"_id": 1})}

    # ---- claiming

    @translated
    def claim(self, claim: Claim) -> list[ClaimedJob]:
        """See JobStore. One round trip for one job, two for many; a third when another worker was quicker for some."""
        if claim.limit == 1:
            return self._claim_one(claim)
        found = self._candidates(claim) if claim.limit > 0 else []  # to MongoDB, 0 means no limit
        if not found:
            return []
        ids = [document["_id"] for document in found]
        # the whole condition again: in between a job may have been requeued elsewhere, or for later
        wanted = {**documents.claim_filter(claim, claim.now + HORIZON), "_id": {"$in": ids}}
        won = self._jobs.update_many(wanted, documents.claim_update(claim)).modified_count
        if won == len(ids):
            for document in found:
                document["datestarted"], document["claim"] = claim.now, claim.token
                document.pop("alone", None)
            return [documents.claimed(document) for document in found]
        mine = {job.id: job for job in self._under(claim.worker, claim.token)} if won else {}
        return [mine[job_id] for job_id in ids if job_id in mine]

    def _claim_one(self, claim: Claim) -> list[ClaimedJob]:
        document = self._jobs.find_one_and_update(
            documents.claim_filter(claim, claim.now + HORIZON),
            documents.claim_update(claim),
            projection=_CLAIMED,
            sort=documents.claim_order(claim, ASCENDING, DESCENDING),
            return_document=ReturnDocument.AFTER,
        )
        return [] if document is None else [documents.claimed(document)]

    @translated
    def waits(self, claim: Claim) -> bool:
        """See JobStore."""
        return bool(self._candidates(dataclasses.replace(claim, limit=1)))

    def _candidates(self, claim: Claim) -> list[Document]:
        """The first due jobs of the queue; fewer than asked for when they are very large.

        The place of a delayed job is its due time, so those that wait for theirs lie behind all that can be taken.
        Only when there is too little of that are they looked over, as far as the horizon: a job from a producer
        whose clock is ahead lies among them. Where there was too little the last time, that look comes first: it finds
        the same, and an idle worker asks once instead of twice.
        """
        found = [] if self._short else self._first(claim, claim.now)
        if len(found) < claim.limit:
            found = self._first(claim, claim.now + HORIZON)
        self._short = len(found) < claim.limit
        return found

    def _first(self, claim: Claim, horizon: datetime) -> list[Document]:
        """Only the first batch of the cursor is taken: the server cuts it at 16 MiB."""
        cursor = self._jobs.find_raw_batches(
            documents.claim_filter(claim, horizon),
            _CLAIMED,
            sort=documents.claim_order(claim, ASCENDING, DESCENDING),
            limit=claim.limit,
            batch_size=claim.limit,
        )
        try:
            # pymongo types raw batches as documents
            return bson.decode_all(cast("bytes", next(cursor, b"")), documents.CODEC)
        finally:
            cursor.close()

    @translated
    def start(self, job: JobId, worker: WorkerId, token: Token, now: datetime) -> ClaimedJob | None:
        """See JobStore."""
        self._keep_last_runs([job])
        free = {"status": {"$nin": sorted(status.value for status in documents.NOT_STARTED_BY_ID)}}
        document = self._jobs.find_one_and_update(
            {"_id": job, "$or": [free, {"status": Status.STARTED.value, "claim": token}]},
            documents.start_update(worker, token, now),
            projection=_CLAIMED,
            return_document=ReturnDocument.AFTER,
        )
        return None if document is None else documents.claimed(document)

    def _under(self, worker: WorkerId, token: Token) -> list[ClaimedJob]:
        wanted = {"worker": worker, "status": Status.STARTED.value, "claim": token}
        order = [("datequeued", ASCENDING), ("_id", ASCENDING)]
        return [documents.claimed(document) for document in self._jobs.find(wanted, _CLAIMED).sort(order)]

    @translated
    def claimed_under(self, worker: WorkerId, token: Token) -> list[ClaimedJob]:
        """See JobStore."""
        return self._under(worker, token)

    @translated
    def started_by(self, worker: WorkerId, limit: int) -> list[ClaimedJob]:
        """See JobStore."""
        found = self._jobs.find({"worker": worker, "status": Status.STARTED.value}, _HELD).limit(max(1, limit))
        return [documents.claimed(document) for document in found]

    @translated
    def workers_of_started(self) -> set[WorkerId]:
        """See JobStore."""
        # the second condition lets the planner use the index, which is on workers
        wanted = {"status": Status.STARTED.value, "worker": {"$exists": True}}
        return self._different("worker", wanted)

    @translated
    def mark_alone(self, job: JobId, token: Token) -> bool:
        """See JobStore."""
        started = {"_id": job, "status": Status.STARTED.value, "claim": token}
        return self._jobs.update_one(started, {"$set": {"alone": True}}).matched_count == 1

    # ---- settling

    @translated
    def settle(self, settlements: Sequence[Settlement]) -> list[SettleResult]:
        """See JobStore."""
        results = self._ends.settle(settlements)
        self._sightings.note(settlements, results)
        return results

    @translated
    def next_return(self, until: datetime) -> datetime | None:
        """See JobStore."""
        first = self._jobs.find_one(_returning(until), {"dateretry": 1}, sort=[("dateretry", ASCENDING)])
        return None if first is None else first["dateretry"]

    @translated
    def bring_back(self, now: datetime, limit: int) -> dict[str, int]:
        """See JobStore."""
        due = _returning(now)
        found = list(self._jobs.find(due, {"queue": 1}).limit(max(1, limit)))
        if not found:
            return {}
        update = documents.return_update(now)
        self._jobs.update_many({"_id": {"$in": [d["_id"] for d in found]}, **due}, update)
        queues: dict[str, int] = defaultdict(int)
        for document in found:
            queues[document["queue"]] += 1
        return dict(queues)

    @translated
    def move(self, job: JobId, to: Status, at: datetime, fields: Mapping[str, Any]) -> bool:
        """See JobStore."""
        if to is Status.QUEUED:
            self._keep_last_runs([job])
        allowed = {"_id": job, "status": {"$in": sorted(status.value for status in sources_of(to))}}
        return self._jobs.update_one(allowed, documents.move_update(to, at, fields)).matched_count == 1

    @translated
    def count_matching(self, which: JobFilter) -> int:
        """See JobStore."""
        return mongo_bulk.count_matching(self._jobs, which)

    @translated
    def matching(self, which: JobFilter, limit: int) -> Page:
        """See JobStore."""
        return mongo_bulk.matching(self._jobs, which, limit)

    @translated
    def move_many(
        self, jobs: Sequence[JobId], which: JobFilter, to: Status, at: datetime, fields: Mapping[str, Any]
    ) -> int:
        """See JobStore."""
        if to is Status.QUEUED:
            self._keep_last_runs(jobs)
        return mongo_bulk.move_many(self._jobs, jobs, which, to, at, fields)

    def _keep_last_runs(self, jobs: Sequence[JobId]) -> None:
        """These jobs may run again: what is only in the fields of those that ended well becomes an attempt."""
        wanted = {"_id": {"$in": list(jobs)}, "status": Status.SUCCESS.value}
        found = self._jobs.find(wanted, dict.fromkeys(LAST_RUN_FIELDS, 1))
        kept = [kept for document in found if (kept := keep_last(document)) is not None]
        if kept:
            self._jobs.bulk_write([UpdateOne(unchanged, update) for unchanged, update in kept], ordered=False)

    @translated
    def set_progress(self, job: JobId, token: Token | None, ratio: float) -> None:
        """See JobStore."""
        started = {"_id": job, "status": Status.STARTED.value, "claim": token}
        self._jobs.update_one(started, {"$set": {"progress": ratio}})

    # ---- reading

    @translated
    def fetch(self, job: JobId) -> JobRecord | None:
        """See JobStore."""
        document = self._jobs.find_one({"_id": job})
        return None if document is None else documents.record(document)

    @translated
    def children(self, job: JobId, limit: int) -> list[JobId]:
        """See JobStore."""
        found = self._jobs.find({"parent": job}, {"_id": 1}).sort("_id", ASCENDING).limit(max(1, limit))
        return [document["_id"] for document in found]

    @translated
    def standing(self, jobs: Sequence[JobId]) -> dict[JobId, Standing]:
        """See JobStore."""
        found = self._jobs.find({"_id": {"$in": list(jobs)}}, dict.fromkeys(documents.STANDING_FIELDS, 1))
        return {document["_id"]: documents.standing(document) for document in found}

    @translated
    def count(self, queue: str, statuses: frozenset[Status]) -> int:
        """See JobStore."""
        total = 0
        for status in statuses:
            wanted: Document = {"queue": _queue_match(queue), "status": status.value}
            if status is Status.STARTED:
                wanted["worker"] = {"$exists": True}  # for the index on running jobs
            total += self._jobs.count_documents(wanted, maxTimeMS=LONGEST_SUM)
        return total

    @translated
    def count_due(self, queue: str, now: datetime) -> int:
        """See JobStore."""
        wanted = {"queue": _queue_match(queue), **documents.due_filter(now, now + HORIZON)}
        return self._jobs.count_documents(wanted, maxTimeMS=LONGEST_SUM)

    @translated
    def count_by_queue(self, status: Status) -> dict[str, int]:
        """See JobStore."""
        # the condition on the queue lets the planner use the index of waiting jobs
        wanted: Document = {"status": status.value, "queue": {"$gt": ""}}
        groups = self._jobs.aggregate(
            [{"$match": wanted}, {"$group": {"_id": "$queue", "jobs": {"$sum": 1}}}], maxTimeMS=LONGEST_SUM
        )
        return {group["_id"]: group["jobs"] for group in groups}

    @translated
    def queue_names(self) -> set[str]:
        """See JobStore."""
        try:
            with pymongo.timeout(LONGEST_LOOK):
                return self._different("queue", {})
        except PyMongoError as error:
            if not error.timeout:
                raise
        every = {"queue": {"$gt": ""}}
        queued = {"status": Status.QUEUED.value, **every}
        running = {"status": Status.STARTED.value, "worker": {"$exists": True}, **every}
        return {name for wanted in (queued, running) for name in self._different("queue", wanted, LONGEST_SUM)}

    @translated
    def list_ids(self, queue: str, status: Status, skip: int, limit: int) -> list[JobId]:
        """See JobStore."""
        found = self._jobs.find({"queue": _queue_match(queue), "status": status.value}, {"_id": 1})
        order = [("datequeued", ASCENDING), ("_id", ASCENDING)]
        return [document["_id"] for document in found.sort(order).skip(max(0, skip)).limit(max(1, limit))]

    @translated
    def subqueues(self, root: str) -> set[str]:
        """See JobStore."""
        under = {"queue": _queue_match(f"{root}/")}
        queued = {"status": Status.QUEUED.value, **under}
        running = {"status": Status.STARTED.value, "worker": {"$exists": True}, **under}
        return {name for wanted in (queued, running) for name in self._different("queue", wanted, LONGEST_SUM)}

    def _different(self, field: str, wanted: Document, longest: int | None = None) -> set[Any]:
        """The values that a field has. By a group, for DocumentDB uses no index for `distinct`."""
        limit: dict[str, Any] = {} if longest is None else {"maxTimeMS": longest}
        groups = self._jobs.aggregate([{"$match": wanted}, {"$group": {"_id": f"${field}"}}], **limit)
        return {group["_id"] for group in groups} - {None}

    @translated
    def remove_queue(self, queue: str) -> int:
        """See JobStore."""
        return self._jobs.delete_many({"queue": _queue_match(queue)}).deleted_count

    # ---- upkeep

    @translated
    def expire(self, before: datetime, limit: int) -> int:
        """See JobStore."""
        return mongo_indexes.expire(self._jobs, mongo_indexes.EXPIRES, before, limit)

    @translated
    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See JobStore."""
        return mongo_indexes.ensure(self._jobs, mongo_indexes.JOBS, largest)

    @translated
    def missing_indexes(self) -> list[str]:
        """See JobStore."""
        return [model.document["name"] for model in mongo_indexes.missing(self._jobs, mongo_indexes.JOBS)]

    @translated
    def ping(self) -> str:
        """See JobStore."""
        info = self._database.client.server_info()
        host = ", ".join(f"{host}:{port}" for host, port in sorted(self._database.client.nodes))
        return f"MongoDB {info['version']} at {host}, database {self._database.name}"


def _queue_match(queue: str) -> Any:
    """A queue, or, for `q/`, all its subqueues: a range of the index."""
    return documents.queue_range(queue) if queue.endswith("/") else queue


def _returning(until: datetime) -> Document:
    """Jobs that return by themselves up to a time. With a condition that lets the sparse index be used."""
    statuses = [Status.RETRY.value, Status.INTERRUPT.value]
    return {"dateretry": {"$lte": until, **mongo_indexes.THERE}, "status": {"$in": statuses}}
