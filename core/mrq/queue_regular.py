"""Regular queues: their jobs wait in MongoDB."""

from __future__ import annotations

from mrq.domain.status import Status
from mrq.queue_base import QueueBase

_LIVE = frozenset({Status.QUEUED, Status.STARTED})


class QueueRegular(QueueBase):
    """A regular queue by its name. `q/` stands for all subqueues of q."""

    def size(self) -> int:
        """Jobs that wait or run."""
        return self._app.jobs.count(self.id, _LIVE)

    def count_jobs_to_dequeue(self) -> int:
        """Jobs that wait."""
        return self._app.jobs.count(self.id, frozenset({Status.QUEUED}))

    def empty(self) -> int:
        """Delete every job of the queue, whatever its status; how many there were."""
        return self._app.jobs.remove_queue(self.id)

    def list_job_ids(self, skip: int = 0, limit: int = 20) -> list[str]:
        """Ids of jobs that wait, in the order in which they will leave (oldest first)."""
        return [str(job_id) for job_id in self._app.jobs.list_ids(self.id, Status.QUEUED, skip, limit)]

    def get_known_subqueues(self) -> set[str]:
        """Subqueues in which jobs wait or run."""
        return self._app.jobs.subqueues(self.root_id)

    def get_retry_queue(self) -> str:
        """Where its jobs wait for another try: here."""
        return self.id
