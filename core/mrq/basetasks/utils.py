"""What the dashboard does to many jobs at once."""

from __future__ import annotations

import json
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from mrq.app import get_app
from mrq.context import get_current_job, set_current_job_progress
from mrq.domain.change import after
from mrq.domain.queuename import waiting_place
from mrq.domain.status import Status
from mrq.exceptions import InvalidParamsError
from mrq.job_bulk import make_filter
from mrq.task import Task

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mrq.app import App
    from mrq.domain.jobfilter import FoundJob, JobFilter
    from mrq.engine.bulk import BulkResult

ACTIONS = {"cancel": Status.CANCEL, "requeue": Status.QUEUED, "requeue_retry": Status.QUEUED}
FORGETS_RETRIES = "requeue"

FILTERS = ("id", "queue", "status", "worker", "path", "dateretry", "exceptiontype", "params", "start_after")
PARAMS = ("action", *FILTERS, "destination_queue")

_ALL = frozenset(Status)


class JobAction(Task):
    """Cancel or requeue all jobs that fit.

    Params: `action`: cancel; requeue, which forgets how often the jobs were retried; or requeue_retry, which doesn't.
    `id`, `queue` ("q/": all subqueues of q; a raw queue: the jobs that came from it), `status`, `worker`, `path`,
    `dateretry`, `exceptiontype`: which jobs; each may be a list. `params`: an object, or its JSON text, each value of
    which a job's params must have. `destination_queue`: where requeued jobs go. `start_after`: leave out jobs up to
    this id. What is None or "" is as if it were not given; an empty list fits no job. Another name is refused.

    Without a status, cancel takes jobs of every status and requeue all that aren't queued. Without an id only jobs
    are touched that were there before this one; never this one itself. Cancelled jobs are kept for the longest
    `result_ttl` in TASKS, or that of the path, but not less than `default_job_timeout`.

    Returns {"requeued": n, "cancelled": m}. In a job, its progress shows how far it is.
    """

    def run(self, params: Mapping[str, Any]) -> dict[str, int]:
        """See the class. Raises InvalidParamsError, InvalidJobIdError and InvalidQueueError."""
        _refuse_unknown(params)
        app, action = get_app(), params.get("action") or None
        done = {"requeued": 0, "cancelled": 0}
        if action is None:
            return done
        if action not in ACTIONS:
            raise InvalidParamsError(f"JobAction knows no action {action!r}; these are: {', '.join(ACTIONS)}")
        which = _filter(app, params)
        if ACTIONS[action] is Status.CANCEL:
            ttl = _cancel_ttl(app, params.get("path"))
            result = _move(app, _in(which, _ALL), Status.CANCEL, lambda now: {"dateexpires": after(now, ttl)})
            return {**done, "cancelled": result.moved}
        target = params.get("destination_queue") or None
        fields: dict[str, Any] = {"queue": None if target is None else waiting_place(target).id}
        if action == FORGETS_RETRIES:
            fields["retry_count"] = 0
        which = _in(which, _ALL - {Status.QUEUED})
        result = _move(app, which, Status.QUEUED, lambda now: {**fields, "datequeued": now})
        return {**done, "requeued": result.moved}


def _refuse_unknown(params: Mapping[str, Any]) -> None:
    """A filter with a slip in its name would be none, and the action hit jobs that were not meant.

    What is not filled in restricts nothing anyway: web forms send such fields too.
    """
    for name, value in params.items():
        if name not in PARAMS and _given(value) is not None:
            close = get_close_matches(str(name), PARAMS, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(PARAMS)}."
            raise InvalidParamsError(f"JobAction has no param {name!r}; {hint} No job was touched.")


def _given(value: Any) -> Any:
    """A param, or None if it is not filled in. A list without items is: it fits no job."""
    return value if value or isinstance(value, (list, tuple, set, frozenset)) else None


def _in(which: JobFilter, statuses: frozenset[Status]) -> JobFilter:
    """The filter, with these statuses if it names none."""
    return which if which.statuses is not None else replace(which, statuses=statuses)


def _filter(app: App, params: Mapping[str, Any]) -> JobFilter:
    get = params.get
    which = make_filter(
        app,
        ids=_given(get("id")),
        queue=_given(get("queue")),
        status=_given(get("status")),
        worker=_given(get("worker")),
        path=_given(get("path")),
        dateretry=_given(get("dateretry")),
        exceptiontype=_given(get("exceptiontype")),
        params=_wanted_params(get("params")),
    )
    if after := get("start_after"):
        which = replace(which, after=app.jobs.parse_id(after))
    job = get_current_job()
    if job is None or job.id is None:
        return which
    # Not itself: it would run again and again. With an id filter later jobs are meant as well.
    return replace(which, but=job.id, until=which.until if which.ids is not None else job.id)


def _wanted_params(given: Any) -> Mapping[str, Any]:
    if not given:
        return {}
    try:
        wanted = json.loads(given) if isinstance(given, (str, bytes)) else given
    except ValueError as error:
        raise InvalidParamsError(f"JobAction's params should be the JSON text of an object, not {given!r}") from error
    if not isinstance(wanted, dict):
        raise InvalidParamsError(f"JobAction's params should be the JSON text of an object, not {given!r}")
    return wanted


def _cancel_ttl(app: App, paths: Any) -> float:
    """Seconds for which cancelled jobs are kept."""
    settings = app.settings
    least = settings.default_job_timeout or settings.default_job_cancel_ttl
    if paths:
        listed = [paths] if isinstance(paths, str) else list(paths)
        return max(float((settings.tasks.get(path) or {}).get("result_ttl", least)) for path in listed)
    return max([least, *(float(about.get("result_ttl") or 0) for about in settings.tasks.values())])


def _move(app: App, which: JobFilter, to: Status, fields: Any) -> BulkResult:
    total = app.bulk.count(which.movable(to)) if get_current_job() is not None else 0

    def values(_job: FoundJob, now: datetime) -> dict[str, Any]:
        found: dict[str, Any] = fields(now)
        return found

    def progress(result: BulkResult) -> None:
        if total:
            set_current_job_progress(min(1.0, result.found / total))

    return app.bulk.move(which, to, values, progress=progress)
