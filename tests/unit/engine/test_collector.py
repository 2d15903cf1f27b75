"""What a worker counts, and what of it is written."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest

from mrq.domain.job import RawOrigin
from mrq.domain.stats import OTHER, Resolution
from mrq.domain.status import Status
from mrq.engine import collector as module
from mrq.engine.collector import Collector
from unit.engine.kit import NOW
from unit.engine.statskit import WORKER, StatsBench, job, run, work


@pytest.fixture
def bench() -> StatsBench:
    return StatsBench()


def test_runs_are_counted_by_minute_queue_task_and_end(bench: StatsBench) -> None:
    collector = bench.collector()
    work(collector, 3)
    work(collector, 2, Status.FAILED, queue="other")
    bench.clock.pass_by(60)
    work(collector, 1, path="tasks.U")
    assert collector.flush(WORKER)
    first, second = bench.figures()
    assert (first.started, first.ended) == (5, {Status.SUCCESS: 3, Status.FAILED: 2})
    assert (second.started, second.ended) == (1, {Status.SUCCESS: 1})
    assert first.wait is not None
    assert first.wait.mean == pytest.approx(1.0)
    assert first.run is not None
    assert first.run.p99 == pytest.approx(0.5, rel=0.05)
    (failed, *_) = bench.figures(queue="other")
    assert failed.failed == failed.started == 2
    assert [each.started for each in bench.figures(path="tasks.U")] == [0, 1]


def test_subqueues_are_counted_together_and_raw_queues_under_their_own_name(bench: StatsBench) -> None:
    collector = bench.collector()
    work(collector, queue="main/a")
    work(collector, queue="main/b/c")
    raw = job(queue="retries")
    raw.raw = RawOrigin("fast_raw/x", "fast_raw", b"", WORKER)
    collector.started([raw])
    collector.ended([(run(raw), Status.SUCCESS)])
    collector.flush(WORKER)
    (period,) = bench.store.read(Resolution.WORKER, NOW, NOW + timedelta(minutes=1), limit=9)
    assert {key: counts.started for key, counts in period.tally.counts.items()} == {
        ("main/", "tasks.T"): 2, ("fast_raw/", "tasks.T"): 1,
    }  # fmt: skip
    assert period.tally.select("fast_raw/").wait.count == 0, "when payloads were queued nobody knows"


def test_there_is_a_bound_to_what_is_counted_apart(bench: StatsBench) -> None:
    collector = bench.collector()
    for n in range(700):
        work(collector, path=f"tasks.T{n}")
    collector.flush(WORKER)
    (period,) = bench.store.read(Resolution.WORKER, NOW, NOW + timedelta(minutes=1), limit=9)
    assert len(period.tally.counts) == 501
    assert period.tally.counts[OTHER, OTHER].started == 200
    assert period.tally.select().started == 700


def test_a_task_whose_name_cannot_be_stored_spoils_nothing(bench: StatsBench) -> None:
    collector = bench.collector()
    work(collector, path="bad \ud800")
    work(collector, 2)
    collector.flush(WORKER)
    assert bench.started() == {NOW: 3}


def test_a_run_without_a_start_has_no_duration(bench: StatsBench) -> None:
    collector = bench.collector()
    collector.ended([(run(job(), took=None), Status.QUEUED)])
    collector.flush(WORKER)
    (found,) = bench.figures()
    assert (found.run, found.ended, found.settled) == (None, {Status.QUEUED: 1}, 0)


def test_what_became_of_the_jobs_of_the_dead_is_counted_by_who_finds_them(bench: StatsBench) -> None:
    collector = bench.collector()
    collector.rescued([(job(), Status.QUEUED), (job(), Status.FAILED)])
    collector.flush(WORKER)
    (found,) = bench.figures()
    assert (found.started, found.ended, found.run) == (0, {Status.QUEUED: 1, Status.FAILED: 1}, None)


def test_reports_become_samples(bench: StatsBench) -> None:
    collector = bench.collector()
    for second, busy in ((0, 2), (20, 4)):
        bench.clock.seconds = 1000.0 + second
        process = {"cpu": {"user": 10.0 + second / 10, "system": 1.0}, "mem": {"rss": 1000 * (second + 1)}}
        collector.sampled(process, busy, 8)
    collector.sampled({"pid": 1}, 0, 8)  # as where nothing can be measured
    collector.flush(WORKER)
    (point,) = bench.reader.worker_history(WORKER, NOW, NOW + timedelta(minutes=1))
    assert (point.busy, point.greenlets, point.rss) == (2.0, 8, 21_000)
    assert point.cpu == pytest.approx(2 / 60)
    (fleet,) = bench.reader.fleet_history(NOW, NOW + timedelta(minutes=1), Resolution.MINUTE)
    assert (fleet.workers, fleet.rss, fleet.greenlets) == (1, 21_000, 8)


def test_without_a_store_nothing_is_counted(bench: StatsBench) -> None:
    collector = Collector(None, "a", bench.clock, 60.0)
    work(collector, 5)
    collector.sampled({}, 1, 1)
    collector.rescued([(job(), Status.FAILED)])
    assert collector.flush(WORKER)
    assert collector._minutes == {}


# ---- writing


def test_a_minute_is_written_again_while_it_grows_and_counts_once(bench: StatsBench) -> None:
    collector = bench.collector()
    for _ in range(3):
        work(collector)
        collector.flush(WORKER)
        collector.flush(WORKER)
    assert bench.moody.calls.count("put") == 3, "what is written already isn't written again"
    assert bench.started() == {NOW: 3}


def test_a_lost_answer_doubles_nothing(bench: StatsBench) -> None:
    collector = bench.collector()
    work(collector, 2)
    bench.moody.lose.add("put")
    assert not collector.flush(WORKER)
    assert collector.flush(WORKER)
    work(collector)
    assert collector.flush(WORKER)
    assert bench.started() == {NOW: 3}


def test_minutes_of_an_outage_are_kept_and_written_after_it(bench: StatsBench) -> None:
    collector = bench.collector()
    bench.moody.away.add("put")
    for _ in range(5):
        work(collector, 2)
        assert not collector.flush(WORKER)
        bench.clock.pass_by(60)
    assert bench.started() == {}
    bench.moody.away.clear()
    assert collector.flush(WORKER)
    assert list(bench.started().values()) == [2] * 5
    assert len(collector._minutes) == 1, "what is written and over is forgotten"


def test_there_is_a_bound_to_the_minutes_that_are_kept(bench: StatsBench, caplog: pytest.LogCaptureFixture) -> None:
    collector = bench.collector()
    bench.moody.away.add("put")
    for _ in range(130):
        work(collector)
        collector.flush(WORKER)
        bench.clock.pass_by(60)
    assert len(collector._minutes) == module.MOST_MINUTES
    bench.moody.away.clear()
    assert collector.flush(WORKER)
    bench.clock.pass_by(60)
    work(collector)
    assert collector.flush(WORKER)
    assert sum(bench.started().values()) == 61
    assert sum(each.dropped for each in bench.figures()) == 70
    assert caplog.text.count("given up") == 1


def test_there_is_a_bound_to_the_pairs_that_are_kept(bench: StatsBench) -> None:
    collector = bench.collector()
    bench.moody.away.add("put")
    for _ in range(15):
        for n in range(400):
            work(collector, path=f"tasks.T{n}")
        collector.flush(WORKER)
        bench.clock.pass_by(60)
    assert sum(len(each.tally.counts) for each in collector._minutes.values()) <= module.MOST_KEPT_PAIRS


def test_what_cannot_be_stored_is_given_up_and_said_and_the_worker_goes_on(
    bench: StatsBench, caplog: pytest.LogCaptureFixture
) -> None:
    collector = bench.collector()
    work(collector)
    bench.moody.fail = lambda name, args: (_ for _ in ()).throw(ValueError("too large"))
    with caplog.at_level(logging.ERROR):
        assert collector.flush(WORKER)
    bench.moody.fail = lambda name, args: False
    assert "can't be stored" in caplog.text
    bench.clock.pass_by(60)
    work(collector, 2)
    assert collector.flush(WORKER)
    (found,) = bench.figures()
    assert (found.started, found.dropped) == (2, 1)


def test_a_clock_that_is_set_back_loses_nothing(bench: StatsBench) -> None:
    collector = bench.collector()
    work(collector, 2)
    bench.clock.pass_by(60)
    work(collector)
    collector.flush(WORKER)
    bench.clock.pass_by(-60)
    work(collector)
    collector.flush(WORKER)
    bench.clock.pass_by(60)
    assert bench.started() == {NOW: 2, NOW + timedelta(minutes=1): 2}


def test_a_clock_that_was_hours_ahead_counts_in_the_right_minutes_again(
    bench: StatsBench, caplog: pytest.LogCaptureFixture
) -> None:
    collector, hours, minute = bench.collector(), timedelta(hours=5), timedelta(minutes=1)
    work(collector, 2)
    collector.flush(WORKER)
    bench.clock.pass_by(hours.total_seconds())
    work(collector)
    bench.clock.pass_by(-hours.total_seconds())
    for _ in range(3):  # the first one is in a minute that was written before
        work(collector)
        assert collector.flush(WORKER)
        bench.clock.pass_by(60)
    assert bench.started() == {NOW: 3, NOW + minute: 1, NOW + 2 * minute: 1}
    bench.clock.pass_by(hours.total_seconds())
    assert bench.started()[NOW + hours] == 1
    assert caplog.text.count("the clock was set back") == 1


def test_what_happens_while_it_is_written_is_written_next(bench: StatsBench) -> None:
    collector = bench.collector()
    put = bench.store.put

    def put_and_more(period: Any, expires: Any) -> bool:
        stored = put(period, expires)
        if collector._minutes[period.id].revision == period.revision:
            work(collector)
        return stored

    work(collector)
    bench.store.put = put_and_more  # type: ignore[method-assign]
    collector.flush(WORKER)
    bench.store.put = put  # type: ignore[method-assign]
    assert bench.started() == {NOW: 1}
    collector.flush(WORKER)
    assert bench.started() == {NOW: 2}


def test_two_workers_of_one_minute_are_two(bench: StatsBench) -> None:
    one, two = bench.collector("a"), bench.collector("b")
    work(one, 2)
    work(two, 3)
    assert one.flush(WORKER)
    assert two.flush(WORKER)
    assert bench.started() == {NOW: 5}
