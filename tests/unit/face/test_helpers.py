"""mrq.helpers: small things under 0.9's names."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from mrq.helpers import ratelimit

if TYPE_CHECKING:
    import redis

    from mrq.app import App


def test_ratelimit_counts_down_and_stays_at_zero(memory_app: App) -> None:
    assert [ratelimit("k", 3, per=3600) for _ in range(5)] == [3, 2, 1, 0, 0]
    assert ratelimit("other", 1, per=3600) == 1


def test_ratelimit_on_real_redis_and_on_another_one(app: App, servers: object) -> None:
    key = secrets.token_hex(6)
    client: redis.Redis = servers.redis  # type: ignore[attr-defined]
    assert [ratelimit(key, 2, per=3600) for _ in range(2)] == [2, 1]
    assert ratelimit(key, 2, per=3600, redis=client) == 0
    (name,) = client.keys(f"ratelimit:{key}:*")
    assert client.get(name) == b"3"
    assert 3600 < client.ttl(name) <= 3610
    client.delete(name)
