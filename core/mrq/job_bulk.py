"""Many jobs at once: count, cancel or requeue those that a filter fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mrq.app import App, get_app
from mrq.domain.change import after
from mrq.domain.jobfilter import DateRange, JobFilter
from mrq.domain.queuename import parse_queue, waiting_place
from mrq.domain.status import FINAL, SETTLED, Status
from mrq.engine.bulk import BulkResult
from mrq.exceptions import InvalidParamsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mrq.domain.jobfilter import FoundJob

__all__ = ["BulkResult", "MatchingJobs", "jobs_matching", "make_filter"]

_TICK = timedelta(milliseconds=1)  # MongoDB's precision
_BOUNDS = {"$gte", "$gt", "$lte", "$lt"}


def jobs_matching(
    *,
    ids: Any = None,
    queue: str | Iterable[str] | None = None,
    status: str | Iterable[str] | None = None,
    worker: Any = None,
    path: str | Iterable[str] | None = None,
    dateretry: Any = None,
    exceptiontype: str | Iterable[str] | None = None,
    fingerprint: str | Iterable[str] | None = None,
    params: Mapping[str, Any] | None = None,
    everything: bool = False,
) -> MatchingJobs:
    """The jobs that fit in all given respects. Nothing is read or done yet.

    Args:
        ids: ids of jobs.
        queue: queues; `q/` means all subqueues of q, a raw queue all stored jobs that came from it.
        status: statuses, such as "failed".
        worker: ids of workers in whose name they ran or run.
        path: paths of tasks.
        dateretry: the time of their return; `{"$lte": time}` and the like give a range.
        exceptiontype: class names of exceptions that ended them.
        fingerprint: groups of failures that their last runs are in; see `mrq.failures`.
        params: values of single params; a dot leads into a param that is a dict: `{"user.id": 7}`. A param that is a
            list fits the same list, and each of its items; a list as the value is no choice of several.
        everything: True where all jobs of the database are meant. Needed, and allowed, only without any of the others.

    Each but `params` may be one value or several; None is as if it were not given, an empty list fits no job.

    Raises:
        InvalidParamsError, InvalidJobIdError, InvalidQueueError: a value can't be looked for, or nothing says which
            jobs are meant.
    """
    app = get_app()
    filters = (ids, queue, status, worker, path, dateretry, exceptiontype, fingerprint, params or None)
    if everything == any(given is not None for given in filters):
        raise InvalidParamsError(
            "jobs_matching(everything=True) means all jobs; leave out the filters, or everything" if everything
            else "jobs_matching() without a filter means all jobs of the database; if you mean it, say everything=True"
        )  # fmt: skip
    which = make_filter(
        app, ids=ids, queue=queue, status=status, worker=worker, path=path, dateretry=dateretry,
        exceptiontype=exceptiontype, fingerprint=fingerprint, params=params,
    )  # fmt: skip
    return MatchingJobs(app, which)


class MatchingJobs:
    """What `jobs_matching` gives. It is looked for anew at each call."""

    def __init__(self, app: App, which: JobFilter) -> None:
        self._app = app
        self._which = which

    def count(self) -> int:
        """How many there are now, whatever their status unless one is given."""
        return self._app.bulk.count(self._which)

    def cancel(
        self,
        *,
        dry_run: bool = False,
        batch_size: int = 1000,
        start_after: Any = None,
        progress: Callable[[BulkResult], object] | None = None,
    ) -> BulkResult:
        """Call them off. Without a status: those that wait, run, or are to return to their queue.

        A run that has begun goes on, but its end is not written. Each job is kept for the `cancel_ttl` of its task.

        Args:
            dry_run: only count what would be cancelled.
            batch_size: so many are changed by one write.
            start_after: leave out jobs up to this id: the `last` of an action that was cut off.
            progress: called with a BulkResult after each batch; may raise to stop there.

        Raises:
            ServerUnavailableError: MongoDB stays away; what is done is done.
        """
        tasks = self._app.tasks

        def fields(job: FoundJob, now: datetime) -> dict[str, Any]:
            return {"dateexpires": after(now, tasks.options(job.path).cancel_ttl)}

        which = self._in(frozenset(Status) - SETTLED, start_after)
        if dry_run:
            return BulkResult(found=self._app.bulk.count(which.movable(Status.CANCEL)))
        return self._app.bulk.move(which, Status.CANCEL, fields, batch_size=batch_size, progress=progress)

    def requeue(
        self,
        queue: str | None = None,
        *,
        keep_retries: bool = False,
        dry_run: bool = False,
        batch_size: int = 1000,
        start_after: Any = None,
        progress: Callable[[BulkResult], object] | None = None,
    ) -> BulkResult:
        """Queue them again, at the end of their queues. Without a status: all that have ended, however.

        Args:
            queue: where they go, instead of to the queue of each.
            keep_retries: let them remember how often they were retried; else they start with none.
            dry_run, batch_size, start_after, progress: see `cancel`.

        Raises:
            InvalidQueueError: jobs can't be put there.
            ServerUnavailableError: MongoDB stays away; what is done is done.
        """
        target = None if queue is None else waiting_place(queue).id
        retries = {} if keep_retries else {"retry_count": 0}

        def fields(_job: FoundJob, now: datetime) -> dict[str, Any]:
            return {"queue": target, "datequeued": now, **retries}

        which = self._in(FINAL, start_after)
        if dry_run:
            return BulkResult(found=self._app.bulk.count(which.movable(Status.QUEUED)))
        return self._app.bulk.move(which, Status.QUEUED, fields, batch_size=batch_size, progress=progress)

    def _in(self, statuses: frozenset[Status], start_after: Any) -> JobFilter:
        which = self._which if self._which.statuses is not None else replace(self._which, statuses=statuses)
        return which if start_after is None else replace(which, after=self._app.jobs.parse_id(start_after))


def make_filter(
    app: App,
    *,
    ids: Any = None,
    queue: Any = None,
    status: Any = None,
    worker: Any = None,
    path: Any = None,
    dateretry: Any = None,
    exceptiontype: Any = None,
    fingerprint: Any = None,
    params: Mapping[str, Any] | None = None,
) -> JobFilter:
    """The filter that is meant by values as users give them; see `jobs_matching`."""
    parse = app.jobs.parse_id
    return JobFilter(
        ids=_each(ids, parse),
        queues=_each(queue, lambda name: parse_queue(_text("queue", name)).id),
        statuses=_each(status, _status),
        workers=_each(worker, parse),
        paths=_each(path, lambda name: _text("path", name)),
        exceptiontypes=_each(exceptiontype, lambda name: _text("exceptiontype", name)),
        fingerprints=_each(fingerprint, lambda name: _text("fingerprint", name)),
        dateretry=None if dateretry is None else tuple(_range(value) for value in _listed(dateretry)),
        params=_params(params),
    )


def _params(value: Any) -> dict[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise InvalidParamsError(f"jobs are found by params as a dict of names and values, not by {value!r}")
    return dict(value or {})


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple, set, frozenset)) else [value]


def _each(value: Any, read: Callable[[Any], Any]) -> frozenset[Any] | None:
    return None if value is None else frozenset(read(item) for item in _listed(value))


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidParamsError(f"jobs are found by {name} as text or a list of texts, not by {value!r}")
    return value


def _status(value: Any) -> Status:
    try:
        return Status(value)
    except ValueError:
        known = ", ".join(status.value for status in Status)
        raise InvalidParamsError(f"{value!r} is no status; these are: {known}") from None


def _range(value: object) -> DateRange:
    if isinstance(value, DateRange):
        return value
    if isinstance(value, datetime):
        return DateRange(value, value)
    if isinstance(value, dict) and value and set(value) <= _BOUNDS:
        lowest = [value["$gte"]] if "$gte" in value else []
        lowest += [value["$gt"] + _TICK] if "$gt" in value else []
        highest = [value["$lte"]] if "$lte" in value else []
        highest += [value["$lt"] - _TICK] if "$lt" in value else []
        since, until = max(lowest, default=None), min(highest, default=None)
        return DateRange(since, until)
    raise InvalidParamsError(
        f"jobs are found by dateretry as a datetime, or a range such as {{'$lte': datetime}}, not by {value!r}"
    )
