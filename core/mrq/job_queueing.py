"""The part of `mrq.job` that queues jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mrq.app import get_app
from mrq.engine.given import check_call, check_keys, span, start_time

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from mrq.domain.ids import JobId


def queue_job(
    main_task_path: str,
    params: Any,
    queue: str | None = None,
    batch_size: int = 1000,
    *,
    key: str | None = None,
    key_ttl: float | timedelta = 0,
    delay: float | timedelta | None = None,
    due: datetime | None = None,
) -> JobId:
    """Queue one job; its id. `key`: its key. See `queue_jobs`."""
    keys = None if key is None else [key]
    return queue_jobs(
        main_task_path, [params], queue, batch_size, keys=keys, key_ttl=key_ttl, delay=delay, due=due
    )[0]  # fmt: skip


def queue_jobs(
    main_task_path: str,
    params_list: Sequence[Any],
    queue: str | None = None,
    batch_size: int = 1000,
    *,
    keys: Sequence[str | None] | None = None,
    key_ttl: float | timedelta = 0,
    delay: float | timedelta | None = None,
    due: datetime | None = None,
) -> list[JobId]:
    """Queue one job of a task for each set of params; their ids, in the same order.

    Args:
        main_task_path: the path of the task.
        params_list: a dict for each job.
        queue: where they wait; None: the task's own queue, or "default".
        batch_size: so many are inserted at once.
        keys: a key for each job, or None for those without. While a job of this task with this key waits, runs
            or is to be retried, no other is queued: its id is returned instead.
        key_ttl: for so long after a job's end its key still means that job; seconds, or a timedelta.
        delay: for so long they are not started; seconds, or a timedelta.
        due: a time before which they are not started, instead of `delay` (without a time zone: UTC).

    Raises:
        InvalidParamsError, JobTooLargeError: an argument makes no sense (the message names it), or a job can't be
            stored; nothing is queued.
        InvalidQueueError: for a raw queue; nothing is queued.
        ServerUnavailableError: MongoDB is away.
    """
    app = get_app()
    check_call(main_task_path, params_list)
    check_keys(main_task_path, params_list, keys)
    place = app.queue_of(main_task_path) if queue is None else queue
    ttl = span("key_ttl", key_ttl)
    return app.enqueuer.enqueue(
        main_task_path,
        params_list,
        place,
        batch_size=batch_size,
        due=start_time(app.clock.now(), delay, due),
        terms=None if keys is None else app.key_terms(main_task_path, keys, ttl),
    )


def queue_raw_jobs(queue: str, params_list: Any) -> None:
    """Put payloads into a raw queue; workers make jobs of them with its `job_factory`.

    params_list: payloads, each bytes, text (kept as UTF-8) or a number. For a sorted or a timed set a dict of payloads
    and scores; scores of a timed set are unix seconds, and a plain list means now.

    Raises InvalidParamsError when one is of a wrong type, InvalidQueueError for a regular queue (nothing is queued
    then), and ServerUnavailableError when Redis is away: of many payloads, some may be queued then.
    """
    get_app().raw_enqueuer.enqueue(queue, params_list)


def send_task(path: str, params: Any, **kwargs: Any) -> Any:
    """Deprecated: `queue_job`, or with `sync=True` `mrq.context.run_task`."""
    return send_tasks(path, [params], **kwargs)[0]


def send_tasks(
    path: str, params_list: Sequence[Any], queue: str | None = None, sync: bool = False, batch_size: int = 1000
) -> list[Any]:
    """Deprecated: `queue_jobs`. sync: run the tasks here, one after the other, and return their results."""
    if sync:
        return [get_app().tasks.load(path)().run_wrapped(params) for params in params_list]
    return list(queue_jobs(path, params_list, queue=queue, batch_size=batch_size))
