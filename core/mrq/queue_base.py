"""What regular and raw queues have in common."""

from __future__ import annotations

from typing import Any

from mrq.app import get_app
from mrq.domain.queuename import QueueName, QueueType, parse_queue


class QueueBase:
    """A queue by its name. Raises InvalidQueueError when it is made with a bad one."""

    def __init__(self, queue_id: str | QueueBase) -> None:
        name = parse_queue(queue_id) if isinstance(queue_id, str) else queue_id.name
        self._app = get_app()
        self.name: QueueName = name
        self.id = name.id
        self.root_id = name.root
        self.is_subqueue = name.is_subqueue
        self.is_reverse = name.is_reverse
        self.is_raw = name.is_raw
        self.is_set = name.type in (QueueType.SET, QueueType.SORTED_SET, QueueType.TIMED_SET)
        self.is_timed = name.type is QueueType.TIMED_SET
        self.is_sorted = name.type in (QueueType.SORTED_SET, QueueType.TIMED_SET)

    def __repr__(self) -> str:
        return f"<Queue {self.id}>"

    def get_config(self) -> dict[str, Any]:
        """What RAW_QUEUES (or QUEUES_CONFIG, when that is empty) says about its root."""
        return dict(self._app.queue_table.get(self.root_id) or {})

    def pause(self) -> None:
        """Let no worker take from it; `q/` pauses all of q. Workers know within `paused_queues_refresh_interval`."""
        self._app.pauses.pause(self._paused_name)

    def resume(self) -> None:
        """Let workers take from it again."""
        self._app.pauses.resume(self._paused_name)

    def is_paused(self) -> bool:
        """Whether it, or its root, is paused."""
        paused = self._app.pauses.paused()
        return self._paused_name in paused or self.root_id in paused

    @property
    def _paused_name(self) -> str:
        return self.root_id if self.name.serves_subqueues else self.id
