"""RawQueues: payloads that wait in Redis and become jobs when a worker takes them. Kept by Redis alone.

A payload that is taken is out of its queue and in the hands of a worker (`held`) in one step, under the id that its job
will have. It is let go (`done`) once MongoDB has the job, or, if the job isn't stored, once it is done. What a worker
that died still holds goes back to its queue (`put_back`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from mrq.domain.ids import JobId, WorkerId
    from mrq.domain.queuename import QueueName, QueueType


@dataclass(frozen=True, slots=True)
class Take:
    """A wish for payloads of queues of one root. Asked twice, it is answered twice with the same payloads.

    queues: ids of queues, in the order in which they are asked. ids: of the jobs to be, as many as are wanted. number:
    rises with each take of a worker from the root. now: unix seconds, for timed sets. pushback: seconds; above 0,
    payloads of a timed set stay in it and are due again after so long. unstored: the jobs will run without being
    stored.
    """

    root: str
    type: QueueType
    reverse: bool
    queues: Sequence[str]
    worker: WorkerId
    number: int
    ids: Sequence[JobId]
    now: float
    pushback: float = 0.0
    unstored: bool = False


@dataclass(slots=True)
class Held:
    """A payload in a worker's hands. losses: workers that died while it ran without being stored."""

    id: JobId
    queue: str
    payload: bytes
    losses: int = 0
    score: float | None = None  # in sorted sets, as it was when it was taken


class RawQueues(Protocol):
    """Raw queues of all kinds: lists, sets, sorted sets, timed sets. A queue that is not there is empty."""

    # ---- for producers and people

    def enqueue(self, queue: QueueName, payloads: Sequence[bytes] | Mapping[bytes, float]) -> None:
        """Add payloads; to a sorted or timed set a mapping of payloads to scores. Makes a subqueue known."""
        ...

    def remove(self, queue: QueueName, payloads: Sequence[bytes]) -> int:
        """Take payloads out that still wait, of equal ones in a list the first; how many there were."""
        ...

    def empty(self, queue: QueueName) -> None:
        """Delete all that waits in a queue; `q/` means all known subqueues of q."""
        ...

    def size(self, queue: QueueName) -> int:
        """How many payloads wait. `q/` counts all known subqueues of q."""
        ...

    def sizes(self, queues: Sequence[QueueName]) -> list[int]:
        """How many payloads wait in each of these queues of one root; `q/` is none of them."""
        ...

    def count_due(self, queue: QueueName, now: float) -> int:
        """How many payloads could be taken: in a timed set those whose score is not above `now`."""
        ...

    def waiting(self, queue: QueueName, skip: int, limit: int) -> list[bytes]:
        """Waiting payloads in the order of the queue, the first to leave first; any ones for a set."""
        ...

    def sorted_graph(self, queue: QueueName, bounds: Sequence[tuple[str, str]]) -> list[int]:
        """How many scores are between each pair of bounds: numbers, "(" before one that is excluded, "-inf", "+inf"."""
        ...

    def subqueues(self, root: str) -> set[str]:
        """Ids of all known subqueues."""
        ...

    # ---- for workers

    def scan_subqueues(self, root: str, cursor: int) -> tuple[int, list[str]]:
        """Some known subqueues, and where to go on; begin with 0, 0 is the end."""
        ...

    def serve(self, root: str) -> None:
        """Note that a worker takes from this root: must be done before the first take."""
        ...

    def take(self, take: Take) -> list[Held]:
        """Move payloads from the queues into the worker's hands. Safe to repeat."""
        ...

    def done(self, root: str, worker: WorkerId, ids: Collection[JobId]) -> set[JobId]:
        """Let go of what a worker holds. Safe to repeat. Returns those that had been put back into their queue by
        others: they were not the worker's any more."""
        ...

    def held(self, root: str, worker: WorkerId, ids: Sequence[JobId]) -> list[Held]:
        """Those of these that a worker still holds."""
        ...

    def put_back(
        self, root: str, worker: WorkerId, queues: Mapping[JobId, str], lost: Collection[JobId] = frozenset()
    ) -> int:
        """Put what a worker holds back to its old place, given with the ids of the queues; how many were held.

        `lost`: a worker died over these. It counts for those that ran without being stored."""
        ...

    # ---- for the rescue

    def roots(self) -> set[str]:
        """Every root that was ever served."""
        ...

    def holders(self, root: str) -> set[WorkerId]:
        """Workers that may hold something of this root."""
        ...

    def held_ids(self, root: str, worker: WorkerId) -> list[JobId]:
        """All that a worker holds, in the order in which it was taken."""
        ...

    def leave(self, root: str, worker: WorkerId) -> None:
        """Forget a worker, if it holds nothing."""
        ...
