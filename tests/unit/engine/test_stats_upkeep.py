"""Looks at the queues, one a minute whoever looks; and the rounds that do it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mrq.domain.job import NewJob
from mrq.domain.queuename import parse_queue
from mrq.domain.stats import Backlog, Resolution
from mrq.engine import queue_samples, stats_upkeep
from mrq.engine.stats_upkeep import each_minute, seconds_to_next_minute
from mrq.ports.errors import StoreUnavailableError
from mrq.stores.ids import new_id
from unit.engine.kit import NOW, ManualClock
from unit.engine.statskit import WORKER, StatsBench, work

MINUTE = timedelta(minutes=1)


@pytest.fixture
def bench() -> StatsBench:
    return StatsBench()


def queue(bench: StatsBench, name: str, jobs: int = 1, waited: float = 10.0) -> None:
    at = NOW - timedelta(seconds=waited)
    bench.jobs.insert([NewJob(new_id(), "tasks.T", {}, name, at, at) for _ in range(jobs)])


def test_all_queues_with_something_in_them_are_seen_and_the_others_are_empty(bench: StatsBench) -> None:
    queue(bench, "q", 3)
    queue(bench, "later", 2, waited=-60)
    queue(bench, "main/a")
    queue(bench, "main/b", waited=30)
    raw = bench.raw.store
    raw.enqueue(parse_queue("b_raw"), [b"1", b"2"])
    raw.serve("c_timed_set")
    raw.enqueue(parse_queue("c_timed_set"), {b"due": 1.0, b"later": 1e12})
    raw.serve("d_raw")
    raw.enqueue(parse_queue("d_raw/x"), [b"1"])
    look = bench.sampler.look(NOW)
    assert look.complete
    assert look.backlogs == {
        "q": Backlog(3, 0, 10.0), "later": Backlog(0, 2), "main/": Backlog(2, 0, 30.0),
        "b_raw": Backlog(2), "c_timed_set": Backlog(1, 1), "d_raw/": Backlog(1),
    }  # fmt: skip
    assert look.of("nothing") == Backlog()
    assert look.of("main/b") == Backlog(2, 0, 30.0)


def test_one_look_a_minute_is_taken(bench: StatsBench) -> None:
    queue(bench, "q")
    assert bench.sampler.round(NOW)
    counted = bench.moody.calls.count("backlog")
    assert not bench.sampler.round(NOW + timedelta(seconds=59))
    assert bench.moody.calls.count("backlog") == counted, "who comes later doesn't count"
    assert bench.sampler.round(NOW + MINUTE)


def test_a_look_is_bounded_and_says_so(bench: StatsBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue_samples, "MOST_QUEUES", 3)
    for n in range(5):
        queue(bench, f"q{n}")
    look = bench.sampler.look(NOW)
    assert (len(look.backlogs), look.complete) == (3, False)
    assert look.of("q4") is None
    assert not bench.sampler.look(NOW, lambda: False).complete


def test_a_queue_that_takes_too_long_is_left_out(bench: StatsBench) -> None:
    queue(bench, "a")
    queue(bench, "b")
    bench.moody.fail = lambda name, args: name == "backlog" and args[0] == "a"
    look = bench.sampler.look(NOW)
    assert (look.of("a"), look.of("b")) == (None, Backlog(1, 0, 10.0))


def test_without_redis_the_regular_queues_are_looked_at(bench: StatsBench) -> None:
    queue(bench, "q")
    bench.raw.away.add("*")
    look = bench.sampler.look(NOW)
    assert (look.of("q"), look.of("b_raw")) == (Backlog(1, 0, 10.0), None)


def test_a_round_looks_and_sums_up(bench: StatsBench) -> None:
    collector = bench.collector()
    work(collector, 2)
    collector.flush(WORKER)
    bench.clock.pass_by(90)
    assert bench.round() == 2
    assert bench.stored(Resolution.MINUTE) == {NOW: 2}
    assert bench.round() == 0


def test_a_look_that_fails_does_not_keep_the_sums_from_being_made(bench: StatsBench) -> None:
    collector = bench.collector()
    work(collector)
    collector.flush(WORKER)
    bench.clock.pass_by(90)
    bench.moody.away.add("next_queue")
    assert bench.round() == 1


def test_a_round_without_mongodb_says_so(bench: StatsBench) -> None:
    bench.moody.away.add("*")
    with pytest.raises(StoreUnavailableError):
        bench.round()


def test_a_round_stops_when_its_time_is_over(bench: StatsBench) -> None:
    for _ in range(5):
        collector = bench.collector(str(bench.clock.seconds))
        work(collector)
        collector.flush(WORKER)
        bench.clock.pass_by(60)
    bench.clock.pass_by(60)
    put = bench.store.put

    def slow_put(*args: object) -> bool:
        bench.clock.pass_by(stats_upkeep.LONGEST_ROUND)
        return put(*args)  # type: ignore[arg-type]

    bench.store.put = slow_put  # type: ignore[method-assign]
    assert bench.rollup.round(bench.clock.now(), lambda: True) == 5
    for part in bench.store._periods.values():
        part["pending"] = part["start"]
    assert bench.round() == 1 + 1, "a look and one sum"


class Stopped:
    """An event that is set after so many waits; waiting passes the time."""

    def __init__(self, clock: ManualClock, waits: int) -> None:
        self.clock, self.waits = clock, waits

    def wait(self, timeout: float | None = None) -> bool:
        self.waits -= 1
        self.clock.pass_by(timeout or 0.0)
        return self.waits < 0


def test_it_is_called_just_after_each_minute_has_begun() -> None:
    clock, called = ManualClock(), []
    clock.pass_by(12.5)
    each_minute(Stopped(clock, 3), called.append, clock)  # type: ignore[arg-type]
    assert called == [NOW + n * MINUTE + timedelta(seconds=1) for n in (1, 2, 3)]
    assert seconds_to_next_minute(NOW) == 61.0


def test_the_lock_is_open_again_at_the_next_minute() -> None:
    assert 30 < stats_upkeep.INTERVAL < 60
