"""Queues: how full they are, what waits in them, and who may take it."""

from __future__ import annotations

from typing import Any

from mrq.job import send_task, send_tasks
from mrq.queue_base import Queue
from mrq.queue_raw import QueueRaw
from mrq.queue_regular import QueueRegular

__all__ = ["Queue", "QueueRaw", "QueueRegular", "send_raw_tasks", "send_task", "send_tasks"]


def send_raw_tasks(queue: str, params_list: Any, **_kwargs: Any) -> None:
    """Deprecated: see mrq.job.queue_raw_jobs."""
    raw: Any = Queue(queue)
    raw.enqueue_raw_jobs(params_list)
