"""JobFilter as a MongoDB query, and the same judged in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mrq.domain.jobfilter import FoundJob
from mrq.domain.queuename import parse_queue
from mrq.domain.status import Status
from mrq.stores.documents import queue_range

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mrq.domain.jobfilter import JobFilter
    from mrq.stores.documents import Document

QUEUE, RAW_QUEUE = "queue", "raw_queue"
FOUND_FIELDS = ("path", "queue", "status", "datestarted", "worker", "claim")


def query_of(which: JobFilter) -> Document:
    """The query. Values are always compared, never taken for operators."""
    every: list[Document] = []
    if which.ids is not None:
        every.append({"_id": _one_of(which.ids)})
    if which.after is not None:
        every.append({"_id": {"$gt": which.after}})
    if which.until is not None:
        every.append({"_id": {"$lte": which.until}})
    if which.but is not None:
        every.append({"_id": {"$ne": which.but}})
    if which.statuses is not None:
        # $eq where it can be: only then may a partial index be used
        every.append({"status": _one_of(status.value for status in which.statuses)})
    if _only_started(which) and which.workers is None:
        every.append({"worker": {"$exists": True}})  # for the index on running jobs
    if which.queues is not None:
        every.append(_queues(which.queues))
    for name, values in (
        ("worker", which.workers), ("path", which.paths), ("exceptiontype", which.exceptiontypes),
        ("fingerprint", which.fingerprints),
    ):  # fmt: skip
        if values is not None:
            every.append({name: _one_of(values)})
    if which.dateretry is not None:
        every.append(_any_of([{"dateretry": _bounds(each.since, each.until)} for each in which.dateretry]))
    every += [{f"params.{name}": {"$eq": value}} for name, value in which.params.items()]
    return {"$and": every} if every else {}


def _only_started(which: JobFilter) -> bool:
    """Whether it fits started jobs alone. All of them have workers."""
    return which.statuses == frozenset({Status.STARTED})


def _one_of(values: Iterable[Any]) -> Any:
    listed = sorted(values)
    return listed[0] if len(listed) == 1 else {"$in": listed}


def _any_of(conditions: list[Document]) -> Document:
    if not conditions:
        return {"_id": {"$in": []}}
    return conditions[0] if len(conditions) == 1 else {"$or": conditions}


def _queues(queues: Iterable[str]) -> Document:
    conditions: list[Document] = []
    for name in (QUEUE, RAW_QUEUE):
        here = sorted(queue for queue in queues if _field_of(queue) == name)
        if single := [queue for queue in here if not queue.endswith("/")]:
            conditions.append({name: _one_of(single)})
        conditions += [{name: queue_range(queue)} for queue in here if queue.endswith("/")]
    return _any_of(conditions)


def _field_of(queue: str) -> str:
    """In which field jobs have a queue. The `queue` of those from a raw queue is the one for their retries."""
    return RAW_QUEUE if parse_queue(queue).is_raw else QUEUE


def _bounds(since: Any, until: Any) -> Document:
    """Of a field with a sparse index: DocumentDB uses that only if told that the field exists."""
    bounds = {name: value for name, value in (("$gte", since), ("$lte", until)) if value is not None}
    return {**bounds, "$exists": True}


def fits(document: Mapping[str, Any], which: JobFilter) -> bool:
    """Whether a filter fits a document: what `query_of` would find."""
    get, job = document.get, document["_id"]
    return (
        _among(job, which.ids)
        and (which.after is None or job > which.after)
        and (which.until is None or job <= which.until)
        and (which.but is None or job != which.but)
        and _among(get("status"), which.statuses)
        and ("worker" in document or not _only_started(which))
        and (which.queues is None or any(_in_queue(get(_field_of(queue)) or "", queue) for queue in which.queues))
        and _among(get("worker"), which.workers)
        and _among(get("path"), which.paths)
        and _among(get("exceptiontype"), which.exceptiontypes)
        and _among(get("fingerprint"), which.fingerprints)
        and (which.dateretry is None or any(_within(get("dateretry"), each) for each in which.dateretry))
        and all(_has(get("params"), name.split("."), value) for name, value in which.params.items())
    )


def _among(value: Any, wanted: frozenset[Any] | None) -> bool:
    return wanted is None or value in wanted


def _in_queue(name: str, queue: str) -> bool:
    return name.startswith(queue) if queue.endswith("/") else name == queue


def _within(value: Any, bounds: Any) -> bool:
    if value is None:
        return False
    return (bounds.since is None or value >= bounds.since) and (bounds.until is None or value <= bounds.until)


def _has(inside: Any, path: list[str], wanted: Any) -> bool:
    """As MongoDB looks for a value: a list has it if one of its items has, and what is missing is null."""
    if not path:
        if _same(inside, wanted):
            return True
        return isinstance(inside, list) and any(_same(item, wanted) for item in inside)
    if isinstance(inside, list):
        return any(_has(item, path, wanted) for item in inside if isinstance(item, dict))
    if isinstance(inside, dict) and path[0] in inside:
        return _has(inside[path[0]], path[1:], wanted)
    return wanted is None


def _same(value: Any, wanted: Any) -> bool:
    """Python's equality, but for True, which is no 1."""
    return isinstance(value, bool) == isinstance(wanted, bool) and value == wanted


def found(document: Mapping[str, Any]) -> FoundJob:
    """What is read of a job."""
    get = document.get
    return FoundJob(
        document["_id"],
        get("path") or "",
        get("queue") or "",
        Status(document["status"]),
        get("datestarted"),
        get("worker"),
        get("claim"),
    )
