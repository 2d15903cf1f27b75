"""RawQueues on Redis. See redis_keys.py for the keys, and the scripts in lua/ for what is in them.

Everything that moves a payload is one script, and may be repeated: the driver repeats a command whose answer was lost.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from mrq.domain.queuename import QueueType, parse_queue
from mrq.ports.raw import Held
from mrq.stores.ids import parse_id
from mrq.stores.redis_client import Script, translated
from mrq.stores.redis_keys import Keys

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from mrq.domain.ids import JobId, WorkerId
    from mrq.domain.queuename import QueueName
    from mrq.ports.raw import Take

T = TypeVar("T")

CHUNK = 1000  # arguments of one call; ElastiCache serverless takes 3,999
SCANNED = 200  # subqueues in one step of a scan
REMEMBERED = 60  # seconds in which a call may be repeated
RESCUED = 7 * 24 * 3600  # seconds for which it is known what was taken back from a worker, and losses

_SORTED = (QueueType.SORTED_SET, QueueType.TIMED_SET)

_ENQUEUE, _REMOVE, _EMPTY, _TAKE, _DONE, _PUT_BACK, _LEAVE, _GRAPH = (
    Script(f"raw_{name}")
    for name in ("enqueue", "remove", "empty", "take", "done", "put_back", "leave", "graph")
)  # fmt: skip


class RedisRawQueues:
    """See mrq.ports.raw.RawQueues."""

    def __init__(self, redis: Any, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix

    @cached_property
    def _keys(self) -> Keys:
        return Keys(self._prefix, self._redis.is_cluster)

    # ---- for producers and people

    @translated
    def enqueue(self, queue: QueueName, payloads: Sequence[bytes] | Mapping[bytes, float]) -> None:
        """See RawQueues."""
        subqueue = queue.id if queue.is_subqueue else ""
        for chunk in _chunks(list(payloads), CHUNK // 2):
            args: list[Any] = [queue.type.value, subqueue, REMEMBERED]
            if isinstance(payloads, Mapping):
                for payload in chunk:
                    args += [_number(payloads[payload]), payload]
            else:
                args += chunk
            _ENQUEUE(self._redis, [*self._keys_of(queue), self._once(queue)], args)

    @translated
    def remove(self, queue: QueueName, payloads: Sequence[bytes]) -> int:
        """See RawQueues."""
        removed = 0
        for chunk in _chunks(list(payloads), CHUNK):
            keys = [*self._keys_of(queue), self._once(queue), self._keys.losses(queue.root)]
            args = [queue.type.value, queue.id if queue.is_subqueue else "", REMEMBERED, *chunk]
            removed += _REMOVE(self._redis, keys, args)
        return removed

    def _keys_of(self, queue: QueueName) -> list[str]:
        return [self._keys.queue(queue.id), self._keys.subqueues(queue.root)]

    def _once(self, queue: QueueName) -> str:
        return self._keys.once(queue.root, secrets.token_hex(12))

    @translated
    def empty(self, queue: QueueName) -> None:
        """See RawQueues."""
        for chunk in _chunks(self._meant(queue), CHUNK // 2):
            keys = [self._keys.subqueues(queue.root), self._keys.losses(queue.root), *map(self._keys.queue, chunk)]
            _EMPTY(self._redis, keys, chunk)

    def _meant(self, queue: QueueName) -> list[str]:
        return sorted(self._subqueues(queue.root)) if queue.serves_subqueues else [queue.id]

    @translated
    def size(self, queue: QueueName) -> int:
        """See RawQueues."""
        return sum(self._ask_each(self._meant(queue), _size_of(queue.type)))

    @translated
    def sizes(self, queues: Sequence[QueueName]) -> list[int]:
        """See RawQueues."""
        if not queues:
            return []
        return self._ask_each([queue.id for queue in queues], _size_of(queues[0].type))

    @translated
    def count_due(self, queue: QueueName, now: float) -> int:
        """See RawQueues."""
        if queue.type is not QueueType.TIMED_SET:
            return self.size(queue)
        return sum(self._ask_each(self._meant(queue), "zcount", "-inf", _number(now)))

    def _ask_each(self, queue_ids: Sequence[str], command: str, *arguments: str) -> list[int]:
        answers: list[int] = []
        for chunk in _chunks(list(queue_ids), CHUNK):
            with self._redis.pipeline(transaction=False) as pipe:
                for queue_id in chunk:
                    getattr(pipe, command)(self._keys.queue(queue_id), *arguments)
                answers += pipe.execute()
        return answers

    @translated
    def waiting(self, queue: QueueName, skip: int, limit: int) -> list[bytes]:
        """See RawQueues."""
        skip, limit = max(0, skip), max(0, limit)
        if not limit:
            return []
        key, redis = self._keys.queue(queue.id), self._redis
        if queue.type is QueueType.SET:
            return list(redis.srandmember(key, limit))
        if queue.type in _SORTED:
            return list(redis.zrange(key, skip, skip + limit - 1, desc=queue.is_reverse))
        if queue.is_reverse:
            return list(reversed(redis.lrange(key, -skip - limit, -skip - 1)))
        return list(redis.lrange(key, skip, skip + limit - 1))

    @translated
    def sorted_graph(self, queue: QueueName, bounds: Sequence[tuple[str, str]]) -> list[int]:
        """See RawQueues."""
        counts: list[int] = []
        for chunk in _chunks(list(bounds), CHUNK // 2):
            counts += _GRAPH(self._redis, [self._keys.queue(queue.id)], [bound for pair in chunk for bound in pair])
        return counts

    @translated
    def subqueues(self, root: str) -> set[str]:
        """See RawQueues."""
        return self._subqueues(root)

    def _subqueues(self, root: str) -> set[str]:
        return {name.decode() for name in self._redis.smembers(self._keys.subqueues(root))}

    # ---- for workers

    @translated
    def scan_subqueues(self, root: str, cursor: int) -> tuple[int, list[str]]:
        """See RawQueues."""
        following, names = self._redis.sscan(self._keys.subqueues(root), cursor=cursor, count=SCANNED)
        return int(following), [name.decode() for name in names]

    @translated
    def serve(self, root: str) -> None:
        """See RawQueues."""
        self._redis.sadd(self._keys.raw_roots, root)

    @translated
    def take(self, take: Take) -> list[Held]:
        """See RawQueues."""
        keys, root = self._keys, take.root
        asked = [
            keys.held(root, take.worker), keys.holders(root), keys.losses(root), keys.subqueues(root),
            *map(keys.queue, take.queues),
        ]  # fmt: skip
        ids = take.ids[:CHUNK]
        args: list[Any] = [
            take.type.value,
            "1" if take.reverse else "",
            str(take.worker),
            take.number,
            _number(take.now),
            _number(take.now + take.pushback) if take.pushback > 0 else "",
            "u" if take.unstored else "-",
            *take.queues,
            *map(str, ids),
        ]
        return _held(zip(ids, _TAKE(self._redis, asked, args), strict=False))

    @translated
    def done(self, root: str, worker: WorkerId, ids: Collection[JobId]) -> set[JobId]:
        """See RawQueues."""
        keys = [self._keys.held(root, worker), self._keys.rescued(root, worker)]
        taken: set[JobId] = set()
        for chunk in _chunks(list(ids), CHUNK):
            taken.update(parse_id(name) for name in _DONE(self._redis, keys, [str(job_id) for job_id in chunk]))
        return taken

    @translated
    def held(self, root: str, worker: WorkerId, ids: Sequence[JobId]) -> list[Held]:
        """See RawQueues."""
        found: list[Held] = []
        for chunk in _chunks(list(ids), CHUNK):
            records = self._redis.hmget(self._keys.held(root, worker), [str(job_id) for job_id in chunk])
            found += _held(zip(chunk, records, strict=True))
        return found

    @translated
    def put_back(
        self, root: str, worker: WorkerId, queues: Mapping[JobId, str], lost: Collection[JobId] = frozenset()
    ) -> int:
        """See RawQueues."""
        keys, put = self._keys, 0
        for chunk in reversed(_chunks(sorted(queues, key=str), CHUNK // 3)):
            places = {queue: place for place, queue in enumerate(dict.fromkeys(queues[i] for i in chunk), start=1)}
            args: list[Any] = [parse_queue(root).type.value, RESCUED]
            for job_id in chunk:
                args += [str(job_id), places[queues[job_id]], "1" if job_id in lost else ""]
            touched = [
                keys.held(root, worker), keys.rescued(root, worker), keys.losses(root), keys.subqueues(root),
                *map(keys.queue, places),
            ]  # fmt: skip
            put += _PUT_BACK(self._redis, touched, args)
        return put

    # ---- for the rescue

    @translated
    def roots(self) -> set[str]:
        """See RawQueues."""
        return {root.decode() for root in self._redis.smembers(self._keys.raw_roots)}

    @translated
    def holders(self, root: str) -> set[WorkerId]:
        """See RawQueues."""
        return {parse_id(worker) for worker in self._redis.hkeys(self._keys.holders(root))}

    @translated
    def held_ids(self, root: str, worker: WorkerId) -> list[JobId]:
        """See RawQueues."""
        return sorted(parse_id(name) for name in self._redis.hkeys(self._keys.held(root, worker)))

    @translated
    def leave(self, root: str, worker: WorkerId) -> None:
        """See RawQueues."""
        _LEAVE(self._redis, [self._keys.held(root, worker), self._keys.holders(root)], [str(worker)])


def _held(records: Any) -> list[Held]:
    """Read records, which are described in lua/raw_take.lua. Those of one take mostly begin alike."""
    found: list[Held] = []
    before: bytes | None = None
    score: float | None = None
    losses = length = 0
    queue = ""
    for job_id, record in records:
        if record is None:
            continue
        head, _, rest = record.partition(b"\n")
        if head != before:
            words = head.split(b" ")
            score, losses, length = None if words[0] == b"-" else float(words[0]), int(words[2]), int(words[5])
            before, queue = head, ""
        name = rest[:length]
        if name != queue.encode():
            queue = name.decode()
        found.append(Held(job_id, queue, rest[length:], losses, score))
    return found


def _size_of(kind: QueueType) -> str:
    """The command that counts what is in a queue of this kind."""
    return {QueueType.RAW: "llen", QueueType.SET: "scard"}.get(kind, "zcard")


def _number(value: float) -> str:
    """A number as Redis reads it."""
    return repr(float(value))


def _chunks(items: list[T], size: int) -> list[list[T]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
