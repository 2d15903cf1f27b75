"""Tallies: what has no place of its own, and sums that do not depend on the order."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrq.domain.figures import Figures, FleetPoint, WorkerPoint, arrivals_per_second
from mrq.domain.stats import (
    OTHER,
    Backlog,
    Counts,
    FleetSample,
    QueueSamples,
    Resolution,
    Tally,
    WorkerSample,
    counted_as,
    period_id,
)
from mrq.domain.status import Status

NOW = datetime(2026, 1, 5, 12, 34, 56, 789000)


def counts(started: int, **ended: int) -> Counts:
    made = Counts(started, {Status(name): runs for name, runs in ended.items()})
    for n in range(started):
        made.run.add(0.5 + n)
    return made


def tally(**started: int) -> Tally:
    return Tally({(queue, "tasks.T"): counts(runs, success=runs) for queue, runs in started.items()})


def test_periods_begin_on_the_clock() -> None:
    starts = {each: each.start_of(NOW) for each in Resolution}
    assert starts[Resolution.WORKER] == starts[Resolution.MINUTE] == datetime(2026, 1, 5, 12, 34)
    assert starts[Resolution.HOUR] == datetime(2026, 1, 5, 12)
    assert starts[Resolution.DAY] == datetime(2026, 1, 5)
    assert [each.parent for each in Resolution] == [Resolution.MINUTE, Resolution.HOUR, Resolution.DAY, None]
    assert [each.child for each in Resolution] == [None, Resolution.WORKER, Resolution.MINUTE, Resolution.HOUR]


def test_ids_are_in_the_order_of_time() -> None:
    ids = [period_id(Resolution.MINUTE, datetime(2026, 1, day, 12)) for day in (1, 2, 10, 28)]
    assert ids == sorted(ids)
    assert period_id(Resolution.WORKER, NOW, "me") == "worker:2026-01-05T12:34:me"


def test_what_has_no_place_is_summed_under_one_name() -> None:
    made = Tally()
    for n in range(5):
        made.at((f"q{n}", "tasks.T"), most=3).started += 1
    for path in ("p" * 1000, "lone \ud800", ""):
        made.at(("q", path)).started += 1
    made.at(("q0", "tasks.T"), most=3).started += 1
    assert {key: each.started for key, each in made.counts.items()} == {
        ("q0", "tasks.T"): 2, ("q1", "tasks.T"): 1, ("q2", "tasks.T"): 1, (OTHER, OTHER): 5,
    }  # fmt: skip


def test_folding_keeps_the_busiest_and_loses_nothing() -> None:
    made = tally(a=5, b=1, c=3, d=2)
    before = made.select()
    made.fold(2)
    assert {key[0]: each.started for key, each in made.counts.items()} == {"a": 5, "c": 3, OTHER: 3}
    assert made.select() == before
    made.fold(2)
    assert len(made.counts) == 3


@given(st.lists(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 4)), min_size=2, max_size=4), st.randoms())
def test_the_order_of_parts_makes_no_difference(parts: list[dict[str, int]], random: object) -> None:
    def total(several: list[dict[str, int]]) -> Tally:
        made = Tally()
        for part in several:
            made.merge(tally(**part))
        made.fold(3)
        return made

    shuffled = list(parts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert total(parts) == total(shuffled)


def test_merging_leaves_the_parts_as_they_are() -> None:
    made, part = Tally(), tally(a=1)
    made.merge(part)
    made.merge(part)
    assert (made.counts["a", "tasks.T"].started, part) == (2, tally(a=1))


def test_subqueues_are_counted_together() -> None:
    assert [counted_as(name) for name in ("main", "main/", "main/x", "main/x/y")] == [
        "main", "main/", "main/", "main/",
    ]  # fmt: skip


def test_runs_are_chosen_by_queue_and_by_task() -> None:
    made = Tally({("a", "t"): counts(1), ("a", "u"): counts(2), ("b", "t"): counts(4)})
    chosen = [made.select(*which).started for which in ((), ("a",), (None, "t"), ("a", "u"), ("b", "u"))]
    assert chosen == [7, 3, 5, 2, 0]


def test_failures_and_what_went_back_are_told_apart() -> None:
    ended = counts(9, success=3, failed=1, timeout=1, maxretries=1, retry=1, queued=2)
    figures = Figures.of(ended, NOW, 60.0)
    assert (figures.settled, figures.failed, ended.handed_back) == (7, 3, 2)
    assert figures.settled_per_s == pytest.approx(7 / 60)
    assert figures.wait is None
    assert figures.run is not None
    assert (figures.run.count, figures.run.mean) == (9, pytest.approx(4.5))
    assert Figures.of(ended, NOW, 0.0).settled_per_s == 0


# ---- queues


def samples(seconds: int, complete: bool = True, **waiting: int) -> QueueSamples:
    at = NOW.replace(second=seconds)
    return QueueSamples(Resolution.MINUTE.start_of(at), at, {q: Backlog(n) for q, n in waiting.items()}, complete)


def test_arrivals_are_what_left_a_queue_and_what_it_grew_by() -> None:
    left = counts(30, success=20, queued=5)
    assert arrivals_per_second(left, samples(0, q=10), samples(50, q=35), "q") == pytest.approx(1.0)
    assert arrivals_per_second(left, samples(0, q=25), samples(50), "q") == pytest.approx(0.0)
    assert arrivals_per_second(left, samples(0, q=250), samples(50), "q") == 0, "never less than none"


def test_arrivals_are_not_guessed() -> None:
    left, capped = counts(1), replace(samples(50), backlogs={"q": Backlog(100, capped=True)})
    assert arrivals_per_second(left, samples(0, complete=False), samples(50), "q") is None
    assert arrivals_per_second(left, samples(0), samples(50, complete=False), "q") is None
    assert arrivals_per_second(left, samples(0), capped, "q") is None
    assert arrivals_per_second(left, samples(5), samples(5), "q") is None
    assert arrivals_per_second(left, samples(0, complete=False, q=0), samples(50, complete=False, q=0), "q") is not None


# ---- workers


def test_a_fleet_is_the_average_of_its_workers() -> None:
    fleet = FleetSample()
    for busy in (3, 9):
        fleet.merge(FleetSample.of(WorkerSample(reports=6, busy=busy, greenlets=10, cpu_ms=30_000, rss=busy * 100)))
    fleet.merge(FleetSample.of(WorkerSample()))
    point = FleetPoint.of(NOW, 60.0, fleet)
    assert point == FleetPoint(NOW, workers=2, cpu=1.0, rss=1200, largest_rss=900, busy=2.0, greenlets=20)
    hour = FleetPoint.of(NOW, 3600.0, fleet)
    assert (hour.workers, hour.largest_rss) == (pytest.approx(2 / 60), 900)


def test_a_worker_is_the_average_of_its_reports() -> None:
    point = WorkerPoint.of(NOW, WorkerSample(reports=4, busy=6, greenlets=5, cpu_ms=6_000, rss=7))
    assert point == WorkerPoint(NOW, cpu=0.1, rss=7, busy=1.5, greenlets=5)
