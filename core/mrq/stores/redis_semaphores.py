"""Semaphores on Redis: `P:sem:<name>`, a sorted set of permits by the time at which they free themselves, and
`P:semsof:<worker>`, the names under which a worker may hold some.

Every script has one key, so that all of it works in cluster mode.
"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, cast

from mrq.stores.redis_client import Script, translated

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mrq.domain.ids import WorkerId
    from mrq.ports.semaphores import Permit
    from mrq.stores.redis_client import RedisLink

NAMES_KEPT = 24 * 3600  # seconds that the names of a worker are kept
NAMES_AGAIN = 10.0  # seconds after which a name is noted again: Redis may have lost it

_ACQUIRE, _RENEW, _DROP, _COUNT = (Script(name) for name in ("acquire", "renew", "drop", "count"))


class RedisSemaphores:
    """See mrq.ports.semaphores.Semaphores."""

    def __init__(self, redis: RedisLink, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix
        self._noted: dict[tuple[WorkerId, str], float] = {}  # monotonic seconds

    @translated
    def acquire(self, name: str, limit: int, worker: WorkerId, permits: Sequence[str], lease: float) -> frozenset[str]:
        """See Semaphores."""
        self._note(worker, name)
        args: list[str | float] = [limit, _milliseconds(lease), str(worker), *permits]
        granted = _ACQUIRE(self._redis, [self._key(name)], args)
        return frozenset(permit.decode() for permit in granted)

    @translated
    def release(self, permits: Iterable[Permit]) -> None:
        """See Semaphores."""
        members: dict[str, list[str]] = defaultdict(list)
        for permit in permits:
            members[permit.name].append(f"{permit.worker}:{permit.id}")
        for name, gone in members.items():
            self._redis.zrem(self._key(name), *gone)

    @translated
    def renew(self, permits: Iterable[Permit], lease: float) -> None:
        """See Semaphores."""
        held: dict[tuple[WorkerId, str], list[str]] = defaultdict(list)
        for permit in permits:
            held[permit.worker, permit.name].append(permit.id)
        for (worker, name), ids in held.items():
            self._note(worker, name)
            _RENEW(self._redis, [self._key(name)], [_milliseconds(lease), str(worker), *ids])

    @translated
    def renew_all(self, worker: WorkerId, lease: float) -> int:
        """See Semaphores."""
        args: list[str | float] = [_milliseconds(lease), str(worker)]
        return sum(int(_RENEW(self._redis, [self._key(name)], args)) for name in self._names(worker))

    @translated
    def drop(self, worker: WorkerId) -> int:
        """See Semaphores."""
        dropped = sum(int(_DROP(self._redis, [self._key(name)], [str(worker)])) for name in self._names(worker))
        self._redis.delete(self._names_key(worker))
        self._noted = {noted: at for noted, at in self._noted.items() if noted[0] != worker}
        return dropped

    @translated
    def count(self, name: str) -> int:
        """See Semaphores."""
        return int(_COUNT(self._redis, [self._key(name)], []))

    def _note(self, worker: WorkerId, name: str) -> None:
        """Remember, before it holds any, that a worker may hold permits of this name."""
        now = time.monotonic()
        if now - self._noted.get((worker, name), -NAMES_AGAIN) >= NAMES_AGAIN:
            key = self._names_key(worker)
            self._redis.sadd(key, name)
            self._redis.expire(key, NAMES_KEPT)
            self._noted[worker, name] = now

    def _names(self, worker: WorkerId) -> list[str]:
        names = cast("set[bytes]", self._redis.smembers(self._names_key(worker)))
        return [name.decode() for name in names]

    def _names_key(self, worker: WorkerId) -> str:
        return f"{self._prefix}:semsof:{worker}"

    def _key(self, name: str) -> str:
        return f"{self._prefix}:sem:{name}"


def _milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1000))
