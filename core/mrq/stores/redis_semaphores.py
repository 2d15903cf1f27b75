"""Semaphores on Redis: `P:sem:<name>`, a sorted set of permits by the time at which they free themselves, and
`P:semsof:<worker>`, the names under which a worker may hold some.

Every script has one key, so that all of it works in cluster mode.
"""

from __future__ import annotations

import time
from collections import defaultdict
from importlib.resources import files
from typing import TYPE_CHECKING, Any, cast

from mrq.stores.redis_client import translated

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from redis import Redis

    from mrq.domain.ids import WorkerId
    from mrq.ports.semaphores import Permit

NAMES_KEPT = 24 * 3600  # seconds that the names of a worker are kept
NAMES_AGAIN = 10.0  # seconds after which a name is noted again: Redis may have lost it


class RedisSemaphores:
    """See mrq.ports.semaphores.Semaphores."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix
        self._noted: dict[tuple[WorkerId, str], float] = {}  # monotonic seconds
        scripts = files("mrq.stores").joinpath("lua")
        self._acquire, self._renew, self._drop, self._count = (
            cast("Any", redis.register_script(scripts.joinpath(f"{name}.lua").read_text()))
            for name in ("acquire", "renew", "drop", "count")
        )

    @translated
    def acquire(self, name: str, limit: int, worker: WorkerId, permits: Sequence[str], lease: float) -> frozenset[str]:
        """See Semaphores."""
        self._note(worker, name)
        args = [limit, _milliseconds(lease), str(worker), *permits]
        granted = self._acquire(keys=[self._key(name)], args=args)
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
            self._renew(keys=[self._key(name)], args=[_milliseconds(lease), str(worker), *ids])

    @translated
    def renew_all(self, worker: WorkerId, lease: float) -> int:
        """See Semaphores."""
        args = [_milliseconds(lease), str(worker)]
        return sum(int(self._renew(keys=[self._key(name)], args=args)) for name in self._names(worker))

    @translated
    def drop(self, worker: WorkerId) -> int:
        """See Semaphores."""
        dropped = sum(int(self._drop(keys=[self._key(name)], args=[str(worker)])) for name in self._names(worker))
        self._redis.delete(self._names_key(worker))
        self._noted = {noted: at for noted, at in self._noted.items() if noted[0] != worker}
        return dropped

    @translated
    def count(self, name: str) -> int:
        """See Semaphores."""
        return int(self._count(keys=[self._key(name)]))

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
