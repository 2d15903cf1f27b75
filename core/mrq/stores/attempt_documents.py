"""The part of a job's document that tells of its runs.

    time switches longest     what the last run used, if it was traced; the first two are MRQ 0.9's
    deploy                    the version of the code that ran it
    fingerprint datefailed    the group of failures of the last run, and when it failed; the first is gone when the job
                              is queued or starts again
    io                        what the last run waited for, if that was traced and it was a success: when it began
                              (`run`) and `sums`, each of kind, seconds and calls
    attempts                  earlier runs, oldest first, and the last one unless it was a success

A success is not among the attempts: the job's other fields say all of it, and there are many. It is added when the
job is to run again, which changes those fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mrq.domain.attempt import Attempt, AttemptEnd
from mrq.domain.iosums import IoSum
from mrq.domain.status import FINAL, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mrq.domain.change import JobChange

Document = dict[str, Any]

ATTEMPTS_KEPT = 30
LONGEST_STACK = 4_000  # characters
LAST_RUN_FIELDS = (
    "status", "queue", "path", "datequeued", "datestarted", "dateupdated", "worker", "exceptiontype", "time",
    "switches", "longest", "deploy", "io", "attempts.datestarted",
)  # fmt: skip


def run_fields(change: JobChange) -> Document:
    """What is told of the run itself."""
    fields: Document = {}
    usage = change.usage
    if usage is not None:
        fields["time"] = usage.time
        fields["switches"] = usage.switches
        fields["longest"] = {"seconds": usage.longest, "stack": usage.where[-LONGEST_STACK:]}
    if change.io is not None and change.attempt is None:  # an attempt holds its own
        fields["io"] = {"run": change.started, "sums": _entries_of(change.io)}
    if change.deploy:
        fields["deploy"] = change.deploy
    if change.group is not None:
        fields["fingerprint"] = change.group
        fields["datefailed"] = change.at
    return fields


def push_of(attempt: Attempt) -> Document:
    """What adds a run to a job's attempts."""
    told = {
        "datequeued": attempt.queued,
        "datestarted": attempt.started,
        "dateended": attempt.ended,
        **{name: getattr(attempt, name) for name in _SAME_NAMES},
    }
    entry = {name: value for name, value in told.items() if value is not None}
    if attempt.end is not None:
        entry["end"] = attempt.end.value
    if attempt.io is not None:
        entry["io"] = _entries_of(attempt.io)
    return {"$each": [entry], "$slice": -ATTEMPTS_KEPT}


def attempts_of(document: Mapping[str, Any]) -> tuple[Attempt, ...]:
    """The runs of a job, oldest first; the one that lasts, or that ended well, is the last."""
    kept = tuple(_kept(entry) for entry in document.get("attempts") or ())
    last = last_run(document)
    return kept if last is None or any(each.started == last.started for each in kept) else (*kept, last)


def last_run(document: Mapping[str, Any]) -> Attempt | None:
    """The last run, as the job's own fields tell of it. None: it hasn't run, or is to run again."""
    get = document.get
    status, started = Status(document["status"]), get("datestarted")
    if started is None or status is Status.QUEUED:
        return None
    if status is Status.STARTED:
        return Attempt(started, queued=get("datequeued"), worker=get("worker"))
    if status not in FINAL or status is Status.CANCEL:
        return None
    return Attempt(
        started,
        AttemptEnd(status.value),
        get("dateupdated"),
        get("datequeued"),
        get("worker"),
        None if status is Status.SUCCESS else get("exceptiontype"),  # that of an earlier run is still there
        time=get("time"),
        switches=get("switches"),
        longest=(get("longest") or {}).get("seconds"),
        deploy=get("deploy"),
        io=_io_of(get("io"), started),
    )


def _io_of(io: Any, started: Any) -> tuple[IoSum, ...] | None:
    """That of the run that began then: a later one may not have been traced."""
    return _sums_of(io.get("sums")) if io and io.get("run") == started else None


def _entries_of(sums: tuple[IoSum, ...]) -> list[list[Any]]:
    return [[each.kind, each.seconds, each.calls] for each in sums]


def _sums_of(entries: Any) -> tuple[IoSum, ...] | None:
    return None if entries is None else tuple(IoSum(*entry[:3]) for entry in entries)


def _kept(entry: Mapping[str, Any]) -> Attempt:
    get, end = entry.get, entry.get("end")
    return Attempt(
        entry["datestarted"],
        AttemptEnd(end) if end in _ENDS else None,
        get("dateended"),
        get("datequeued"),
        io=_sums_of(get("io")),
        **{name: get(name) for name in _SAME_NAMES},
    )


_SAME_NAMES = ("worker", "exceptiontype", "message", "fingerprint", "time", "switches", "longest", "deploy")
_ENDS = frozenset(end.value for end in AttemptEnd)


def keep_last(document: Mapping[str, Any]) -> tuple[Document, Document] | None:
    """The condition and the update that add a successful run to the attempts; None: it is there, or there is none.

    Repeating them changes nothing."""
    last = last_run(document)
    if last is None or last.end is not AttemptEnd.SUCCESS:
        return None
    if any(entry.get("datestarted") == last.started for entry in document.get("attempts") or ()):
        return None
    unchanged = {
        "_id": document["_id"],
        "status": Status.SUCCESS.value,
        "datestarted": last.started,
        "attempts.datestarted": {"$ne": last.started},
    }
    return unchanged, {"$push": {"attempts": push_of(last)}}
