"""What a worker publishes about its queues, and how seldom; and who is told that it is idle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mrq.domain.change import JobChange, Settlement
from mrq.domain.queuename import parse_queue
from mrq.domain.status import Status
from mrq.engine.sizes import SizePublisher
from mrq.ports.errors import StoreUnavailableError
from mrq.stores.ids import new_id
from mrq.stores.memory import MemoryLocks
from mrq.stores.memory_sizes import MemoryQueueSizes
from unit.engine.kit import NOW, ManualClock, Moody, new_job, start

if TYPE_CHECKING:
    from collections.abc import Callable


class Slow:
    """A store whose counts take time."""

    def __init__(self, store: Moody, count: Callable[[], None]) -> None:
        self._store, self._count = store, count

    def __getattr__(self, name: str) -> Any:
        if name == "count":
            self._count()
        return getattr(self._store, name)


class Bench:
    def __init__(self, store: Moody, clock: ManualClock) -> None:
        self.store, self.clock, self.sizes = store, clock, MemoryQueueSizes()
        self.locks = MemoryLocks(clock.monotonic)
        self.counts = 0
        self.takes = 0.0

    def publisher(self, *queues: str) -> SizePublisher:
        def count() -> None:
            self.counts += 1
            self.clock.pass_by(self.takes)

        names = [parse_queue(queue) for queue in queues]
        slow: Any = Slow(self.store, count)
        return SizePublisher(slow, self.sizes, self.locks, self.clock, names, interval=10.0, ttl=60.0)


@pytest.fixture
def bench(store: Moody, clock: ManualClock) -> Bench:
    return Bench(store, clock)


def test_waiting_and_running_jobs_are_counted(bench: Bench) -> None:
    start(bench.store, new_job(queue="a"), worker=new_id())
    bench.store.insert([new_job(queue="a"), new_job(queue="m/x"), new_job(queue="m/x")])
    bench.publisher("a", "b", "m/", "r_set").round()
    published = {name: bench.sizes.published(name) for name in ("a", "b", "m/x", "m/", "r_set")}
    assert published == {"a": 2, "b": 0, "m/x": 2, "m/": None, "r_set": None}


def test_a_count_replaces_what_was_added_up(bench: Bench) -> None:
    bench.sizes.add("a", 40, 60.0)
    bench.publisher("a").round()
    assert bench.sizes.published("a") == 0


def test_a_queue_is_counted_by_one_worker(bench: Bench) -> None:
    for publisher in (bench.publisher("a"), bench.publisher("a")):
        publisher.round()
    assert bench.counts == 1
    bench.clock.pass_by(11)
    bench.publisher("a").round()
    assert bench.counts == 2


def test_a_subqueue_that_is_drained_is_empty_again(bench: Bench) -> None:
    publisher = bench.publisher("m/")
    bench.sizes.add("m/x", 2, 60.0)  # by a producer
    claimed = start(bench.store, new_job(queue="m/x"), new_job(queue="m/x"), worker=new_id())
    publisher.took(["m/x", "m/x"])
    publisher.round()
    assert bench.sizes.published("m/x") == 2
    for job in claimed:
        bench.store.settle([Settlement(job.id, job.token, JobChange(Status.SUCCESS, NOW, None))])
    publisher.round()  # though somebody counts `m/` already
    assert bench.sizes.published("m/x") == 0
    bench.counts = 0
    publisher.publish_all()
    assert bench.counts == 0, "it is not counted for ever"


def test_what_takes_long_is_counted_seldom(bench: Bench) -> None:
    bench.takes = 2.0
    publisher = bench.publisher("a")
    publisher.round()
    bench.clock.pass_by(30)
    publisher.round()
    assert bench.counts == 1
    bench.clock.pass_by(15)
    publisher.round()
    assert bench.counts == 2


def test_an_outage_is_no_reason_to_stop(bench: Bench) -> None:
    bench.store.away.add("*")
    bench.publisher("a").round()
    with pytest.raises(StoreUnavailableError):
        bench.publisher("a").publish_all()


def test_each_round_counts_also_one_that_comes_a_little_early(bench: Bench) -> None:
    publisher = bench.publisher("a")
    for _ in range(3):
        publisher.round()
        bench.clock.pass_by(9.99)
    assert bench.counts == 3
