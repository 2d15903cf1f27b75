"""Semaphores: so many holders at once, and permits that free themselves."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mrq.embedded import EmbeddedRedis
from mrq.ports.errors import StoreUnavailableError
from mrq.ports.semaphores import Permit
from mrq.stores.ids import new_id
from mrq.stores.memory_limits import MemorySemaphores
from support.waiting import wait_until

if TYPE_CHECKING:
    from mrq.ports.semaphores import Semaphores

LONG = 60.0
ME, OTHER = new_id(), new_id()


def ask(semaphores: Semaphores, *permits: str, limit: int = 2, worker: Any = ME, lease: float = LONG) -> set[str]:
    return set(semaphores.acquire("name", limit, worker, permits, lease))


def held(*permits: str, worker: Any = ME, name: str = "name") -> list[Permit]:
    return [Permit(name, worker, permit) for permit in permits]


def test_no_more_are_granted_than_the_limit_allows(semaphores: Semaphores) -> None:
    assert ask(semaphores, "a", "b", "c") == {"a", "b"}
    assert ask(semaphores, "d", worker=OTHER) == set()
    assert semaphores.count("name") == 2


def test_the_first_of_those_asked_for_are_granted(semaphores: Semaphores) -> None:
    ask(semaphores, "x", worker=OTHER)
    assert ask(semaphores, "b", "a") == {"b"}


def test_names_have_limits_of_their_own(semaphores: Semaphores) -> None:
    ask(semaphores, "a", "b")
    assert semaphores.acquire("another", 1, ME, ["c"], LONG) == {"c"}


def test_the_same_permit_is_granted_again_and_counts_once(semaphores: Semaphores) -> None:
    assert ask(semaphores, "a", "b") == ask(semaphores, "a", "b") == {"a", "b"}
    assert semaphores.count("name") == 2


def test_permits_of_two_workers_with_the_same_id_are_two(semaphores: Semaphores) -> None:
    ask(semaphores, "a")
    ask(semaphores, "a", worker=OTHER)
    assert semaphores.count("name") == 2


def test_a_released_permit_can_be_taken(semaphores: Semaphores) -> None:
    ask(semaphores, "a", "b")
    semaphores.release(held("a"))
    assert ask(semaphores, "c", "d") == {"c"}


def test_releasing_what_is_not_held_does_nothing(semaphores: Semaphores) -> None:
    ask(semaphores, "a")
    semaphores.release([*held("b"), *held("a", worker=OTHER), *held("a", name="nothing")])
    semaphores.release([])
    assert semaphores.count("name") == 1


def test_a_lower_limit_takes_nothing_away(semaphores: Semaphores) -> None:
    ask(semaphores, "a", "b")
    assert ask(semaphores, "c", limit=1) == set()
    assert semaphores.count("name") == 2


def test_a_permit_frees_itself(semaphores: Semaphores) -> None:
    ask(semaphores, "a", "b", lease=0.1)
    wait_until(lambda: ask(semaphores, "c", "d") == {"c", "d"})


def test_count_knows_what_has_freed_itself(semaphores: Semaphores) -> None:
    ask(semaphores, "a", lease=0.1)
    ask(semaphores, "b")
    wait_until(lambda: semaphores.count("name") == 1)


def test_asking_again_renews(semaphores: Semaphores) -> None:
    ask(semaphores, "a", lease=0.2)
    ask(semaphores, "a")
    ask(semaphores, "clock", lease=0.3)
    wait_until(lambda: semaphores.count("name") < 2)
    assert ask(semaphores, "b", "c") == {"b"}


def test_renewed_permits_last(semaphores: Semaphores) -> None:
    ask(semaphores, "a", "b", limit=9, lease=0.3)
    ask(semaphores, "x", limit=9, worker=OTHER, lease=0.3)
    semaphores.renew(held("a"), LONG)
    wait_until(lambda: semaphores.count("name") == 1)
    semaphores.release(held("a"))
    assert semaphores.count("name") == 0


def test_renewing_restores_what_the_server_has_forgotten(semaphores: Semaphores) -> None:
    semaphores.renew(held("a", "b"), LONG)
    assert semaphores.count("name") == 2
    assert ask(semaphores, "c") == set()
    assert semaphores.drop(ME) == 2, "and knows whose they are"


def test_whoever_stands_in_renews_without_knowing_the_permits(semaphores: Semaphores) -> None:
    ask(semaphores, "a", limit=9, lease=0.5)
    semaphores.acquire("another", 9, ME, ["b"], 0.5)
    ask(semaphores, "x", limit=9, worker=OTHER, lease=0.5)
    assert semaphores.renew_all(ME, LONG) == 2
    wait_until(lambda: semaphores.count("name") == 1)
    assert semaphores.count("another") == 1
    assert semaphores.renew_all(OTHER, LONG) == 0, "what has freed itself stays free"
    assert semaphores.count("name") == 1


def test_renewing_nothing_does_nothing(semaphores: Semaphores) -> None:
    semaphores.renew([], LONG)
    assert semaphores.renew_all(ME, LONG) == 0
    assert semaphores.count("name") == 0


def test_a_dead_workers_permits_are_dropped_under_all_names(semaphores: Semaphores) -> None:
    ask(semaphores, "a")
    ask(semaphores, "x", worker=OTHER)
    semaphores.acquire("another", 2, ME, ["b", "c"], LONG)
    assert semaphores.drop(ME) == 3
    assert (semaphores.count("name"), semaphores.count("another")) == (1, 0)
    assert semaphores.drop(ME) == 0


def test_a_worker_that_was_dropped_can_ask_again_and_be_dropped_again(semaphores: Semaphores) -> None:
    ask(semaphores, "a")
    semaphores.drop(ME)
    ask(semaphores, "b")
    assert semaphores.drop(ME) == 1


def test_of_many_at_once_as_many_get_one_as_the_limit_allows(semaphores: Semaphores) -> None:
    granted: list[set[str]] = []
    start = threading.Barrier(8)

    def acquire(number: int) -> None:
        start.wait(10)
        granted.append(ask(semaphores, f"p{number}", limit=3, worker=new_id()))

    threads = [threading.Thread(target=acquire, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(map(len, granted)) == 3


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("acquire"), st.sampled_from([ME, OTHER]), st.lists(st.sampled_from("abcd"), unique=True)),
        st.tuples(st.just("release"), st.sampled_from([ME, OTHER]), st.lists(st.sampled_from("abcd"), unique=True)),
        st.tuples(st.just("renew"), st.sampled_from([ME, OTHER]), st.lists(st.sampled_from("abcd"), unique=True)),
        st.tuples(st.just("renew_all"), st.sampled_from([ME, OTHER]), st.just([])),
        st.tuples(st.just("drop"), st.sampled_from([ME, OTHER]), st.just([])),
    ),
    max_size=20,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_redis_does_what_memory_does(redis_client: Any, redis_prefix: str, steps: list[Any]) -> None:
    from mrq.stores.redis_semaphores import RedisSemaphores

    answers = []
    for store in (MemorySemaphores(), RedisSemaphores(redis_client, f"{redis_prefix}:{new_id()}")):
        seen: list[Any] = []
        for what, worker, permits in steps:
            if what == "acquire":
                seen.append(store.acquire("name", 3, worker, permits, LONG))
            elif what in ("release", "renew"):
                args = (LONG,) if what == "renew" else ()
                getattr(store, what)(held(*permits, worker=worker), *args)
            else:
                seen.append(store.drop(worker) if what == "drop" else store.renew_all(worker, LONG))
            seen.append(store.count("name"))
        answers.append(seen)
    assert answers[0] == answers[1]


def test_nothing_is_left_in_redis_of_permits_that_freed_themselves(redis_client: Any, redis_prefix: str) -> None:
    from mrq.stores.redis_semaphores import RedisSemaphores

    semaphores = RedisSemaphores(redis_client, redis_prefix)
    ask(semaphores, "a", lease=0.1)
    semaphores.renew(held("a"), 0.2)
    assert 0 < redis_client.ttl(f"{redis_prefix}:semsof:{ME}") <= 24 * 3600
    wait_until(lambda: not redis_client.exists(f"{redis_prefix}:sem:name"))


def test_an_absent_server_is_reported_and_the_next_renewal_restores_what_it_lost() -> None:
    from mrq.stores.redis_client import connect
    from mrq.stores.redis_semaphores import RedisSemaphores

    with EmbeddedRedis() as server:
        client = connect(server.url, max_connections=5, timeout=1, server_timeout=1)
        semaphores = RedisSemaphores(client, "p")
        ask(semaphores, "a", "b")
        server.kill()
        for call in (
            lambda: ask(semaphores, "c"),
            lambda: semaphores.release(held("a")),
            lambda: semaphores.renew(held("a"), 1),
            lambda: semaphores.renew_all(ME, 1),
            lambda: semaphores.drop(ME),
            lambda: semaphores.count("name"),
        ):
            with pytest.raises(StoreUnavailableError):
                call()
        server.start()
        client.flushall()
        semaphores.renew(held("a", "b"), LONG)
        assert ask(semaphores, "c", worker=OTHER) == set()
        client.close()
        client.connection_pool.disconnect()
