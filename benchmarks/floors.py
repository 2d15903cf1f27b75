"""Bare pymongo loops that do the same operations on the same documents: what a queue could reach at best here.

Same indexes, same write concern (majority), same batches, the same fields. Each function returns seconds.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from bson import ObjectId
from pymongo import ReturnDocument, WriteConcern

if TYPE_CHECKING:
    from pymongo.collection import Collection
    from pymongo.database import Database

Document = dict[str, Any]
LOT = 1000  # documents in one insert, as queue_jobs does


def now() -> datetime:
    """Naive UTC, as stored."""
    return datetime.now(UTC).replace(tzinfo=None)


def jobs_of(database: Database[Document]) -> Collection[Document]:
    """The collection of the jobs, for majority writes."""
    return database.get_collection("mrq_jobs", write_concern=WriteConcern("majority"))


def documents(n: int) -> list[Document]:
    """What queue_jobs would insert."""
    at = now()
    return [
        {
            "_id": ObjectId(),
            "path": "benchmarks.tasks.noop",
            "params": {"number": number, "address": "someone@example.org"},
            "queue": "default",
            "datequeued": at,
            "status": "queued",
        }
        for number in range(n)
    ]


def insert(database: Database[Document], n: int) -> float:
    """insert_many, in lots."""
    jobs, start = jobs_of(database), time.perf_counter()
    made = documents(n)
    for first in range(0, n, LOT):
        jobs.insert_many(made[first : first + LOT], ordered=False)
    return time.perf_counter() - start


def insert_each(database: Database[Document], n: int) -> float:
    """insert_one for each job: with w=majority each waits until the journal is on the disk."""
    jobs, start = jobs_of(database), time.perf_counter()
    for document in documents(n):
        jobs.insert_one(document)
    return time.perf_counter() - start


def end_of(document: Document, token: ObjectId, at: datetime) -> tuple[Document, Document]:
    """Under which condition the end of a job is written, and what."""
    end = {
        "status": "success",
        "dateupdated": at,
        "dateexpires": at + timedelta(days=7),
        "totaltime": 0.001,
        "result": document["params"]["number"],
    }
    return {"_id": document["_id"], "status": "started", "claim": token}, {"$set": end}


def ends_of(found: list[Document], token: ObjectId, at: datetime) -> tuple[Document, list[Document]]:
    """The same for all jobs of a claim: each gets its own values, out of a list."""
    ids = [document["_id"] for document in found]
    values = [end_of(document, token, at)[1]["$set"] for document in found]
    place: Document = {"$indexOfArray": [{"$literal": ids}, "$_id"]}
    own: Document = {"$arrayElemAt": [{"$literal": values}, place]}
    fence = {"_id": {"$in": ids}, "status": "started", "claim": token}
    return fence, [{"$replaceWith": {"$mergeObjects": ["$$ROOT", own]}}]


def batched(database: Database[Document], n: int, batch: int) -> float:
    """Find a batch, mark it, write its ends in one update: until nothing is left."""
    jobs, worker, done, start = jobs_of(database), ObjectId(), 0, time.perf_counter()
    while True:
        at = now()
        found = list(
            jobs.find({"queue": "default", "status": "queued", "datequeued": {"$lte": at}})
            .sort([("datequeued", 1), ("_id", 1)])
            .limit(batch)
        )
        if not found:
            break
        token = ObjectId()
        started = {"status": "started", "datestarted": at, "worker": worker, "claim": token}
        ids = [document["_id"] for document in found]
        jobs.update_many({"_id": {"$in": ids}, "status": "queued"}, {"$set": started})
        at = now()
        jobs.update_many(*ends_of(found, token, at))
        done += len(found)
    if done != n:
        raise RuntimeError(f"{done} jobs were done, not {n}")
    return time.perf_counter() - start


def one_by_one(database: Database[Document], n: int) -> float:
    """find_one_and_update and update_one for each job, as simple workers do. `n` jobs of those that wait."""
    jobs, worker, start = jobs_of(database), ObjectId(), time.perf_counter()
    for _ in range(n):
        at, token = now(), ObjectId()
        document = jobs.find_one_and_update(
            {"queue": "default", "status": "queued", "datequeued": {"$lte": at}},
            {"$set": {"status": "started", "datestarted": at, "worker": worker, "claim": token}},
            sort=[("datequeued", 1), ("_id", 1)],
            return_document=ReturnDocument.AFTER,
        )
        if document is None:
            raise RuntimeError("fewer jobs wait than were to be run")
        jobs.update_one(*end_of(document, token, now()))
    return time.perf_counter() - start
