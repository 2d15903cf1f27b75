"""Queues: how full they are, what waits in them, and who may take it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mrq.app import get_app
from mrq.job import queue_jobs
from mrq.queue_base import Queue
from mrq.queue_regular import QueueRegular

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Queue", "QueueRegular", "send_raw_tasks", "send_task", "send_tasks"]


def send_task(path: str, params: Any, **kwargs: Any) -> Any:
    """Deprecated: see mrq.job.queue_job. Takes the arguments of `send_tasks`."""
    return send_tasks(path, [params], **kwargs)[0]


def send_tasks(
    path: str, params_list: Sequence[Any], queue: str | None = None, sync: bool = False, batch_size: int = 1000
) -> list[Any]:
    """Deprecated: see mrq.job.queue_jobs. sync: run them here and now, one after the other, without jobs; returns
    what they return."""
    if sync:
        task = get_app().tasks.load(path)
        return [task().run_wrapped(params) for params in params_list]
    return list(queue_jobs(path, params_list, queue=queue, batch_size=batch_size))


def send_raw_tasks(queue: str, params_list: Any, **_kwargs: Any) -> None:
    """Deprecated: see mrq.job.queue_raw_jobs."""
    raw: Any = Queue(queue)
    raw.enqueue_raw_jobs(params_list)
