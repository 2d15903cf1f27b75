"""RawQueues in memory. Not a mock either: it runs the real engine, see memory_jobs."""

from __future__ import annotations

import copy
import random
import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mrq.domain.queuename import QueueType, parse_queue
from mrq.ports.raw import Held

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from mrq.domain.ids import JobId, WorkerId
    from mrq.domain.queuename import QueueName
    from mrq.ports.raw import Take

Scores = dict[bytes, float]


@dataclass(slots=True)
class _Record:
    held: Held
    pushed: float | None  # the score that it got instead of leaving
    reverse: bool
    unstored: bool


@dataclass(slots=True)
class _Root:
    """All that belongs to one root queue."""

    queues: dict[str, list[bytes] | Scores] = field(default_factory=dict)  # sets are scores that nobody asks for
    known: dict[str, None] = field(default_factory=dict)  # subqueues, in the order in which they came
    held: dict[WorkerId, dict[JobId, _Record]] = field(default_factory=lambda: defaultdict(dict))
    last_take: dict[WorkerId, int] = field(default_factory=dict)
    rescued: set[JobId] = field(default_factory=set)
    losses: dict[bytes, int] = field(default_factory=dict)


class MemoryRawQueues:
    """See mrq.ports.raw.RawQueues."""

    def __init__(self) -> None:
        self._roots: dict[str, _Root] = defaultdict(_Root)
        self._served: set[str] = set()
        self._lock = threading.RLock()

    # ---- for producers and people

    def enqueue(self, queue: QueueName, payloads: Sequence[bytes] | Mapping[bytes, float]) -> None:
        """See RawQueues."""
        with self._lock:
            root = self._roots[queue.root]
            if not payloads:
                return
            content = _content(root, queue.id, queue.type)
            if isinstance(content, list):
                content.extend(payloads)
            elif isinstance(payloads, Mapping):
                content.update({payload: float(score) for payload, score in payloads.items()})
            else:
                content.update(dict.fromkeys(payloads, 0.0))
            if queue.is_subqueue:
                root.known[queue.id] = None

    def remove(self, queue: QueueName, payloads: Sequence[bytes]) -> int:
        """See RawQueues."""
        removed = 0
        with self._lock:
            root = self._roots[queue.root]
            content = root.queues.get(queue.id, [])
            for payload in payloads:
                if payload in content:
                    removed += 1
                    content.remove(payload) if isinstance(content, list) else content.pop(payload)
                root.losses.pop(payload, None)
            _forget_if_empty(root, queue.id)
        return removed

    def empty(self, queue: QueueName) -> None:
        """See RawQueues."""
        with self._lock:
            root = self._roots[queue.root]
            meant = _meant(root, queue)
            for queue_id in meant:
                root.queues.pop(queue_id, None)
                root.known.pop(queue_id, None)
            if meant and not root.known:
                root.losses.clear()

    def size(self, queue: QueueName) -> int:
        """See RawQueues."""
        with self._lock:
            root = self._roots[queue.root]
            return sum(len(root.queues.get(queue_id, ())) for queue_id in _meant(root, queue))

    def sizes(self, queues: Sequence[QueueName]) -> list[int]:
        """See RawQueues."""
        with self._lock:
            return [len(self._roots[queue.root].queues.get(queue.id, ())) for queue in queues]

    def count_due(self, queue: QueueName, now: float) -> int:
        """See RawQueues."""
        with self._lock:
            root = self._roots[queue.root]
            if queue.type is not QueueType.TIMED_SET:
                return self.size(queue)
            return sum(score <= now for queue_id in _meant(root, queue) for score in _scores(root, queue_id).values())

    def waiting(self, queue: QueueName, skip: int, limit: int) -> list[bytes]:
        """See RawQueues."""
        skip, limit = max(0, skip), max(0, limit)
        with self._lock:
            content = self._roots[queue.root].queues.get(queue.id, [])
            if queue.type is QueueType.SET:
                return random.sample(sorted(content), min(limit, len(content)))
            ordered = content if isinstance(content, list) else _in_order(content)
            if queue.is_reverse:
                ordered = ordered[::-1]
            return ordered[skip : skip + limit]

    def sorted_graph(self, queue: QueueName, bounds: Sequence[tuple[str, str]]) -> list[int]:
        """See RawQueues."""
        with self._lock:
            scores = list(_scores(self._roots[queue.root], queue.id).values())
        return [sum(_above(low, score) and _below(high, score) for score in scores) for low, high in bounds]

    def subqueues(self, root: str) -> set[str]:
        """See RawQueues."""
        with self._lock:
            return set(self._roots[root].known)

    # ---- for workers

    def scan_subqueues(self, root: str, cursor: int) -> tuple[int, list[str]]:
        """See RawQueues. All at once."""
        with self._lock:
            return 0, list(self._roots[root].known)

    def serve(self, root: str) -> None:
        """See RawQueues."""
        with self._lock:
            self._served.add(root)

    def take(self, take: Take) -> list[Held]:
        """See RawQueues."""
        with self._lock:
            root = self._roots[take.root]
            mine = root.held[take.worker]
            if root.last_take.get(take.worker, 0) >= take.number:
                return [copy.copy(mine[job_id].held) for job_id in take.ids if job_id in mine]
            records: list[_Record] = []
            for queue_id in take.queues:
                popped = self._pop(root, queue_id, take, len(take.ids) - len(records))
                losses = {payload: root.losses.pop(payload, 0) for payload in {payload for payload, _ in popped}}
                for payload, score in popped:  # equal ones all count the losses
                    held = Held(take.ids[len(records)], queue_id, payload, losses[payload], score)
                    pushed = take.now + take.pushback if take.pushback > 0 else None
                    records.append(_Record(held, pushed, take.reverse, take.unstored))
                _forget_if_empty(root, queue_id)
            mine.update((record.held.id, record) for record in records)
            if records:
                root.last_take[take.worker] = take.number
            return [copy.copy(record.held) for record in records]

    def _pop(self, root: _Root, queue_id: str, take: Take, count: int) -> list[tuple[bytes, float | None]]:
        content = root.queues.get(queue_id)
        if not content or count <= 0:
            return []
        if isinstance(content, list):
            return [(content.pop(-1 if take.reverse else 0), None) for _ in range(min(count, len(content)))]
        if take.type is QueueType.SET:
            chosen = random.sample(sorted(content), min(count, len(content)))
            for payload in chosen:
                del content[payload]
            return [(payload, None) for payload in chosen]
        ordered = _in_order(content)[:: -1 if take.reverse else 1]
        if take.type is QueueType.TIMED_SET:
            ordered = [payload for payload in ordered if content[payload] <= take.now]
        found: list[tuple[bytes, float | None]] = [(payload, content[payload]) for payload in ordered[:count]]
        for payload, _ in found:
            if take.pushback > 0:
                content[payload] = take.now + take.pushback
            else:
                del content[payload]
        return found

    def done(self, root: str, worker: WorkerId, ids: Collection[JobId]) -> set[JobId]:
        """See RawQueues."""
        with self._lock:
            about = self._roots[root]
            for job_id in ids:
                about.held[worker].pop(job_id, None)
            return about.rescued & set(ids)

    def held(self, root: str, worker: WorkerId, ids: Sequence[JobId]) -> list[Held]:
        """See RawQueues."""
        with self._lock:
            mine = self._roots[root].held[worker]
            return [copy.copy(mine[job_id].held) for job_id in ids if job_id in mine]

    def put_back(
        self, root: str, worker: WorkerId, queues: Mapping[JobId, str], lost: Collection[JobId] = frozenset()
    ) -> int:
        """See RawQueues."""
        put = 0
        with self._lock:
            about = self._roots[root]
            for job_id in sorted(queues, reverse=True):
                record = about.held[worker].pop(job_id, None)
                if record is not None:
                    self._put(about, parse_queue(root).type, record, job_id in lost)
                    about.rescued.add(job_id)
                    put += 1
        return put

    def _put(self, root: _Root, kind: QueueType, record: _Record, lost: bool) -> None:
        held = record.held
        content = _content(root, held.queue, kind)
        if isinstance(content, list):
            content.insert(len(content) if record.reverse else 0, held.payload)
        elif record.pushed is None:
            content.setdefault(held.payload, held.score or 0.0)
        elif content.get(held.payload) == record.pushed:
            content[held.payload] = held.score or 0.0
        losses = held.losses + (lost and record.unstored)
        if losses:
            root.losses[held.payload] = losses
        if "/" in held.queue and content:
            root.known[held.queue] = None

    # ---- for the rescue

    def roots(self) -> set[str]:
        """See RawQueues."""
        with self._lock:
            return set(self._served)

    def holders(self, root: str) -> set[WorkerId]:
        """See RawQueues."""
        with self._lock:
            return set(self._roots[root].last_take)

    def held_ids(self, root: str, worker: WorkerId) -> list[JobId]:
        """See RawQueues."""
        with self._lock:
            return sorted(self._roots[root].held[worker])

    def leave(self, root: str, worker: WorkerId) -> None:
        """See RawQueues."""
        with self._lock:
            about = self._roots[root]
            if not about.held.get(worker):
                about.held.pop(worker, None)
                about.last_take.pop(worker, None)


def _content(root: _Root, queue_id: str, kind: QueueType) -> list[bytes] | Scores:
    return root.queues.setdefault(queue_id, [] if kind is QueueType.RAW else {})


def _scores(root: _Root, queue_id: str) -> Scores:
    content = root.queues.get(queue_id, {})
    return content if isinstance(content, dict) else {}


def _meant(root: _Root, queue: QueueName) -> list[str]:
    return sorted(root.known) if queue.serves_subqueues else [queue.id]


def _forget_if_empty(root: _Root, queue_id: str) -> None:
    if not root.queues.get(queue_id):
        root.queues.pop(queue_id, None)
        root.known.pop(queue_id, None)


def _in_order(scores: Scores) -> list[bytes]:
    return sorted(scores, key=lambda payload: (scores[payload], payload))


def _above(bound: str, score: float) -> bool:
    return score > float(bound[1:]) if bound.startswith("(") else score >= float(bound)


def _below(bound: str, score: float) -> bool:
    return score < float(bound[1:]) if bound.startswith("(") else score <= float(bound)
