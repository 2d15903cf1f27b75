"""Job documents: MRQ 0.9's fields in `mrq_jobs`, and what is new beside them.

    _id path params queue datequeued status          written when queued
    parent          the job in which it was queued
    traceparent tracestate    of who queued it, where that was traced
    datedue         not to be started before; `datequeued`, the place in the queue, is then the same
    datestarted worker claim                         written when claimed; `claim` is the token of the claim
    alone           the job runs with nothing beside it in its worker
    rateslot        the job was sent back once to wait for its turn under its task's rate: `datedue` is that turn
    losses losses_alone                              workers that died while it ran, and while it ran alone
    overruns        ends of bursts that cut it short though it had had the time its task takes
    dateupdated totaltime result dateexpires dateretry retry_count progress
    traceback exceptiontype traceback_history        written when it ends
    memory_diff     bytes by which the worker's process grew while it ran, if that was measured
    time switches longest io deploy fingerprint datefailed attempts   of its runs: see attempt_documents
    raw_queue       the raw queue that it came from; `queue` is then the one for its retries

Updates are MongoDB update documents; the memory store applies the same ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import bson
from bson.codec_options import CodecOptions, DatetimeConversion

from mrq.domain.change import MOST_OVERRUNS
from mrq.domain.job import ClaimedJob, JobRecord
from mrq.domain.jobkeys import Standing
from mrq.domain.status import Status
from mrq.exceptions import InvalidParamsError, JobTooLargeError
from mrq.stores.attempt_documents import attempts_of, push_of, run_fields
from mrq.stores.storable import check_depth, culprit, culprit_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from mrq.domain.change import JobChange
    from mrq.domain.ids import Token, WorkerId
    from mrq.domain.job import NewJob
    from mrq.domain.outcome import Failure
    from mrq.ports.jobs import Claim

Document = dict[str, Any]

LARGEST_DOCUMENT = 16 * 1024 * 1024  # MongoDB's limit
ROOM_FOR_THE_REST = 16 * 1024  # what a job's document holds besides its params, or besides its result
HISTORY_KEPT = 30  # entries of traceback_history

CLAIMED_FIELDS = (
    "_id", "path", "params", "queue", "datequeued", "datestarted", "claim", "retry_count", "losses", "losses_alone",
    "alone", "rateslot", "overruns", "traceparent", "tracestate",
)  # fmt: skip

LARGE_FIELDS = ("result", "traceback", "traceback_history")  # left out of lists

# Whatever is in the database can be read: a job that no worker can decode would end every worker of its queue.
CODEC: CodecOptions[Document] = CodecOptions(
    datetime_conversion=DatetimeConversion.DATETIME_AUTO, unicode_decode_error_handler="replace"
)


def document_of(job: NewJob) -> Document:
    """A queued job as it is inserted."""
    document: Document = {
        "_id": job.id,
        "path": job.path,
        "params": job.params,
        "queue": job.queue,
        "datequeued": job.datequeued,
        "status": Status.QUEUED.value,
    }
    if job.due is not None:
        document["datedue"] = job.due
    if job.parent is not None:
        document["parent"] = job.parent
    if job.trace:
        document.update(job.trace)
    return document


def encode_new(job: NewJob) -> bytes:
    """The document of a new job as BSON.

    Raises:
        InvalidParamsError: its params can't be held by BSON.
        JobTooLargeError: it would be larger than MongoDB allows.
    """
    if job.encoded is not None:
        return job.encoded
    try:
        encoded = bson.encode(document_of(job))
        check_depth(job.params, len(encoded), "params")
    except Exception as error:
        raise InvalidParamsError(
            f"params of {job.path} can't be stored: {culprit(job.params, 'params') or error}; nothing was queued"
        ) from error
    if len(encoded) > LARGEST_DOCUMENT - ROOM_FOR_THE_REST:
        raise JobTooLargeError(
            f"params of {job.path} take {len(encoded):,} bytes; a job may have {LARGEST_DOCUMENT:,}, its result "
            "included. Store the data elsewhere and pass a reference; nothing was queued"
        )
    job.encoded = encoded
    return encoded


def started_document(job: ClaimedJob) -> Document:
    """A job from a raw queue, as it is stored when it starts."""
    document: Document = {
        "_id": job.id,
        "path": job.path,
        "params": job.params,
        "queue": job.queue,
        "datequeued": job.datequeued,
        "status": Status.STARTED.value,
        "datestarted": job.datestarted,
        "claim": job.token,
    }
    if job.raw is not None:
        document["raw_queue"] = job.raw.queue
        document["worker"] = job.raw.worker
    if job.losses:
        document["losses"] = job.losses
    if job.trace:
        document.update(job.trace)
    return document


def check_started(job: ClaimedJob) -> tuple[bytes | None, str | None]:
    """Encode the document of a job from a raw queue: the bytes, or why it can't be stored."""
    try:
        encoded = bson.encode(started_document(job))
        check_depth(job.params, len(encoded), "params")
    except Exception as error:  # noqa: BLE001
        return None, f"the params of {job.path} can't be stored: {culprit(job.params, 'params') or error}"
    if len(encoded) > LARGEST_DOCUMENT - ROOM_FOR_THE_REST:
        return None, f"the params of {job.path} take {len(encoded):,} bytes; a job may have {LARGEST_DOCUMENT:,}"
    return encoded, None


def upsert_of(update: Document, base: ClaimedJob, names: Iterable[str]) -> Document:
    """An update that also makes the document. `names`: fields that it sets; those of the fence are set by that."""
    taken = {*names, "_id", "status", "claim"}
    rest = {name: value for name, value in started_document(base).items() if name not in taken}
    return {**update, "$setOnInsert": rest}


def claim_filter(claim: Claim, horizon: datetime) -> Document:
    """Which jobs a claim may take."""
    wanted: Document = {"queue": _queues_of(claim), **due_filter(claim.now, horizon)}
    if claim.only:
        wanted["path"] = {"$in": sorted(claim.only)}
    if claim.never:
        wanted.setdefault("path", {})["$nin"] = sorted(claim.never)
    if claim.for_burst:
        wanted["overruns"] = {"$not": {"$gte": MOST_OVERRUNS}}  # also true where there is none
    return wanted


def due_filter(now: datetime, horizon: datetime) -> Document:
    """Waiting jobs that may be started.

    `horizon` bounds the index scan behind the due jobs: delayed jobs further away than that are not even
    looked at, and clocks of producers may be ahead of ours by that much.
    """
    return {
        "status": Status.QUEUED.value,
        "datequeued": {"$lte": horizon},
        "datedue": {"$not": {"$gt": now}},  # also true where there is none
    }


def _queues_of(claim: Claim) -> Any:
    """The queue of a claim, or the range of its subqueues, which is one stretch of the index."""
    name = claim.queue
    if not name.serves_subqueues:
        return name.id
    bounds: Document = queue_range(name.id)
    if claim.after is not None and name.is_reverse:
        bounds["$lt"] = claim.after
    elif claim.after is not None:
        bounds = {"$gt": claim.after, "$lt": bounds["$lt"]}
    if paused := sorted(queue for queue in claim.paused if queue.startswith(name.id)):
        bounds["$nin"] = paused
    return bounds


def queue_range(queue: str) -> Document:
    """All subqueues of `q/`, as a range ("0" is the character after "/")."""
    return {"$gte": queue, "$lt": queue[:-1] + "0"}


def claim_order(claim: Claim, ascending: int, descending: int) -> list[tuple[str, int]]:
    """The order of a claim: subqueues by name, jobs by their place. It is that of the index."""
    order = descending if claim.queue.is_reverse else ascending
    fields = ("queue", "datequeued", "_id") if claim.queue.serves_subqueues else ("datequeued", "_id")
    return [(name, order) for name in fields]


def claim_update(claim: Claim) -> Document:
    """What a claim writes."""
    return start_update(claim.worker, claim.token, claim.now)


NOT_STARTED_BY_ID = frozenset({Status.STARTED, Status.CANCEL, Status.ABORT, Status.MAXRETRIES})
"""Jobs in these statuses are not started by their ids (MRQ 0.9; it would start a started job again)."""


def start_update(worker: WorkerId, token: Token, now: datetime) -> Document:
    """What starts a job."""
    return {
        "$set": {
            "status": Status.STARTED.value,
            "datestarted": now,
            "worker": worker,
            "claim": token,
        },
        # the result too: what an earlier run returned must not pass for that of this one
        "$unset": {"dateexpires": "", "dateretry": "", "alone": "", "result": "", "fingerprint": ""},
    }


def values_of(change: JobChange) -> Document:
    """The fields that a change sets."""
    values: Document = {"status": change.status.value, "dateupdated": change.at}
    optional = {
        "dateexpires": change.expires,
        "totaltime": change.totaltime,
        "result": change.result,
        "queue": change.queue,
        "datequeued": change.datequeued,
        "datedue": change.due,
        "rateslot": change.has_slot or None,
        "dateretry": change.dateretry,
        "retry_count": change.retry_count,
        "losses": change.losses,
        "losses_alone": change.losses_alone,
        "overruns": change.overruns,
        "progress": change.progress,
        "memory_diff": change.memory_diff,
    }
    values.update((name, value) for name, value in optional.items() if value is not None)
    if change.usage is not None or change.io is not None or change.deploy or change.attempt is not None:
        values.update(run_fields(change))
    if change.failure is not None:
        values["exceptiontype"] = change.failure.exceptiontype
        values["traceback"] = change.failure.traceback
    return values


def update_of(change: JobChange, values: Any) -> Document:
    """The whole update; `values` are those of `values_of`, or the same encoded."""
    update: Document = {"$set": values}
    if change.status is Status.QUEUED:
        gone = {"alone": "", "datedue": change.due, "rateslot": change.has_slot or None}
        update["$unset"] = {name: "" for name, value in gone.items() if not value}
    if change.failure is not None:
        entry = history_entry(change, change.failure)
        update["$push"] = {"traceback_history": {"$each": [entry], "$slice": -HISTORY_KEPT}}
    if change.attempt is not None:
        update.setdefault("$push", {})["attempts"] = push_of(change.attempt)
    return update


def history_entry(change: JobChange, failure: Failure) -> Document:
    """What a failed run adds to the job's history."""
    entry: Document = {
        "date": change.at,
        "status": change.status.value,
        "exceptiontype": failure.exceptiontype,
        "traceback": failure.traceback,
    }
    if change.worker is not None:
        entry["worker"] = change.worker
    if failure.original_traceback is not None:
        entry["original_traceback"] = failure.original_traceback
    return entry


_NOT_QUEUED = {"dateexpires": "", "dateretry": "", "datedue": "", "alone": "", "rateslot": "", "fingerprint": ""}


def return_update(at: datetime) -> Document:
    """What brings a retried or interrupted job back to the end of its queue."""
    values = {"status": Status.QUEUED.value, "dateupdated": at, "datequeued": at}
    return {"$set": values, "$unset": _NOT_QUEUED}


def move_update(to: Status, at: datetime, fields: Mapping[str, Any]) -> Document:
    """What a cancel or requeue from outside writes. Who requeues a job gives it a fresh start."""
    values: Document = {"status": to.value, "dateupdated": at, **fields}
    values = {name: value for name, value in values.items() if value is not None}
    update: Document = {"$set": values}
    if to is Status.QUEUED:
        update["$unset"] = {**_NOT_QUEUED, "losses": "", "losses_alone": "", "overruns": ""}
    return update


def claimed(document: Mapping[str, Any]) -> ClaimedJob:
    """A started job's document, or that of a queued one whose claim has just been written."""
    get = document.get
    return ClaimedJob(
        document["_id"],
        get("claim"),
        get("path") or "",
        cast("dict[str, Any]", get("params") or {}),
        get("queue") or "",
        get("datequeued"),
        document["datestarted"],
        get("retry_count") or 0,
        get("losses") or 0,
        get("losses_alone") or 0,
        bool(get("alone")),
        bool(get("rateslot")),
        get("overruns") or 0,
        trace=trace_of(document),
    )


def trace_of(document: Mapping[str, Any]) -> dict[str, str] | None:
    """What a job carries of the trace in which it was queued."""
    parent, state = document.get("traceparent"), document.get("tracestate")
    if not isinstance(parent, str):
        return None
    return {"traceparent": parent, "tracestate": state} if isinstance(state, str) else {"traceparent": parent}


STANDING_FIELDS = ("status", "dateupdated", "datestarted", "datequeued", "dateretry")


def standing(document: Mapping[str, Any]) -> Standing:
    """Where the job of a document stands."""
    get = document.get
    since = get("dateupdated") or get("datestarted") or get("datequeued")
    return Standing(document["_id"], Status(document["status"]), since, get("dateretry"))


def record(document: Document) -> JobRecord:
    """A job's document, read back."""
    get = document.get
    return JobRecord(
        id=document["_id"],
        path=get("path") or "",
        params=get("params") or {},
        queue=get("queue") or "",
        status=Status(document["status"]),
        datequeued=get("datequeued"),
        due=get("datedue"),
        datestarted=get("datestarted"),
        dateupdated=get("dateupdated"),
        dateexpires=get("dateexpires"),
        dateretry=get("dateretry"),
        worker=get("worker"),
        token=get("claim"),
        result=get("result"),
        progress=get("progress"),
        totaltime=get("totaltime"),
        retry_count=get("retry_count") or 0,
        losses=get("losses") or 0,
        losses_alone=get("losses_alone") or 0,
        overruns=get("overruns") or 0,
        exceptiontype=get("exceptiontype"),
        traceback=get("traceback"),
        parent=get("parent"),
        traceback_history=tuple(get("traceback_history") or ()),
        attempts=attempts_of(document),
        fingerprint=get("fingerprint"),
        document=document,
    )


def check_change(change: JobChange) -> tuple[bytes | None, str | None]:
    """Encode what a settlement sets: the bytes, or why it, or what it adds to the history, can't be stored."""
    values = values_of(change)
    try:
        encoded = bson.encode(values)
        size = len(encoded)
        check_depth([change.result], size, "it")
        if change.failure is not None:
            size += len(bson.encode(history_entry(change, change.failure)))
    except Exception as error:  # noqa: BLE001 - no memory for it, a Mapping of the user's own that raises
        why = culprit_of(values.get("result"), "its result") or str(error)
        return None, f"the job's end can't be stored: {why}"
    if size > LARGEST_DOCUMENT - ROOM_FOR_THE_REST:
        return None, too_large(size)
    return encoded, None


def too_large(size: int | None = None) -> str:
    """Why a result can't be stored."""
    taken = "" if size is None else f" ({size:,} bytes)"
    return (
        f"the job's result{taken}, together with its params, is over MongoDB's limit of {LARGEST_DOCUMENT:,} bytes; "
        "store it elsewhere and return a reference"
    )
