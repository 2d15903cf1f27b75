"""Pauses: a set of names that all processes share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from mrq.ports.pauses import Pauses


def test_nothing_is_paused_at_first(pauses: Pauses) -> None:
    assert pauses.paused() == frozenset()


def test_what_is_paused_stays_paused_until_it_is_resumed(pauses: Pauses) -> None:
    for queue in ("a", "b/x", "ü"):
        pauses.pause(queue)
    pauses.pause("a")
    assert pauses.paused() == {"a", "b/x", "ü"}
    pauses.resume("a")
    pauses.resume("never paused")
    assert pauses.paused() == {"b/x", "ü"}


def test_a_redis_that_is_away_is_said_to_be() -> None:
    from mrq.stores.redis_client import connect
    from mrq.stores.redis_pauses import RedisPauses

    url = "redis://127.0.0.1:1"  # nothing listens there
    client = connect(url, max_connections=2, timeout=1, server_timeout=1)
    with pytest.raises(StoreUnavailableError, match="Redis is not available"):
        RedisPauses(client, "mrq").paused()
