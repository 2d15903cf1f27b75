"""Regular queues: their jobs wait in MongoDB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mrq.app import task_paths
from mrq.domain.status import Status
from mrq.engine.byhand import HandTaker
from mrq.engine.sizes import LIVE
from mrq.job import Job
from mrq.queue_base import Queue

if TYPE_CHECKING:
    from collections.abc import Iterator


class QueueRegular(Queue):
    """A queue of job documents. See mrq.queue.Queue."""

    def get_retry_queue(self) -> str:
        """Its own name."""
        return self.id

    def size(self) -> int:
        """Jobs that wait or run, counted now. Of `q/`: in all its subqueues."""
        return self._app.jobs.count(self.id, LIVE)

    def count_jobs_to_dequeue(self) -> int:
        """Jobs that wait and could be started now, not those that were queued for later. Of `q/`: in all its
        subqueues."""
        return self._app.jobs.count_due(self.id, self._app.clock.now())

    def empty(self) -> int:
        """Delete every job of the queue, whatever its status; how many there were."""
        return self._app.jobs.remove_queue(self.id)

    def list_job_ids(self, skip: int = 0, limit: int = 20) -> list[str]:
        """Ids of jobs that wait, oldest first."""
        return [str(job_id) for job_id in self._app.jobs.list_ids(self.id, Status.QUEUED, skip, limit)]

    def get_known_subqueues(self) -> set[str]:
        """Subqueues in which jobs wait or run."""
        return self._app.jobs.subqueues(self.id.removesuffix("/"))

    def dequeue_jobs(self, max_jobs: int = 1, job_class: Any = None, worker: Any = None) -> Iterator[Job]:  # noqa: ARG002 - MRQ 0.9
        """Take up to `max_jobs` jobs and yield them, started, oldest first; those that you don't ask for go back.

        Whoever takes a job has to bring it to an end. They are started in the name of a worker of their own, made for
        this call, which counts as dead after the time-outs of these jobs or 50 minutes, whichever is sooner; a job
        that has not ended by then goes back to the queue. `worker` is not needed. Nothing is taken while the queue
        is paused. Raises ServerUnavailableError.
        """
        app = self._app
        paused = app.pauses.paused()
        if not paused.isdisjoint({self.id, self.root_id}):
            return
        only, never = task_paths(app.settings.task_whitelist), task_paths(app.settings.task_blacklist)
        taker = HandTaker(app.jobs, app.workers, app.clock, app.tasks, only, never)
        made = job_class or Job
        for run in taker.take(self.name, max_jobs, paused):
            yield made.of_run(run)
