"""Wakeups: calls from producers reach idle workers, and only those who listen."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from mrq.embedded import EmbeddedRedis
from mrq.ports.errors import StoreUnavailableError
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mrq.ports.wakeups import Subscription, Wakeups

SOON = 0.05


def listens(wakeups: Wakeups, ear: Subscription, root: str) -> None:
    """Call until it is heard: from then on the ear surely listens. Then let all be silent again."""

    def heard() -> bool:
        wakeups.notify([root])
        return ear.wait(SOON)

    wait_until(heard)
    while ear.wait(SOON):
        pass


@contextmanager
def listening(wakeups: Wakeups, *roots: str) -> Iterator[Subscription]:
    ear = wakeups.subscribe(roots)
    try:
        for root in roots:
            listens(wakeups, ear, root)
        yield ear
    finally:
        ear.close()


def hears(ear: Subscription) -> bool:
    return wait_until(lambda: ear.wait(SOON), what="the call is heard")


def test_a_call_reaches_everyone_who_listens_to_its_root(wakeups: Wakeups) -> None:
    with listening(wakeups, "crawl") as one, listening(wakeups, "other", "crawl") as two:
        wakeups.notify(["crawl"])
        assert hears(one)
        assert hears(two)


def test_a_caller_learns_to_which_roots_nobody_listens(wakeups: Wakeups) -> None:
    assert wakeups.notify(["crawl", "other"]) == {"crawl", "other"}
    with listening(wakeups, "crawl"):
        assert wakeups.notify(["crawl", "other"]) == {"other"}
    wait_until(lambda: wakeups.notify(["crawl"]) == {"crawl"}, what="nobody listens any more")


def test_announced_jobs_call_those_who_listen_to_the_root_of_their_queue(wakeups: Wakeups) -> None:
    assert wakeups.announce("crawl/sub", 1, 60)
    with listening(wakeups, "crawl") as ear:
        assert not wakeups.announce("crawl/sub", 1, 60)
        assert hears(ear)
        assert wakeups.announce("other", 1, 60)


def test_a_server_that_takes_no_writes_calls_all_the_same(redis_client: Any, redis_prefix: str) -> None:
    from mrq.stores.redis_wakeups import RedisWakeups

    wakeups = RedisWakeups(redis_client, redis_prefix)
    queue = f"q{redis_prefix}"  # sizes have no prefix
    redis_client.rpush(f"queuesize:{queue}", "no number")
    assert wakeups.announce(queue, 1, 60), "nobody listens"
    with listening(wakeups, queue) as ear:
        assert not wakeups.announce(queue, 1, 60)
        assert hears(ear)
    redis_client.delete(f"queuesize:{queue}")


def test_a_call_reaches_nobody_else(wakeups: Wakeups) -> None:
    with listening(wakeups, "crawl") as one, listening(wakeups, "crawler") as two:
        wakeups.notify(["crawl"])
        assert hears(one)
        assert not two.wait(SOON)


def test_a_call_to_several_roots_reaches_the_listeners_of_each(wakeups: Wakeups) -> None:
    with listening(wakeups, "a") as one, listening(wakeups, "b") as two, listening(wakeups, "c") as three:
        wakeups.notify(iter(["a", "b"]))
        assert hears(one)
        assert hears(two)
        assert not three.wait(SOON)


def test_a_call_is_heard_once(wakeups: Wakeups) -> None:
    with listening(wakeups, "a") as ear:
        wakeups.notify(["a"])
        assert hears(ear)
        assert not ear.wait(SOON)


def test_a_call_that_came_while_nobody_waited_is_heard_at_the_next_wait(wakeups: Wakeups) -> None:
    with listening(wakeups, "a") as ear:
        wakeups.notify(["a"])
        assert ear.wait(5)


def test_calling_nobody_is_fine(wakeups: Wakeups) -> None:
    wakeups.notify(["nobody"])
    wakeups.notify([])


def test_a_wait_ends_as_soon_as_there_is_a_call(wakeups: Wakeups) -> None:
    with listening(wakeups, "a") as ear:
        heard: list[bool] = []
        thread = threading.Thread(target=lambda: heard.append(ear.wait(60)))
        thread.start()
        wait_until(lambda: wakeups.notify(["a"]) or heard or not thread.is_alive())
        thread.join(5)
        assert heard == [True]


def test_a_closed_ear_hears_nothing(wakeups: Wakeups) -> None:
    with listening(wakeups, "a") as ear:
        ear.close()
        wakeups.notify(["a"])
        assert not ear.wait(SOON)
        ear.close()


def test_a_wait_in_another_thread_returns_soon_after_the_close(wakeups: Wakeups) -> None:
    with listening(wakeups, "a") as ear:
        returned: list[object] = []
        waits = threading.Event()

        def wait() -> None:
            waits.set()
            try:
                returned.append(ear.wait(60))
            except BaseException as error:
                returned.append(error)

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        waits.wait(5)
        ear.close()
        thread.join(10)
        assert returned == [False]


def test_prefixes_keep_calls_apart(redis_client: object, redis_prefix: str) -> None:
    from mrq.stores.redis_wakeups import RedisWakeups

    ours, theirs = (RedisWakeups(redis_client, redis_prefix + tail) for tail in ("a", "b"))  # type: ignore[arg-type]
    with listening(ours, "q") as ear:
        theirs.notify(["q"])
        assert not ear.wait(SOON)


def test_the_server_says_what_it_is(wakeups: Wakeups) -> None:
    assert wakeups.ping()


def test_an_absent_server_is_reported_and_listening_goes_on_after_its_return() -> None:
    from mrq.stores.redis_client import connect
    from mrq.stores.redis_wakeups import RedisWakeups

    with EmbeddedRedis() as server:
        client = connect(server.url, max_connections=5, timeout=1, server_timeout=1)
        wakeups = RedisWakeups(client, "p")
        with listening(wakeups, "a", "b") as ear:
            server.kill()
            for call in (lambda: wakeups.notify(["a"]), lambda: ear.wait(1), lambda: ear.wait(1), wakeups.ping):
                with pytest.raises(StoreUnavailableError, match="Redis is not available"):
                    call()
            server.start()
            listens(wakeups, ear, "a")
            listens(wakeups, ear, "b")
        client.close()
        client.connection_pool.disconnect()


def test_whatever_redis_refuses_is_no_more_than_an_absent_server(redis_url: str, redis_prefix: str) -> None:
    from urllib.parse import urlsplit, urlunsplit

    from redis import Redis

    from mrq.stores.redis_client import connect
    from mrq.stores.redis_wakeups import RedisWakeups

    parts = urlsplit(redis_url)
    url = urlunsplit(parts._replace(netloc=f"{redis_prefix}:pw@{parts.netloc.rpartition('@')[2]}"))
    with Redis.from_url(redis_url) as admin:
        admin.acl_setuser(redis_prefix, enabled=True, passwords=["+pw"], commands=["+ping"])
        try:
            limited = connect(url, max_connections=2, timeout=5, server_timeout=5)
            wakeups = RedisWakeups(limited, redis_prefix)
            ear = wakeups.subscribe(["crawl"])
            for refused in (wakeups.ping, lambda: wakeups.notify(["crawl"]), lambda: ear.wait(SOON)):
                with pytest.raises(StoreUnavailableError, match="permission"):
                    refused()
            ear.close()
            limited.close()
            limited.connection_pool.disconnect()
        finally:
            admin.acl_deluser(redis_prefix)


def test_marks_for_workers_of_mrq_0_9(redis_client: Any, redis_prefix: str) -> None:
    """They wait with BLPOP for "1" in a list that expires."""
    from mrq.stores.redis_wakeups import RedisWakeups

    wakeups = RedisWakeups(redis_client, redis_prefix)
    wakeups.leave_marks("default", 2, 30)
    key = f"{redis_prefix}:notify:default"
    assert redis_client.lrange(key, 0, -1) == [b"1", b"1"]
    assert 0 < redis_client.ttl(key) <= 30
    wakeups.leave_marks("default", 1_000_000, 30)
    wakeups.leave_marks("default", 5, 30)
    assert redis_client.llen(key) == 100


def test_connections_that_are_closed_under_a_wait_are_no_more_than_an_absent_server(
    redis_client: Any, redis_prefix: str
) -> None:
    """Closed by another thread, between two lines of the driver."""
    from mrq.stores.redis_wakeups import RedisWakeups

    wakeups = RedisWakeups(redis_client, redis_prefix)
    ear = wakeups.subscribe(["a"])
    listens(wakeups, ear, "a")
    ear._pubsub.connection._parser._sock = None
    with pytest.raises(StoreUnavailableError, match="closed meanwhile"):
        ear.wait(SOON)
    listens(wakeups, ear, "a")
    ear.close()
