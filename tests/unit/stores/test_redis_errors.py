"""What errors of Redis mean."""

from __future__ import annotations

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, ReadOnlyError, ResponseError

from mrq.ports.errors import StoreUnavailableError
from mrq.stores.redis_client import translated


@pytest.mark.parametrize("kind", [OutOfMemoryError, ReadOnlyError, RedisConnectionError])
def test_a_server_that_is_full_or_is_no_primary_is_away(kind: type[Exception]) -> None:
    @translated
    def ask() -> None:
        raise kind("used memory > 'maxmemory'")

    with pytest.raises(StoreUnavailableError, match="Redis is not available: used memory"):
        ask()


def test_a_mistake_of_ours_is_not_hidden() -> None:
    @translated
    def ask() -> None:
        raise ResponseError("WRONGTYPE")

    with pytest.raises(ResponseError):
        ask()
