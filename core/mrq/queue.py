"""Queues: how full they are, and what waits in them."""

from __future__ import annotations

from mrq.app import get_app
from mrq.domain.queuename import QueueType, parse_queue
from mrq.domain.status import Status
from mrq.queue_base import QueueBase
from mrq.queue_raw import QueueRaw
from mrq.queue_regular import QueueRegular


class Queue(QueueBase):
    """Makes a QueueRegular or a QueueRaw, as the name says. Raises InvalidQueueError when it is a bad one."""

    def __new__(cls, queue_id: str | QueueBase) -> QueueRegular | QueueRaw:  # type: ignore[misc]
        """See the class."""
        name = parse_queue(queue_id) if isinstance(queue_id, str) else queue_id.name
        return QueueRaw(queue_id) if name.is_raw else QueueRegular(queue_id)

    @classmethod
    def all(cls) -> dict[str, int]:
        """How many jobs wait, by queue."""
        return get_app().jobs.count_by_queue(Status.QUEUED)

    @classmethod
    def get_queue_type(cls, queue_id: str) -> QueueType:
        """The kind of queue that a name stands for."""
        return parse_queue(queue_id).type
