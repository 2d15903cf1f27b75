"""Second chances for payloads of raw queues."""

from __future__ import annotations

from typing import Any

from mrq.job import queue_raw_jobs
from mrq.task import Task


class Redeliver(Task):
    """Puts a payload back into its raw queue.

    A payload of which the job_factory could make no job is kept as a failed job of this task. Requeueing that job, once
    the factory is mended, delivers the payload again.
    """

    def run(self, params: dict[str, Any]) -> None:
        """`params`: `queue`, `payload`, and its `score` in a sorted set."""
        payload = params["payload"]
        queue_raw_jobs(params["queue"], {payload: params["score"]} if "score" in params else [payload])
