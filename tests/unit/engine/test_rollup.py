"""Minutes of workers become minutes, hours and days: once, whoever sums up, however often, and however late."""

from __future__ import annotations

import random
import threading
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrq.domain.stats import Resolution
from mrq.engine import rollup as module
from mrq.ports.errors import StoreUnavailableError
from unit.engine.kit import NOW, ManualClock
from unit.engine.statskit import WORKER, StatsBench, work

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MIDNIGHT = NOW.replace(hour=0)


@pytest.fixture
def bench() -> StatsBench:
    return StatsBench()


def count(bench: StatsBench, source: str = "a", runs: int = 1, **about: Any) -> None:
    collector = bench.collector(f"{source}{len(bench.moody.calls)}")
    work(collector, runs, **about)
    assert collector.flush(WORKER)


def test_a_minute_is_summed_up_once_it_is_over_and_the_workers_have_reported(bench: StatsBench) -> None:
    count(bench, runs=2)
    count(bench, runs=3)
    bench.clock.pass_by(60)
    assert bench.rollup.round(bench.clock.now()) == 0
    bench.clock.pass_by(module.GRACE.total_seconds())
    assert bench.rollup.round(bench.clock.now()) == 1
    assert bench.stored(Resolution.MINUTE) == {NOW: 5}
    assert bench.rollup.round(bench.clock.now()) == 0, "there is nothing left to do"


def test_minutes_become_hours_and_hours_days(bench: StatsBench) -> None:
    for _ in range(26 * 4):
        count(bench)
        bench.clock.pass_by(15 * 60)
    for _ in range(5):
        bench.rollup.round(bench.clock.now())
    assert bench.stored(Resolution.HOUR) == {NOW + n * HOUR: 4 for n in range(25)}, "the last one has just ended"
    assert bench.stored(Resolution.DAY) == {MIDNIGHT: 48}, "the second day is not over"
    (day,) = bench.store.read(Resolution.DAY, MIDNIGHT, MIDNIGHT + DAY, limit=9)
    assert day.tally.select().run.count == 48


def test_a_late_part_is_taken_all_the_way_up(bench: StatsBench) -> None:
    late = bench.collector("late")
    work(late, 5)
    count(bench)
    bench.clock.pass_by(DAY.total_seconds())
    for _ in range(3):
        bench.rollup.round(bench.clock.now())
    assert bench.stored(Resolution.DAY) == {MIDNIGHT: 1}
    late.flush(WORKER)
    for _ in range(3):
        bench.rollup.round(bench.clock.now())
    assert [bench.stored(each) for each in (Resolution.MINUTE, Resolution.HOUR, Resolution.DAY)] == [
        {NOW: 6}, {NOW: 6}, {MIDNIGHT: 6},
    ]  # fmt: skip


def test_who_has_seen_less_does_not_overwrite_who_has_seen_more(bench: StatsBench) -> None:
    count(bench, "a")
    seen: list[Any] = []
    stale = module.total(bench.store, Resolution.MINUTE, NOW, seen)
    count(bench, "b", runs=2)
    bench.clock.pass_by(600)
    bench.rollup.round(bench.clock.now())
    assert not bench.store.put(stale, NOW + DAY)
    bench.store.summed_up(seen)
    assert bench.stored(Resolution.MINUTE) == {NOW: 3}


def test_a_part_that_is_written_while_it_is_summed_up_waits_for_the_next_round(bench: StatsBench) -> None:
    collector = bench.collector()
    work(collector)
    collector.flush(WORKER)
    put = bench.store.put

    def put_late(period: Any, expires: Any) -> bool:
        bench.store.put = put  # type: ignore[method-assign]
        bench.clock.pass_by(-600)
        work(collector)
        collector.flush(WORKER)
        bench.clock.pass_by(600)
        return put(period, expires)

    bench.clock.pass_by(600)
    bench.store.put = put_late  # type: ignore[method-assign]
    bench.rollup.round(bench.clock.now())
    assert bench.stored(Resolution.MINUTE) == {NOW: 1}
    bench.rollup.round(bench.clock.now())
    assert bench.stored(Resolution.MINUTE) == {NOW: 2}


def test_a_round_that_dies_anywhere_is_made_good_by_the_next(bench: StatsBench) -> None:
    for _ in range(3):
        count(bench, runs=2)
    bench.clock.pass_by(DAY.total_seconds() + 60)
    for number in range(40):
        calls = iter(range(1000))
        bench.moody.fail = lambda name, args, calls=calls, number=number: next(calls) == number
        try:
            bench.rollup.round(bench.clock.now())
        except StoreUnavailableError:
            continue
        break
    bench.moody.fail = lambda name, args: False
    bench.rollup.round(bench.clock.now())
    assert bench.stored(Resolution.MINUTE) == {NOW: 6}
    assert bench.stored(Resolution.DAY) == {MIDNIGHT: 6}


def test_a_round_is_bounded_and_the_next_ones_do_the_rest(bench: StatsBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(module.MOST, Resolution.MINUTE, 4)  # type: ignore[misc]
    for _ in range(10):
        count(bench)
        bench.clock.pass_by(60)
    bench.clock.pass_by(60)
    done = [bench.rollup.round(bench.clock.now()) for _ in range(4)]
    assert done == [4, 4, 2, 0]
    count(bench)
    bench.clock.pass_by(120)
    assert bench.rollup.round(bench.clock.now(), lambda: False) == 0


def test_parts_are_read_page_by_page(bench: StatsBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 3)
    for n in range(10):
        count(bench, f"s{n}-")
    assert module.total(bench.store, Resolution.MINUTE, NOW, []).tally.select().started == 10


def wide(bench: StatsBench, workers: int, pairs: int = 250) -> None:
    """A minute of so many workers, each with so many tasks."""
    for n in range(workers):
        collector = bench.collector(f"wide{n}-{bench.clock.now()}")
        for number in range(pairs):
            work(collector, path=f"tasks.T{number}")
        assert collector.flush(WORKER)


def test_pages_are_small_by_what_is_in_them_not_by_their_number(bench: StatsBench) -> None:
    wide(bench, 20)
    pages, read = [], bench.store.read

    def counted(*args: Any, **about: Any) -> Any:
        found = read(*args, **about)
        pages.append(sum(len(each.tally.counts) for each in found))
        return found

    bench.store.read = counted  # type: ignore[method-assign]
    pauses: list[int] = []
    assert (
        module.total(bench.store, Resolution.MINUTE, NOW, [], lambda: pauses.append(1)).tally.select().started == 5000
    )
    assert max(pages) <= 1000, "and 500 once it is known how wide they are"
    assert len(pauses) >= 9


def test_a_period_that_is_begun_when_the_time_is_up_is_left_to_the_next_round(bench: StatsBench) -> None:
    for _ in range(2):
        wide(bench, 12)
        bench.clock.pass_by(60)
    bench.clock.pass_by(60)
    asked = iter([True, True])  # before each of the two minutes; between their pages the time is over
    first = NOW
    assert bench.rollup.round(bench.clock.now(), lambda: next(asked, False)) == 1
    assert bench.stored(Resolution.MINUTE) == {first: 3000}, "the first one is ended, however long it takes"
    asked = iter([True])
    assert bench.rollup.round(bench.clock.now(), lambda: next(asked, False)) == 1
    assert bench.stored(Resolution.MINUTE) == {first: 3000, first + MINUTE: 3000}


def test_others_go_on_between_the_pages(bench: StatsBench) -> None:
    wide(bench, 12)
    bench.clock.pass_by(90)
    pauses: list[int] = []
    module.RollUp(bench.store, bench.rollup.keep, lambda: pauses.append(1)).round(bench.clock.now())
    assert len(pauses) > 4


def test_minutes_that_pile_up_do_not_starve_hours_and_days(bench: StatsBench) -> None:
    for _ in range(50):  # one in each of two days
        count(bench)
        bench.clock.pass_by(3600)
    for _ in range(20):
        count(bench)  # and there are always more minutes than a round has time for
        bench.clock.pass_by(60)
        asked = iter([True] * 3)
        bench.rollup.round(bench.clock.now(), lambda asked=asked: next(asked, False))
    assert len(bench.stored(Resolution.MINUTE)) >= 10
    assert len(bench.stored(Resolution.HOUR)) >= 10
    assert len(bench.stored(Resolution.DAY)) >= 1


def test_a_sum_has_no_more_pairs_than_its_parts_may_have(bench: StatsBench) -> None:
    for n in range(3):
        collector = bench.collector(f"s{n}")
        for number in range(300):
            work(collector, path=f"tasks.T{n}x{number}")
        collector.flush(WORKER)
    total = module.total(bench.store, Resolution.MINUTE, NOW, []).tally
    assert len(total.counts) == 501
    assert total.select().started == 900


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_whoever_sums_up_and_whenever_the_sums_are_those_of_what_happened(seed: int, workers: int) -> None:
    """Workers that write and lose answers, and rounds at any time, some of them cut short."""
    bench, chance = StatsBench(clock=ManualClock()), random.Random(seed)
    collectors = [bench.collector(f"w{n}") for n in range(workers)]
    happened = 0
    for _ in range(60):
        bench.moody.fail = lambda name, args: chance.random() < 0.15
        if chance.random() < 0.3:
            bench.moody.lose.add("put")
        collector = chance.choice(collectors)
        runs = chance.randrange(4)
        work(collector, runs)
        happened += runs
        collector.flush(WORKER)
        if chance.random() < 0.4:
            bench.clock.pass_by(chance.choice([1, 30, 60, 600]))
        try:
            bench.rollup.round(bench.clock.now())
        except StoreUnavailableError:
            continue
    bench.moody.fail = lambda name, args: False
    bench.moody.lose.clear()
    assert sum(bench.reader_starts()) <= happened
    for collector in collectors:
        assert collector.flush(WORKER)
    assert sum(bench.reader_starts()) == happened, "as it is read"
    bench.clock.pass_by(2 * DAY.total_seconds())
    for _ in range(20):
        bench.rollup.round(bench.clock.now())
    for resolution in (Resolution.MINUTE, Resolution.HOUR, Resolution.DAY):
        assert sum(bench.stored(resolution).values()) == happened, resolution


def test_any_number_at_once_do_no_harm(bench: StatsBench) -> None:
    for n in range(20):
        count(bench, f"s{n}-", runs=n)
        bench.clock.pass_by(60)
    bench.clock.pass_by(DAY.total_seconds())
    gate = threading.Barrier(6)

    def sum_up() -> None:
        gate.wait(10)
        for _ in range(3):
            bench.rollup.round(bench.clock.now())

    threads = [threading.Thread(target=sum_up) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert bench.stored(Resolution.DAY) == {MIDNIGHT: sum(range(20))}
