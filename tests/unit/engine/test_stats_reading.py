"""Figures as they are read, whether they have been summed up or not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mrq.domain.figures import QueuePoint
from mrq.domain.job import NewJob
from mrq.domain.queuename import parse_queue
from mrq.domain.stats import Resolution
from mrq.domain.status import Status
from mrq.ports.jobs import Claim
from mrq.stores.ids import new_id
from unit.engine.kit import NOW
from unit.engine.statskit import WORKER, StatsBench, job, run, work

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ALL = (Resolution.MINUTE, Resolution.HOUR, Resolution.DAY)


@pytest.fixture
def bench() -> StatsBench:
    return StatsBench()


def queue(bench: StatsBench, jobs: int, name: str = "q") -> None:
    now = bench.clock.now()
    bench.jobs.insert([NewJob(new_id(), "tasks.T", {}, name, now) for _ in range(jobs)])


@pytest.mark.parametrize("rounds", [0, 1, 5])
def test_figures_are_the_same_before_and_after_they_are_summed_up(bench: StatsBench, rounds: int) -> None:
    for n in range(4):
        collector = bench.collector(str(n))
        work(collector, n + 1, queue="q")
        work(collector, 10)
        collector.flush(WORKER)
        bench.clock.pass_by(20 * 60)
        for _ in range(rounds):
            bench.rollup.round(bench.clock.now())
    expected = {NOW: 1, NOW + 20 * MINUTE: 2, NOW + 40 * MINUTE: 3, NOW + HOUR: 4}
    start, end = NOW, bench.clock.now()
    by_minute = bench.reader.figures(start, end, Resolution.MINUTE, queue="q")
    assert {each.start: each.started for each in by_minute} == expected
    by_hour = bench.reader.figures(start, end, Resolution.HOUR, queue="q")
    assert {each.start: each.started for each in by_hour} == {NOW: 6, NOW + HOUR: 4}
    (by_day,) = bench.reader.figures(start, end, Resolution.DAY, queue="q")
    assert (by_day.start, by_day.started) == (NOW.replace(hour=0), 10)
    assert by_day.run is not None
    assert by_day.run.count == 10


def test_what_goes_on_has_its_seconds_so_far(bench: StatsBench) -> None:
    collector = bench.collector()
    work(collector, 30)
    collector.flush(WORKER)
    bench.clock.pass_by(15)
    (now,) = bench.figures()
    assert (now.seconds, now.settled_per_s) == (15.0, 2.0)
    bench.clock.pass_by(600)
    (then,) = bench.figures()
    assert then.seconds == 60.0


def test_totals_are_by_queue_or_by_task_the_busiest_first(bench: StatsBench) -> None:
    collector = bench.collector()
    work(collector, 1, queue="a", path="tasks.T")
    bench.clock.pass_by(60)
    work(collector, 2, queue="a", path="tasks.U")
    work(collector, 5, Status.FAILED, queue="b", path="tasks.T")
    collector.flush(WORKER)
    bench.clock.pass_by(40)
    by_queue = bench.reader.totals(NOW, bench.clock.now(), Resolution.MINUTE, by_task=False)
    assert [(each.queue, each.path, each.started, each.failed) for each in by_queue] == [
        ("b", None, 5, 5), ("a", None, 3, 0),
    ]  # fmt: skip
    by_task = bench.reader.totals(NOW, bench.clock.now(), Resolution.MINUTE, by_task=True)
    assert [(each.queue, each.path, each.started) for each in by_task] == [(None, "tasks.T", 6), (None, "tasks.U", 2)]
    assert by_task[0].settled_per_s == pytest.approx(6 / 100)


def test_too_long_a_time_is_refused_with_a_way_out(bench: StatsBench) -> None:
    with pytest.raises(ValueError, match="coarser"):
        bench.reader.figures(NOW - 30 * DAY, NOW, Resolution.MINUTE)
    with pytest.raises(ValueError, match="coarser"):
        bench.reader.fleet_history(NOW - 30 * DAY, NOW, Resolution.MINUTE)
    assert bench.reader.figures(NOW - 30 * DAY, NOW, Resolution.HOUR) == []


def test_a_long_time_is_read_page_by_page(bench: StatsBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mrq.engine.stats_reading.PAGE", 3)
    collector = bench.collector()
    for _ in range(10):
        work(collector)
        collector.flush(WORKER)
        bench.clock.pass_by(60)
    bench.clock.pass_by(60)
    bench.rollup.round(bench.clock.now())
    assert list(bench.started().values()) == [1] * 10


def test_arrivals_are_told_minute_by_minute(bench: StatsBench) -> None:
    """120 come in the first minute, of which 30 start; 0 in the second, in which 60 start."""
    collector = bench.collector()
    bench.sampler.round(bench.clock.now())
    work(collector, 30, queue="q")
    queue(bench, 90)
    bench.clock.pass_by(60)
    bench.sampler.round(bench.clock.now())
    work(collector, 60, queue="q")
    for each in list(bench.jobs._documents)[:60]:
        bench.jobs._documents[each]["status"] = Status.SUCCESS.value
    bench.clock.pass_by(60)
    bench.sampler.round(bench.clock.now())
    work(collector, 1, queue="q")
    collector.flush(WORKER)
    first, second, third = bench.figures(queue="q")
    assert (first.arrivals_per_s, second.arrivals_per_s, third.arrivals_per_s) == (2.0, 0.0, None)
    assert [each.arrivals_per_s for each in bench.figures()] == [None] * 3, "told of a queue only"


def test_the_history_of_a_queue_has_its_empty_minutes_and_no_guesses(bench: StatsBench) -> None:
    bench.sampler.round(bench.clock.now())
    queue(bench, 3)
    bench.clock.pass_by(60)
    bench.sampler.round(bench.clock.now())
    bench.clock.pass_by(60)
    bench.raw.away.add("*")
    bench.sampler.round(bench.clock.now())
    history = bench.reader.queue_history("q", NOW, NOW + HOUR)
    assert history == [
        QueuePoint(NOW, 0, 0, None),
        QueuePoint(NOW + MINUTE, 3, 0, 60.0),
        QueuePoint(NOW + 2 * MINUTE, 3, 0, 120.0),
    ]
    assert len(bench.reader.queue_history("b_raw", NOW, NOW + HOUR)) == 2


def test_the_current_figures_of_a_queue(bench: StatsBench) -> None:
    """Within two minutes 240 jobs came, 120 of them have run, and the others wait."""
    collector = bench.collector()
    bench.sampler.round(bench.clock.now())
    work(collector, 120, queue="q")
    queue(bench, 120)
    collector.flush(WORKER)
    bench.clock.pass_by(120)
    figures = bench.reader.queue_figures("q")
    assert (figures.waiting, figures.oldest_wait) == (120, 120.0)
    assert (figures.arrivals_per_s, figures.completions_per_s) == (2.0, 1.0)
    assert figures.run_time is not None
    assert figures.run_time.mean == pytest.approx(0.5)
    assert figures.run_time.p50 == figures.run_time.p99 == pytest.approx(0.5, rel=0.05)


def test_current_figures_are_of_the_last_minutes_alone(bench: StatsBench) -> None:
    collector = bench.collector()
    work(collector, 600, queue="q")
    collector.flush(WORKER)
    bench.clock.pass_by(3610)
    collector.sampled({}, 0, 10)
    collector.flush(WORKER)
    figures = bench.reader.queue_figures("q")
    assert (figures.waiting, figures.arrivals_per_s, figures.completions_per_s) == (0, None, 0.0)
    assert (figures.oldest_wait, figures.in_progress) == (0.0, 0)


def test_where_nobody_counts_rates_are_not_known(bench: StatsBench) -> None:
    queue(bench, 100)
    bench.sampler.round(bench.clock.now())
    bench.clock.pass_by(240)
    queue(bench, 100)
    figures = bench.reader.queue_figures("q")
    assert (figures.waiting, figures.arrivals_per_s, figures.completions_per_s) == (200, None, None)


def ran(bench: StatsBench, runs: int, seconds: float) -> None:
    """So many runs of this length have just ended, having begun now."""
    collector = bench.collector(f"{bench.clock.now()}")
    jobs = [job(queue="q") for _ in range(runs)]
    collector.started(jobs)
    collector.ended([(run(each, took=seconds), Status.SUCCESS) for each in jobs])
    collector.flush(WORKER)


def test_run_times_are_known_though_none_ended_lately(bench: StatsBench) -> None:
    ran(bench, 5, 1500.0)
    for minutes, known in ((30, True), (60, True), (22 * 60, True), (3 * 60, False)):
        bench.clock.pass_by(60 * minutes)
        bench.rollup.round(bench.clock.now())
        assert (bench.reader.queue_figures("q").run_time is not None) == known, minutes


def test_rates_of_long_jobs_are_of_as_long_as_they_run(bench: StatsBench) -> None:
    for minute in range(0, 60, 10):  # one each ten minutes
        ran(bench, 1, 1200.0)
        bench.clock.pass_by(600 if minute < 50 else 590)
    figures = bench.reader.queue_figures("q")
    assert figures.run_time is not None
    assert figures.run_time.mean == 1200.0
    assert figures.completions_per_s == pytest.approx(2 / 1200, rel=0.05), "not 0, and none of a time long ago"
    assert figures.arrivals_per_s == pytest.approx(2 / 1200, rel=0.05)


def test_many_runs_are_enough_to_tell_how_long_they_take_now(bench: StatsBench) -> None:
    ran(bench, 1000, 100.0)
    bench.clock.pass_by(1210)
    ran(bench, 29, 1.0)
    times = bench.reader.queue_figures("q").run_time
    assert times is not None
    assert times.mean > 90
    bench.clock.pass_by(60)
    ran(bench, 1, 1.0)
    times = bench.reader.queue_figures("q").run_time
    assert times is not None
    assert times.mean == pytest.approx(1.0)


def test_jobs_that_run_are_counted_and_the_time_may_be_given(bench: StatsBench) -> None:
    queue(bench, 3)
    claim = Claim(parse_queue("q"), 2, WORKER, new_id(), bench.clock.now())
    assert len(bench.jobs.claim(claim)) == 2
    figures = bench.reader.queue_figures("q", NOW + MINUTE)
    assert (figures.in_progress, figures.waiting, figures.oldest_wait) == (2, 1, 60.0)


def test_without_a_look_at_the_queues_arrivals_are_what_has_left(bench: StatsBench) -> None:
    collector = bench.collector()
    work(collector, 300, queue="q")
    work(collector, 60, Status.QUEUED, queue="q")
    collector.flush(WORKER)
    bench.clock.pass_by(60)
    assert bench.reader.queue_figures("q").arrivals_per_s == pytest.approx(300 / 300)


def test_a_raw_queue_has_current_figures_too(bench: StatsBench) -> None:
    bench.raw.store.enqueue(parse_queue("b_raw"), [b"1", b"2", b"3"])
    assert bench.reader.queue_figures("b_raw").waiting == 3
    assert bench.reader.queue_figures("b_raw").oldest_wait is None, "nobody knows"


def test_a_fleet_over_time(bench: StatsBench) -> None:
    for minute, workers in enumerate((1, 3)):
        for n in range(workers):
            collector = bench.collector(f"{minute} {n}")
            collector.sampled({"mem": {"rss": 100}}, 2, 10)
            work(collector)
            collector.flush(WORKER)
        bench.clock.pass_by(60)
    before = bench.reader.fleet_history(NOW, NOW + HOUR, Resolution.MINUTE)
    assert [(each.workers, each.busy, each.greenlets, each.rss) for each in before] == [
        (1, 2, 10, 100), (3, 6, 30, 300),
    ]  # fmt: skip
    bench.clock.pass_by(60)
    bench.rollup.round(bench.clock.now())
    assert bench.reader.fleet_history(NOW, NOW + HOUR, Resolution.MINUTE) == before
    (hour,) = bench.reader.fleet_history(NOW, NOW + HOUR, Resolution.HOUR)
    assert hour.workers == pytest.approx(4 / 3), "in the three minutes so far"
