"""Raw queues and short words for what the contract tests do with them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mrq.domain.queuename import parse_queue
from mrq.ports.raw import Held, RawQueues, Take
from mrq.stores.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mrq.domain.ids import JobId, WorkerId

LIST, SET, SORTED, TIMED = "a_raw", "a_set", "a_sorted_set", "a_timed_set"
KINDS = [LIST, SET, SORTED, TIMED]
NOW = 1_700_000_000.25


@dataclass
class RawKit:
    """One worker and its takes."""

    raw: RawQueues
    worker: WorkerId = field(default_factory=new_id)
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def fill(self, queue: str, *payloads: bytes, first: float = 0.0) -> None:
        """Enqueue payloads; in sorted sets with rising scores."""
        name = parse_queue(queue)
        scores = {payload: first + n for n, payload in enumerate(payloads)}
        self.raw.enqueue(name, scores if "sorted" in name.type or "timed" in name.type else list(payloads))

    def wish(self, queue: str, limit: int = 10, *, queues: Iterable[str] = (), now: float = NOW, **about: Any) -> Take:
        """What `take` asks for."""
        name = parse_queue(queue)
        return Take(
            name.root, name.type, name.is_reverse, tuple(queues) or (name.id,), about.pop("worker", self.worker),
            about.pop("number", None) or next(self.numbers), [new_id() for _ in range(limit)], now, **about,
        )  # fmt: skip

    def take(self, queue: str, limit: int = 10, **about: Any) -> list[Held]:
        """Take payloads in the kit's worker's name."""
        return self.raw.take(self.wish(queue, limit, **about))

    def put_back(self, held: Iterable[Held], lost: Iterable[JobId] = (), worker: WorkerId | None = None) -> int:
        """Put what is held back."""
        held = list(held)
        root = parse_queue(held[0].queue).root
        return self.raw.put_back(root, worker or self.worker, {h.id: h.queue for h in held}, set(lost))

    def held(self, root: str, worker: WorkerId | None = None) -> list[bytes]:
        """Payloads in the worker's hands, as they were taken."""
        worker = worker or self.worker
        return [held.payload for held in self.raw.held(root, worker, self.raw.held_ids(root, worker))]

    def waiting(self, queue: str) -> list[bytes]:
        """All that waits; in the alphabet's order for a set."""
        name = parse_queue(queue)
        found = self.raw.waiting(name, 0, 10_000)
        return sorted(found) if name.type == "set" else found

    def size(self, queue: str) -> int:
        return self.raw.size(parse_queue(queue))
