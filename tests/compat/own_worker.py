"""A worker class of a user: it notes the jobs that it performs."""

from __future__ import annotations

from typing import Any

from mrq.context import connections
from mrq.worker import Worker


class OwnWorker(Worker):
    def perform_job(self, job: Any) -> Any:
        word = f"performed {job.data['params']['word']}"
        connections.mongodb_jobs.compat_notes.insert_one({"word": word, "value": str(job.id)})
        return super().perform_job(job)
