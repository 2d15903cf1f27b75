"""What a queue's name says about it. The suffixes are MRQ 0.9's."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from mrq.exceptions import InvalidQueueError


class QueueType(StrEnum):
    """Where a queue's waiting jobs are kept, and in which order they leave."""

    REGULAR = "regular"  # MongoDB, oldest first
    RAW = "raw"  # Redis list
    SET = "set"
    SORTED_SET = "sorted_set"
    TIMED_SET = "timed_set"


_SUFFIXES = (
    # the longer ones first: each of them ends in a shorter one
    ("_timed_set", QueueType.TIMED_SET),
    ("_sorted_set", QueueType.SORTED_SET),
    ("_set", QueueType.SET),
    ("_raw", QueueType.RAW),
)
_REVERSE = "_reverse"


@dataclass(frozen=True, slots=True)
class QueueName:
    """A queue's name, taken apart.

    `id` is the name in the job documents: without `_reverse`, which only says from which end to take.
    """

    id: str
    root: str
    type: QueueType
    is_reverse: bool

    @property
    def is_raw(self) -> bool:
        """Whether its waiting jobs are in Redis."""
        return self.type is not QueueType.REGULAR

    @property
    def serves_subqueues(self) -> bool:
        """Whether the name means all subqueues of a root: `main/`."""
        return self.id.endswith("/")

    @property
    def is_subqueue(self) -> bool:
        """Whether it is one subqueue of a root: `main/x`."""
        return "/" in self.id


def place_in_mongodb(name: object) -> QueueName:
    """The queue of this name, if jobs wait for it in MongoDB. `q/` is such a one, as it was in MRQ 0.9: a subqueue of
    q that has no name, served with the others.

    Raises:
        InvalidQueueError: the name is bad, or means a raw queue.
    """
    queue = parse_queue(name)
    if queue.is_raw:
        raise InvalidQueueError(f"{name!r} is a raw queue; a job that was stored can't wait there")
    return queue


def waiting_place(name: object) -> QueueName:
    """The queue of this name, if a job that has been in MongoDB can wait there.

    Raises:
        InvalidQueueError: the name is bad, or means a raw queue or all subqueues of a root.
    """
    queue = place_in_mongodb(name)
    if queue.serves_subqueues:
        raise InvalidQueueError(f"{name!r} means all subqueues of {queue.root!r}; name one of them")
    return queue


@lru_cache(maxsize=4096)
def parse_queue(name: object) -> QueueName:
    """Take a queue's name apart.

    Raises:
        InvalidQueueError: the name is empty, is not text, or holds a NUL.
    """
    if not isinstance(name, str) or not name or "\0" in name:
        raise InvalidQueueError(f"a queue's name must be text that is not empty, not {name!r}")
    reverse = name.endswith(_REVERSE) and len(name) > len(_REVERSE)
    queue_id = name.removesuffix(_REVERSE) if reverse else name
    root = queue_id.split("/", 1)[0]
    kind = next((kind for suffix, kind in _SUFFIXES if root.endswith(suffix)), QueueType.REGULAR)
    return QueueName(queue_id, root, kind, reverse)
