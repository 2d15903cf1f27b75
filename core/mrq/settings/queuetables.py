"""Checks what RAW_QUEUES and QUEUES_CONFIG say about raw queues: entries that can't work, or have no effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mrq.domain.objectives import complaint_about
from mrq.domain.queuename import QueueName, QueueType, parse_queue
from mrq.domain.status import Status
from mrq.exceptions import InvalidQueueError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mrq.settings.values import Origin

FOR_RAW = ("job_factory", "retry_queue", "has_subqueues", "statuses_no_storage", "pushback_seconds", "dashboard_graph")
"""What means something for raw queues only."""

_SUFFIXES = "_raw, _set, _sorted_set or _timed_set"


def check_queue(key: str, name: str, entry: Mapping[Any, Any], origin: Origin) -> list[str]:
    """Check one entry of the table that is the value of setting `key`; return warnings.

    Raises ConfigError when it names a subqueue, a status that there is not, or a raw queue for retries.
    """
    try:
        queue = parse_queue(name)
    except InvalidQueueError as error:
        raise origin.error(key, entry, f"has a bad name: {error}", f"[{name!r}]") from None
    if (objectives := entry.get("objectives")) and (complaint := complaint_about(objectives)):
        raise origin.error(key, objectives, complaint, f"[{name!r}]['objectives']")
    if not queue.is_raw:
        return _unlike_raw(key, name, entry, origin)
    if queue.is_subqueue:
        complaint = f"names a subqueue; write {queue.root!r}, whose entry holds for all its subqueues"
        raise origin.error(key, entry, complaint, f"[{name!r}]")
    warnings = []
    if queue.is_reverse:
        words = f"has no effect: write {queue.root!r}; `_reverse` only says how a worker serves it"
        warnings.append(f"{_place(key, name, origin)} {words}")
    _check_statuses(key, name, entry, origin)
    _check_retry_queue(key, name, entry, origin)
    return warnings + _without_pushback(key, queue, entry, origin)


def _place(key: str, name: str, origin: Origin, word: str = "") -> str:
    inside = f"{origin.name(key)}[{name!r}]" + (f"[{word!r}]" if word else "")
    return f"{inside} in {origin.place}" if origin.kind == "file" else inside


def _unlike_raw(key: str, name: str, entry: Mapping[Any, Any], origin: Origin) -> list[str]:
    """A regular queue's entry may stand here too, for `notify` and `max_concurrency`."""
    inside = _place(key, name, origin)
    lost = [word for word in FOR_RAW if entry.get(word) is not None]
    if lost:
        return [f"{inside} is no raw queue, so {', '.join(lost)} there has no effect; end its name in {_SUFFIXES}"]
    if key == "raw_queues" and not entry:
        return [f"{inside} is no raw queue; end its name in {_SUFFIXES}, or remove the entry"]
    return []


def _check_statuses(key: str, name: str, entry: Mapping[Any, Any], origin: Origin) -> None:
    statuses = entry.get("statuses_no_storage") or ()
    unknown = [status for status in statuses if status not in list(Status)]
    if unknown:
        words = f"has {unknown[0]!r}, which is no status; choose from {', '.join(Status)}"
        raise origin.error(key, statuses, words, f"[{name!r}]['statuses_no_storage']")


def _check_retry_queue(key: str, name: str, entry: Mapping[Any, Any], origin: Origin) -> None:
    retry_queue = entry.get("retry_queue")
    if retry_queue and parse_queue(retry_queue).is_raw:
        words = "is a raw queue, where no job can wait; name a regular one, and serve it"
        raise origin.error(key, retry_queue, words, f"[{name!r}]['retry_queue']")


def _without_pushback(key: str, queue: QueueName, entry: Mapping[Any, Any], origin: Origin) -> list[str]:
    if not entry.get("pushback_seconds") or queue.type is QueueType.TIMED_SET:
        return []
    inside = _place(key, queue.id, origin, "pushback_seconds")
    return [f"{inside} has no effect: that is for queues whose names end in _timed_set"]
