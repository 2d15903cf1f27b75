"""Raw queues, for producers and people: what goes in, in which order it waits, what can be seen of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from contract.rawkit import KINDS, LIST, NOW, SET, SORTED, TIMED, RawKit
from mrq.domain.queuename import parse_queue
from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.ports.raw import RawQueues

ODD = [b"", b"\x00\xff\n -", "ü".encode(), b"x" * 100_000]


@pytest.fixture
def kit(raw: RawQueues) -> RawKit:
    return RawKit(raw)


@pytest.mark.parametrize("queue", KINDS)
def test_what_is_enqueued_waits(kit: RawKit, queue: str) -> None:
    assert kit.size(queue) == 0
    kit.fill(queue, b"a", b"b", b"c")
    assert kit.size(queue) == 3
    assert kit.waiting(queue) == [b"a", b"b", b"c"]


@pytest.mark.parametrize("queue", KINDS)
def test_payloads_are_any_bytes(kit: RawKit, queue: str) -> None:
    kit.fill(queue, *ODD)
    assert set(kit.waiting(queue)) == set(ODD)
    assert {held.payload for held in kit.take(queue)} == set(ODD)


@pytest.mark.parametrize("queue", KINDS)
def test_nothing_enqueued_is_nothing(kit: RawKit, queue: str) -> None:
    kit.fill(queue)
    kit.fill(f"{queue}/sub")
    assert kit.size(queue) == 0
    assert kit.raw.subqueues(parse_queue(queue).root) == set()


def test_a_list_keeps_equal_payloads_and_sets_do_not(kit: RawKit) -> None:
    kit.fill(LIST, b"a", b"b", b"a")
    assert kit.waiting(LIST) == [b"a", b"b", b"a"]
    kit.fill(SET, b"a", b"b", b"a")
    assert kit.waiting(SET) == [b"a", b"b"]


@pytest.mark.parametrize("queue", [SORTED, TIMED])
def test_enqueueing_again_moves_a_member_of_a_sorted_set(kit: RawKit, queue: str) -> None:
    kit.fill(queue, b"a", b"b")
    kit.fill(queue, b"a", first=5)
    assert kit.waiting(queue) == [b"b", b"a"]


@pytest.mark.parametrize("queue", KINDS)
def test_many_payloads_fit_into_one_call(kit: RawKit, queue: str) -> None:
    payloads = [b"%05d" % n for n in range(4500)]
    kit.fill(queue, *payloads)
    assert kit.size(queue) == 4500
    assert kit.waiting(queue) == payloads
    assert kit.raw.remove(parse_queue(queue), payloads) == 4500
    assert kit.size(queue) == 0


@pytest.mark.parametrize("queue", [LIST, SORTED, TIMED])
def test_listing_skips_and_stops(kit: RawKit, queue: str) -> None:
    kit.fill(queue, b"a", b"b", b"c", b"d")
    name, other_end = parse_queue(queue), parse_queue(f"{queue}_reverse")
    assert kit.raw.waiting(name, 1, 2) == [b"b", b"c"]
    assert kit.raw.waiting(name, 3, 5) == [b"d"]
    assert kit.raw.waiting(name, 9, 5) == []
    assert kit.raw.waiting(name, 0, 0) == []
    assert kit.raw.waiting(other_end, 0, 2) == [b"d", b"c"]
    assert kit.raw.waiting(other_end, 1, 2) == [b"c", b"b"]
    assert kit.raw.waiting(other_end, 3, 9) == [b"a"]
    assert kit.raw.waiting(other_end, 4, 9) == []


def test_listing_a_set_shows_some_of_its_members(kit: RawKit) -> None:
    kit.fill(SET, b"a", b"b", b"c")
    shown = kit.raw.waiting(parse_queue(SET), 0, 2)
    assert len(set(shown)) == 2
    assert set(shown) < {b"a", b"b", b"c"}


@pytest.mark.parametrize("queue", KINDS)
def test_removing_takes_out_what_waits(kit: RawKit, queue: str) -> None:
    kit.fill(queue, b"a", b"b", b"c")
    assert kit.raw.remove(parse_queue(queue), [b"b", b"no"]) == 1
    assert kit.waiting(queue) == [b"a", b"c"]


def test_removing_from_a_list_takes_one_for_one(kit: RawKit) -> None:
    kit.fill(LIST, b"a", b"a", b"a")
    assert kit.raw.remove(parse_queue(LIST), [b"a", b"a"]) == 2
    assert kit.waiting(LIST) == [b"a"]


@pytest.mark.parametrize("queue", KINDS)
def test_subqueues_are_known_as_long_as_something_waits_in_them(kit: RawKit, queue: str) -> None:
    kit.fill(queue, b"root")
    kit.fill(f"{queue}/x", b"a", b"b")
    kit.fill(f"{queue}/y/z", b"c")
    assert kit.raw.subqueues(queue) == {f"{queue}/x", f"{queue}/y/z"}
    assert kit.size(f"{queue}/") == 3
    assert kit.size(f"{queue}/x") == 2
    assert kit.size(queue) == 1
    kit.raw.remove(parse_queue(f"{queue}/x"), [b"a"])
    assert kit.raw.subqueues(queue) == {f"{queue}/x", f"{queue}/y/z"}
    kit.raw.remove(parse_queue(f"{queue}/x"), [b"b"])
    assert kit.raw.subqueues(queue) == {f"{queue}/y/z"}


@pytest.mark.parametrize("queue", KINDS)
def test_many_queues_of_a_root_are_counted_at_once(kit: RawKit, queue: str) -> None:
    kit.fill(queue, b"root")
    kit.fill(f"{queue}/x", b"a", b"b")
    names = [f"{queue}/x", f"{queue}/none", queue, *(f"{queue}/{number}" for number in range(1500))]
    kit.fill(names[-1], b"c", b"d", b"e")
    assert kit.raw.sizes([parse_queue(name) for name in names]) == [2, 0, 1, *[0] * 1499, 3]
    assert kit.raw.sizes([]) == []


@pytest.mark.parametrize("queue", KINDS)
def test_emptying_one_queue_leaves_the_others(kit: RawKit, queue: str) -> None:
    for name in (queue, f"{queue}/x", f"{queue}/y"):
        kit.fill(name, b"a")
    kit.raw.empty(parse_queue(f"{queue}/x"))
    assert kit.raw.subqueues(queue) == {f"{queue}/y"}
    assert [kit.size(name) for name in (queue, f"{queue}/x", f"{queue}/y")] == [1, 0, 1]
    kit.raw.empty(parse_queue(queue))
    assert [kit.size(name) for name in (queue, f"{queue}/y")] == [0, 1]


@pytest.mark.parametrize("queue", KINDS)
def test_emptying_a_root_with_a_slash_empties_all_subqueues(kit: RawKit, queue: str) -> None:
    kit.fill(queue, b"a")
    for number in range(600):
        kit.fill(f"{queue}/{number}", b"a")
    assert kit.size(f"{queue}/") == 600
    kit.raw.empty(parse_queue(f"{queue}/"))
    assert kit.size(f"{queue}/") == 0
    assert kit.raw.subqueues(queue) == set()
    assert kit.size(queue) == 1


def test_a_scan_finds_every_known_subqueue(kit: RawKit) -> None:
    names = {f"{LIST}/{number}" for number in range(1500)}
    for name in names:
        kit.fill(name, b"a")
    found, cursor, steps = set(), 0, 0
    while True:
        cursor, some = kit.raw.scan_subqueues(LIST, cursor)
        found.update(some)
        steps += 1
        if not cursor:
            break
    assert found == names
    assert steps < 20


def test_only_timed_sets_have_payloads_that_are_not_due(kit: RawKit) -> None:
    for queue in KINDS:
        kit.fill(queue, b"a", b"b", b"c", first=NOW - 1)
        kit.fill(f"{queue}/x", b"a", b"b", first=NOW)
    assert [kit.raw.count_due(parse_queue(queue), NOW) for queue in KINDS] == [3, 3, 3, 2]
    assert [kit.raw.count_due(parse_queue(f"{queue}/"), NOW) for queue in KINDS] == [2, 2, 2, 1]


@pytest.mark.parametrize("queue", [SORTED, TIMED])
def test_a_graph_counts_scores_between_bounds(kit: RawKit, queue: str) -> None:
    kit.fill(queue, b"a", b"b", b"c", b"d")  # 0 1 2 3
    name = parse_queue(queue)
    bounds = [("0.0", "(1.0"), ("1.0", "(3.0"), ("3.0", "+inf"), ("-inf", "(0.0"), ("(0", "3")]
    assert kit.raw.sorted_graph(name, bounds) == [1, 2, 1, 0, 3]
    assert kit.raw.sorted_graph(name, bounds * 500) == [1, 2, 1, 0, 3] * 500
    assert kit.raw.sorted_graph(name, []) == []


def test_roots_that_are_served_are_known(kit: RawKit) -> None:
    kit.raw.serve("a_raw")
    kit.raw.serve("ü_set")
    kit.raw.serve("a_raw")
    assert kit.raw.roots() == {"a_raw", "ü_set"}


# ---- keys on a standalone server are those of MRQ 0.9


@pytest.fixture
def plain(redis_client: Any, redis_prefix: str) -> RawKit:
    """On a standalone server, so that its keys can be looked at."""
    from mrq.stores.redis_raw import RedisRawQueues

    return RawKit(RedisRawQueues(redis_client, redis_prefix))


def test_what_09_has_written_is_served(plain: RawKit, redis_client: Any, redis_prefix: str) -> None:
    redis_client.rpush(f"{redis_prefix}:q:{LIST}/x", "one", "two")
    redis_client.sadd(f"{redis_prefix}:ksq:{LIST}", f"{LIST}/x")
    redis_client.sadd(f"{redis_prefix}:q:{SET}", "one")
    redis_client.zadd(f"{redis_prefix}:q:{SORTED}", {"one": 2.5})
    assert plain.raw.subqueues(LIST) == {f"{LIST}/x"}
    assert [held.payload for held in plain.take(f"{LIST}/x")] == [b"one", b"two"]
    assert [held.payload for held in plain.take(SET)] == [b"one"]
    assert [(held.payload, held.score) for held in plain.take(SORTED)] == [(b"one", 2.5)]


def test_09_can_read_what_is_written(plain: RawKit, redis_client: Any, redis_prefix: str) -> None:
    plain.fill(f"{LIST}/x", b"one", b"two")
    plain.fill(SET, b"one")
    plain.fill(TIMED, b"one", first=2.5)
    assert redis_client.lrange(f"{redis_prefix}:q:{LIST}/x", 0, -1) == [b"one", b"two"]
    assert redis_client.smembers(f"{redis_prefix}:ksq:{LIST}") == {f"{LIST}/x".encode()}
    assert redis_client.smembers(f"{redis_prefix}:q:{SET}") == {b"one"}
    assert redis_client.zscore(f"{redis_prefix}:q:{TIMED}", "one") == 2.5


# ---- answers that get lost: the driver sends a command again by itself


class Twice:
    """A client that sends every script twice, as the driver does when the first answer is lost."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.is_cluster = client.is_cluster

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if name not in ("evalsha", "eval"):
            return method

        def call(*args: Any) -> Any:
            method(*args)
            return method(*args)

        return call


@pytest.mark.parametrize("queue", KINDS)
def test_scripts_that_are_sent_twice_work_once(redis_client: Any, redis_prefix: str, queue: str) -> None:
    from mrq.stores.redis_raw import RedisRawQueues

    kit = RawKit(RedisRawQueues(Twice(redis_client), redis_prefix))
    kit.fill(queue, b"a", b"b", b"c", b"d", b"e", b"f")
    assert kit.size(queue) == 6
    assert kit.raw.remove(parse_queue(queue), [b"a"]) == 1
    assert kit.size(queue) == 5
    took = kit.take(queue, 2)
    assert len(took) == 2
    assert kit.size(queue) == 3
    assert kit.raw.done(queue, kit.worker, [took[0].id]) == set()
    kit.put_back(took)
    assert kit.size(queue) == 4


# ---- an absent server


@pytest.mark.parametrize("cluster", ["auto", "on", "off"])
def test_a_redis_that_is_away_is_said_to_be(cluster: str) -> None:
    from mrq.stores.redis_client import connect
    from mrq.stores.redis_raw import RedisRawQueues

    client = connect("redis://127.0.0.1:1", max_connections=2, timeout=1, server_timeout=1, cluster=cluster)
    kit = RawKit(RedisRawQueues(client, "mrq"))
    raw, worker, name = kit.raw, kit.worker, parse_queue(LIST)
    calls: list[Callable[[], object]] = [
        lambda: kit.fill(LIST, b"a"), lambda: kit.take(LIST), lambda: kit.size(LIST), raw.roots,
        lambda: raw.sizes([name]),
        lambda: raw.remove(name, [b"a"]), lambda: raw.empty(name), lambda: raw.count_due(name, 0),
        lambda: raw.waiting(name, 0, 1), lambda: raw.sorted_graph(name, [("1", "2")]), lambda: raw.subqueues(LIST),
        lambda: raw.scan_subqueues(LIST, 0), lambda: raw.serve(LIST), lambda: raw.done(LIST, worker, [worker]),
        lambda: raw.held(LIST, worker, [worker]), lambda: raw.put_back(LIST, worker, {worker: LIST}),
        lambda: raw.holders(LIST), lambda: raw.held_ids(LIST, worker), lambda: raw.leave(LIST, worker),
    ]  # fmt: skip
    for call in calls[: None if cluster == "off" else 1]:
        with pytest.raises(StoreUnavailableError, match="Redis is not available"):
            call()
