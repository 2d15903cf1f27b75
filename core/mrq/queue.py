"""Queues: how full they are, and what waits in them."""

from __future__ import annotations

from mrq.app import get_app
from mrq.domain.queuename import QueueName, QueueType, parse_queue
from mrq.domain.status import Status
from mrq.exceptions import InvalidQueueError

_LIVE = frozenset({Status.QUEUED, Status.STARTED})


class Queue:
    """A regular queue by its name. `q/` stands for all subqueues of q.

    Raises InvalidQueueError when it is made with a bad name, or that of a raw queue.
    """

    def __init__(self, queue_id: str | Queue) -> None:
        name = parse_queue(queue_id) if isinstance(queue_id, str) else queue_id.name
        if name.is_raw:
            raise InvalidQueueError(f"{name.id!r} is a raw queue; this version has regular queues only")
        self._app = get_app()
        self.name: QueueName = name
        self.id = name.id
        self.root_id = name.root
        self.is_subqueue = name.is_subqueue
        self.is_reverse = name.is_reverse
        self.is_raw = self.is_set = self.is_sorted = self.is_timed = False

    def __repr__(self) -> str:
        return f"<Queue {self.id}>"

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

    @classmethod
    def all(cls) -> dict[str, int]:
        """How many jobs wait, by queue."""
        return get_app().jobs.count_by_queue(Status.QUEUED)

    @classmethod
    def get_queue_type(cls, queue_id: str) -> QueueType:
        """The kind of queue that a name stands for."""
        return parse_queue(queue_id).type
