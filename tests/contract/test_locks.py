"""Locks: one holder at a time, for a limited time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from mrq.embedded import EmbeddedRedis
from mrq.ports.errors import StoreUnavailableError
from support.waiting import wait_until

if TYPE_CHECKING:
    from mrq.ports.locks import Locks

LONG = 60.0


def taken(locks: Locks, name: str = "name", ttl: float = LONG) -> str:
    key = locks.acquire(name, ttl)
    assert key is not None
    return key


def test_a_lock_has_one_holder(locks: Locks) -> None:
    taken(locks)
    assert locks.acquire("name", LONG) is None


def test_locks_of_other_names_are_others(locks: Locks) -> None:
    assert taken(locks, "a") != taken(locks, "b")


def test_it_can_be_asked_whether_a_lock_is_held(locks: Locks) -> None:
    assert not locks.is_held("name")
    key = taken(locks)
    assert (locks.is_held("name"), locks.is_held("other")) == (True, False)
    locks.release("name", key)
    assert not locks.is_held("name")
    taken(locks, ttl=0.05)
    wait_until(lambda: not locks.is_held("name"))


def test_a_released_lock_can_be_taken(locks: Locks) -> None:
    key = taken(locks)
    assert locks.release("name", key) is True
    assert taken(locks) != key


def test_a_lock_is_released_once(locks: Locks) -> None:
    key = taken(locks)
    assert locks.release("name", key)
    assert not locks.release("name", key)


def test_only_the_holder_releases(locks: Locks) -> None:
    taken(locks)
    assert locks.release("name", "somebody else's") is False
    assert locks.acquire("name", LONG) is None


def test_a_lock_frees_itself(locks: Locks) -> None:
    key = taken(locks, ttl=0.05)
    second = wait_until(lambda: locks.acquire("name", LONG))
    assert second != key


@pytest.mark.parametrize("ttl", [0.001, 0.0001])
def test_a_very_short_time_is_a_time_too(locks: Locks, ttl: float) -> None:
    taken(locks, ttl=ttl)
    wait_until(lambda: locks.acquire("name", LONG))


def test_who_held_a_lock_before_can_neither_release_nor_extend_it(locks: Locks) -> None:
    first = taken(locks, ttl=0.05)
    wait_until(lambda: locks.acquire("name", LONG))
    assert locks.release("name", first) is False
    assert locks.extend("name", first, LONG) is False
    assert locks.acquire("name", LONG) is None


def test_an_extended_lock_lasts_longer(locks: Locks) -> None:
    key = taken(locks, ttl=0.5)
    assert locks.extend("name", key, LONG) is True
    short = taken(locks, "clock", ttl=0.6)
    wait_until(lambda: not locks.extend("clock", short + "?", 1) and locks.acquire("clock", LONG))
    assert locks.acquire("name", LONG) is None


def test_extending_can_shorten(locks: Locks) -> None:
    key = taken(locks)
    assert locks.extend("name", key, 0.02)
    wait_until(lambda: locks.acquire("name", LONG))


def test_only_the_holder_extends(locks: Locks) -> None:
    taken(locks)
    assert not locks.extend("name", "somebody else's", LONG)
    assert not locks.extend("nothing", "key", LONG)


def test_of_many_at_once_one_gets_it(locks: Locks) -> None:
    keys: list[str | None] = []
    start = threading.Barrier(6)

    def acquire() -> None:
        start.wait(10)
        keys.append(locks.acquire("name", LONG))

    threads = [threading.Thread(target=acquire) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(keys) == 6
    assert sum(key is not None for key in keys) == 1


def test_an_absent_server_is_reported() -> None:
    from mrq.stores.redis_client import connect
    from mrq.stores.redis_locks import RedisLocks

    with EmbeddedRedis() as server:
        client = connect(server.url, max_connections=5, timeout=1, server_timeout=1)
        locks = RedisLocks(client, "p")
        key = taken(locks)
        server.kill()
        for call in (
            lambda: locks.acquire("other", 1),
            lambda: locks.extend("name", key, 1),
            lambda: locks.release("name", key),
        ):
            with pytest.raises(StoreUnavailableError):
                call()
        server.start()
        assert taken(locks, "again")
        client.close()
        client.connection_pool.disconnect()
