"""The documents of statistics.

mrq_stats: one a period
    _id         "minute:2026-01-05T12:00"; of a worker's minute with the id of its process behind
    res start   worker, minute, hour or day; its beginning (UTC)
    rev         a later write has a higher one
    pending     the beginning of the period that this is a part of, until it was summed up into that
    counts      [{q: queue, p: path, n: started, e: {status: runs}, w: wait, r: run}], of which w and r are
                {c: {bucket: count}, us: microseconds}; where memory was measured also m: [runs, bytes]
    fleet dropped sample worker     see mrq.domain.stats
    expires     for the TTL index

mrq_stats_queues: one a minute
    _id start at complete expires
    queues      [{q: queue, n: waiting, d: delayed, o: oldest wait in seconds, capped}]
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from mrq.domain.histogram import Histogram
from mrq.domain.stats import Backlog, Counts, FleetSample, Period, QueueSamples, Resolution, Tally, WorkerSample
from mrq.domain.status import Status

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

Document = dict[str, Any]

_STATUSES = {status.value: status for status in Status}


def pending_of(period: Period) -> datetime | None:
    """The beginning of the period that this is a part of."""
    parent = period.resolution.parent
    return None if parent is None else parent.start_of(period.start)


def period_document(period: Period, expires: datetime) -> Document:
    """A period as it is stored."""
    document: Document = {
        "_id": period.id,
        "res": period.resolution.value,
        "start": period.start,
        "rev": period.revision,
        "counts": [
            {"q": queue, "p": path, "n": counts.started,
             "e": {status.value: runs for status, runs in counts.ended.items()},
             "w": _histogram_document(counts.wait), "r": _histogram_document(counts.run),
             **({"m": [counts.measured, counts.grown]} if counts.measured else {})}
            for (queue, path), counts in period.tally.counts.items()
        ],
        "expires": expires,
    }  # fmt: skip
    if (pending := pending_of(period)) is not None:
        document["pending"] = pending
    if period.tally.dropped:
        document["dropped"] = period.tally.dropped
    if period.tally.fleet.worker_minutes:
        document["fleet"] = asdict(period.tally.fleet)
    if period.worker is not None:
        document["worker"] = period.worker
    if period.sample is not None:
        document["sample"] = asdict(period.sample)
    return document


def period_of(document: Mapping[str, Any]) -> Period:
    """A stored period. Counts that were not read are not there."""
    tally = Tally(
        {(each["q"], each["p"]): _counts_of(each) for each in document.get("counts") or ()},
        FleetSample(**document.get("fleet") or {}),
        document.get("dropped", 0),
    )
    sample = document.get("sample")
    return Period(
        document["_id"],
        Resolution(document["res"]),
        document["start"],
        document["rev"],
        tally,
        document.get("worker"),
        None if sample is None else WorkerSample(**sample),
    )


def _histogram_document(histogram: Histogram) -> Document:
    if not histogram.counts:
        return {}
    return {"c": {str(bucket): count for bucket, count in histogram.counts.items()}, "us": histogram.micros}


def _histogram_of(document: Mapping[str, Any]) -> Histogram:
    return Histogram({int(bucket): count for bucket, count in document.get("c", {}).items()}, document.get("us", 0))


def _counts_of(document: Mapping[str, Any]) -> Counts:
    ended = {_STATUSES[name]: runs for name, runs in document["e"].items() if name in _STATUSES}
    measured, grown = document.get("m") or (0, 0)
    wait, run = _histogram_of(document["w"]), _histogram_of(document["r"])
    return Counts(document["n"], ended, wait, run, measured, grown)


def is_of(counts: Mapping[str, Any], queue: str | None, path: str | None) -> bool:
    """Whether an entry of `counts` is about this queue and this path."""
    return queue in (None, counts["q"]) and path in (None, counts["p"])


def samples_id(start: datetime) -> str:
    """The one name of a look at the queues."""
    return f"{start:%Y-%m-%dT%H:%M}"


def samples_document(samples: QueueSamples, expires: datetime) -> Document:
    """A look at the queues as it is stored."""
    return {
        "_id": samples_id(samples.start),
        "start": samples.start,
        "at": samples.at,
        "complete": samples.complete,
        "queues": [
            {"q": queue, "n": backlog.waiting, "d": backlog.delayed, "o": backlog.oldest_wait}
            | ({"capped": True} if backlog.capped else {})
            for queue, backlog in samples.backlogs.items()
        ],
        "expires": expires,
    }


def samples_of(document: Mapping[str, Any]) -> QueueSamples:
    """A stored look at the queues."""
    backlogs = {
        each["q"]: Backlog(each["n"], each["d"], each["o"], each.get("capped", False)) for each in document["queues"]
    }
    return QueueSamples(document["start"], document["at"], backlogs, document["complete"])


def behind(queue: str) -> tuple[str, str]:
    """Where the next queue is to be looked for: an operator and a name. All subqueues of `main/` are left out; "0" is
    the character after "/"."""
    return ("$gte", f"{queue[:-1]}0") if queue.endswith("/") else ("$gt", queue)
