"""The indexes and what each is for. Every index on jobs is paid for at every move, so there are few."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from pymongo import ASCENDING, IndexModel
from pymongo.errors import OperationFailure

from mrq.domain.status import Status
from mrq.ports.deploys import DEPLOYS_KEPT
from mrq.ports.failures import SIGHTINGS_KEPT
from mrq.ports.profiles import PROFILES_KEPT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from pymongo.collection import Collection

# Claims: a queue's waiting jobs in their order. Partial, so ended jobs cost nothing in it.
QUEUED = IndexModel(
    [("queue", ASCENDING), ("datequeued", ASCENDING), ("_id", ASCENDING)],
    name="mrq_queued",
    partialFilterExpression={"status": Status.QUEUED.value},
)
# Rescue, and a worker's look at what it holds. Only ever as large as what is running.
STARTED = IndexModel(
    [("worker", ASCENDING)], name="mrq_started", partialFilterExpression={"status": Status.STARTED.value}
)
# Expiry, done by MongoDB. Same name and options as MRQ 0.9's.
EXPIRES = IndexModel([("dateexpires", ASCENDING)], name="dateexpires_1", sparse=True, expireAfterSeconds=0)
# Retries and interrupted jobs that are due. Same as MRQ 0.9's.
RETRY = IndexModel([("dateretry", ASCENDING)], name="dateretry_1", sparse=True)

# Groups of failures, each from its first to its last. Only jobs whose last run failed are in it, and only such an end
# writes its fields: other ends cost nothing in it.
FAILURES = IndexModel(
    [("fingerprint", ASCENDING), ("datefailed", ASCENDING)],
    name="mrq_failures",
    partialFilterExpression={"fingerprint": {"$exists": True}},
)

# Jobs that a job has queued. Nothing that happens to them later changes it.
CHILDREN = IndexModel(
    [("parent", ASCENDING), ("_id", ASCENDING)],
    name="mrq_children",
    partialFilterExpression={"parent": {"$exists": True}},
)

# Failures by age, for people. Jobs without an exception cost nothing in it.
FAILED = IndexModel(
    [("status", ASCENDING), ("_id", ASCENDING)],
    name="mrq_failed",
    partialFilterExpression={"exceptiontype": {"$exists": True}},
)

JOBS = (QUEUED, STARTED, EXPIRES, RETRY, FAILED, FAILURES, CHILDREN)

WORKERS = (
    # Suspects by their last sign of life; documents of workers that are gone vanish after an hour (MRQ 0.9).
    IndexModel([("datereported", ASCENDING)], name="datereported_1", expireAfterSeconds=3600),
    # Bursts: those that run, and suspects by their stated end. Other workers are not in it.
    IndexModel([("deadline", ASCENDING)], name="mrq_deadline", partialFilterExpression={"deadline": {"$exists": True}}),
)

# Keys under which jobs are queued once: forgotten when they have not been used for long.
KEYS = (IndexModel([("dateexpires", ASCENDING)], name="dateexpires_1", expireAfterSeconds=0),)

DEPLOYS = (IndexModel([("at", ASCENDING)], name="at_1", expireAfterSeconds=int(DEPLOYS_KEPT.total_seconds())),)
SIGHTINGS = (IndexModel([("last", ASCENDING)], name="last_1", expireAfterSeconds=int(SIGHTINGS_KEPT.total_seconds())),)
PROFILES = (
    IndexModel(
        [("datestarted", ASCENDING)], name="datestarted_1", expireAfterSeconds=int(PROFILES_KEPT.total_seconds())
    ),
)

STATS_EXPIRY = IndexModel([("expires", ASCENDING)], name="expires_1", expireAfterSeconds=0)
# Statistics: those of a time in the order in which they are read, what is yet to be summed up, one worker's, expiry.
STATS = (
    IndexModel([("res", ASCENDING), ("start", ASCENDING), ("_id", ASCENDING)], name="mrq_period"),
    IndexModel(
        [("res", ASCENDING), ("pending", ASCENDING)],
        name="mrq_pending",
        partialFilterExpression={"pending": {"$exists": True}},
    ),
    IndexModel(
        [("worker", ASCENDING), ("start", ASCENDING)],
        name="mrq_worker",
        partialFilterExpression={"worker": {"$exists": True}},
    ),
    STATS_EXPIRY,
)
STATS_QUEUES = (
    IndexModel([("start", ASCENDING)], name="start_1"),
    STATS_EXPIRY,
)

T = TypeVar("T")

# Said along with any other condition on the field of a sparse index: DocumentDB uses such an index only then.
THERE = {"$exists": True}

_NO_SUCH_INDEX = 2  # for a hint; MongoDB's BadValue
_OTHER_OPTIONS = {85, 86}  # an index of this name or these keys exists with other options


def missing(collection: Collection[dict[str, Any]], wanted: Sequence[IndexModel]) -> list[IndexModel]:
    """Those that the collection doesn't have, by their names."""
    there = set(collection.index_information())
    return [model for model in wanted if model.document["name"] not in there]


def ensure(
    collection: Collection[dict[str, Any]], wanted: Sequence[IndexModel], largest: int | None = None
) -> list[str]:
    """Create what is missing; the names of what was. `largest`: not in a collection with more documents."""
    created: list[str] = []
    if largest is not None and collection.estimated_document_count() > largest:
        return created
    for model in missing(collection, wanted):
        try:
            created += collection.create_indexes([model])
        except OperationFailure as error:
            if error.code not in _OTHER_OPTIONS:
                raise
    return created


def on_index(ask: Callable[[], T], otherwise: Callable[[], T]) -> T:
    """The answer to a question that hints at an index; where that isn't there, the answer to the other one."""
    try:
        return ask()
    except OperationFailure as error:
        if error.code != _NO_SUCH_INDEX:
            raise
    return otherwise()


def expire(collection: Collection[dict[str, Any]], ttl: IndexModel, before: datetime, limit: int) -> int:
    """Delete at most `limit` documents that a TTL index should have deleted before a time; how many there were.

    They are found by that index alone: without it nothing is deleted, for looking through all would take too long.
    """
    (field,) = ttl.document["key"]
    overdue: dict[str, dict[str, Any]] = {
        field: {"$lt": before - timedelta(seconds=ttl.document["expireAfterSeconds"])}
    }
    if ttl.document.get("sparse"):
        overdue[field] |= THERE
    found = collection.find(overdue, {"_id": 1}).hint(ttl.document["name"]).limit(max(1, limit))
    names = on_index(lambda: [document["_id"] for document in found], list)
    # the condition again: some may have been given more time meanwhile
    return collection.delete_many({"_id": {"$in": names}, **overdue}).deleted_count if names else 0
