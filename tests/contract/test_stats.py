"""StatsStore: periods that are written whole, what waits to be summed up, and looks at the queues."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from contract.kit import NOW, at
from mrq.domain.change import MOST_OVERRUNS, JobChange, Settlement
from mrq.domain.job import ClaimedJob, NewJob, RawOrigin
from mrq.domain.queuename import parse_queue
from mrq.domain.stats import (
    Backlog,
    Counts,
    FleetSample,
    Period,
    QueueSamples,
    Resolution,
    Tally,
    WorkerSample,
    period_id,
)
from mrq.domain.status import Status
from mrq.ports.jobs import Claim
from mrq.stores.ids import new_id

if TYPE_CHECKING:
    from contract.conftest import StatsKit

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
WORKER = new_id()
EVER = NOW + timedelta(days=1000)


def counts(runs: int = 1) -> Counts:
    made = Counts(runs, {Status.SUCCESS: runs, Status.RETRY: 1})
    made.wait.add(0.25)
    made.run.add(90.0)
    return made


def period(
    minute: int = 0, revision: int = 1, runs: int = 1, resolution: Resolution = Resolution.MINUTE, source: Any = None
) -> Period:
    start = NOW + minute * MINUTE
    tally = Tally({("q", "tasks.T"): counts(runs), ("$q/", "$tasks.U"): counts(10 * runs)})
    return Period(period_id(resolution, start, source), resolution, start, revision, tally)


def part(minute: int = 0, revision: int = 1, source: str = "a") -> Period:
    made = period(minute, revision, resolution=Resolution.WORKER, source=source)
    return replace(made, worker=WORKER, sample=WorkerSample(6, 12, 10, 3_000, 10**10))


def read(stats: StatsKit, resolution: Resolution = Resolution.MINUTE, **about: Any) -> list[Period]:
    return stats.store.read(resolution, NOW, NOW + HOUR, limit=about.pop("limit", 100), **about)


# ---- periods


def test_a_period_comes_back_as_it_was_written(stats: StatsKit) -> None:
    written = part()
    written.tally.dropped = 3
    assert stats.store.put(written, EVER)
    assert read(stats, Resolution.WORKER) == [written]
    summed = period()
    summed.tally.fleet = FleetSample(5, 50, 1234, 10**9, 10**12, 10**11)
    assert stats.store.put(summed, EVER)
    assert read(stats) == [summed]


def test_a_write_that_is_repeated_counts_once(stats: StatsKit) -> None:
    for _ in range(3):
        assert stats.store.put(period(runs=4), EVER)
    assert [each.tally.select("q").started for each in read(stats)] == [4]


def test_a_later_write_replaces_the_earlier_one_and_never_the_other_way_round(stats: StatsKit) -> None:
    assert stats.store.put(period(revision=2, runs=2), EVER)
    assert not stats.store.put(period(revision=1, runs=1), EVER)
    assert read(stats) == [period(revision=2, runs=2)]
    assert stats.store.put(period(revision=3, runs=3), EVER)
    assert read(stats) == [period(revision=3, runs=3)]


def test_of_many_writes_at_once_the_latest_stays(stats: StatsKit) -> None:
    gate = threading.Barrier(8)

    def write(revision: int) -> None:
        gate.wait(10)
        stats.store.put(period(revision=revision, runs=revision), EVER)

    writers = [threading.Thread(target=write, args=(revision,)) for revision in range(1, 9)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(30)
    assert read(stats) == [period(revision=8, runs=8)]


def test_what_cannot_be_stored_is_refused(stats: StatsKit) -> None:
    bad = period()
    bad.tally.counts["\ud800", "tasks.T"] = counts()
    with pytest.raises(ValueError):
        stats.store.put(bad, EVER)
    assert read(stats) == []


def test_periods_are_read_by_time_page_by_page(stats: StatsKit) -> None:
    for minute in (3, 0, 2, 60, 1):
        stats.store.put(period(minute), EVER)
    first = read(stats, limit=3)
    assert [each.start for each in first] == [NOW, NOW + MINUTE, NOW + 2 * MINUTE]
    assert [each.start for each in read(stats, limit=3, after=first[-1].id)] == [NOW + 3 * MINUTE]
    assert read(stats, Resolution.HOUR) == []


def test_parts_of_one_minute_are_all_read_page_by_page(stats: StatsKit) -> None:
    for source in "caebd":
        stats.store.put(part(source=source), EVER)
    first = read(stats, Resolution.WORKER, limit=2)
    rest = read(stats, Resolution.WORKER, limit=9, after=first[-1].id)
    assert [each.id[-1] for each in [*first, *rest]] == list("abcde")


@pytest.mark.parametrize(
    ("which", "kept"),
    [
        ({"queue": "q"}, [("q", "tasks.T")]),
        ({"path": "$tasks.U"}, [("$q/", "$tasks.U")]),
        ({"queue": "$q/", "path": "$tasks.U"}, [("$q/", "$tasks.U")]),
        ({"queue": "q", "path": "$tasks.U"}, []),
        ({"queue": "$q"}, []),
    ],
)
def test_counts_of_one_queue_or_task_are_read_alone(
    stats: StatsKit, which: dict[str, str], kept: list[tuple[str, str]]
) -> None:
    whole = period()
    stats.store.put(whole, EVER)
    (found,) = read(stats, **which)
    assert found.tally.counts == {key: whole.tally.counts[key] for key in kept}
    assert (found.id, found.start, found.revision) == (whole.id, whole.start, whole.revision)


def test_the_minutes_of_one_worker(stats: StatsKit) -> None:
    for minute in (2, 0, 1, 60):
        stats.store.put(part(minute), EVER)
    stats.store.put(replace(part(source="b"), worker=new_id()), EVER)
    found = stats.store.of_worker(WORKER, NOW, NOW + HOUR, 2)
    assert [(each.start, each.sample, each.tally.counts) for each in found] == [
        (NOW, part().sample, {}), (NOW + MINUTE, part().sample, {}),
    ]  # fmt: skip


# ---- what waits to be summed up


def pending(stats: StatsKit, resolution: Resolution = Resolution.MINUTE, minute: int = 0) -> Any:
    return stats.store.pending(resolution, NOW + minute * MINUTE, NOW + HOUR)


def test_each_write_of_a_part_waits_to_be_summed_up(stats: StatsKit) -> None:
    assert pending(stats) is None
    for minute in (60, 2, 1):
        stats.store.put(part(minute), EVER)
    assert pending(stats) == NOW + MINUTE
    assert pending(stats, minute=2) == NOW + 2 * MINUTE
    stats.store.summed_up([part(1)])
    assert pending(stats) == NOW + 2 * MINUTE
    stats.store.summed_up([part(2)])
    assert pending(stats) is None
    stats.store.summed_up([])


def test_what_was_written_meanwhile_waits_on(stats: StatsKit) -> None:
    stats.store.put(part(revision=1), EVER)
    stats.store.put(part(revision=2), EVER)
    stats.store.summed_up([part(revision=1)])
    assert pending(stats) == NOW
    stats.store.summed_up([part(revision=2)])
    assert pending(stats) is None
    stats.store.put(part(revision=3), EVER)
    assert pending(stats) == NOW


def test_minutes_wait_for_their_hour_and_days_for_nothing(stats: StatsKit) -> None:
    stats.store.put(period(59), EVER)
    stats.store.put(period(resolution=Resolution.DAY), EVER)
    assert pending(stats) is None
    assert pending(stats, Resolution.HOUR) == NOW
    assert pending(stats, Resolution.DAY) is None
    assert pending(stats, Resolution.WORKER) is None


# ---- looks at the queues


def look(minute: int = 0, **waiting: int) -> QueueSamples:
    start = NOW + minute * MINUTE
    backlogs = {queue: Backlog(n, 2 * n, 1.5 if n else None, capped=n > 5) for queue, n in waiting.items()}
    return QueueSamples(start, start + timedelta(seconds=7), backlogs, complete=minute != 1)


def test_there_is_one_look_a_minute(stats: StatsKit) -> None:
    assert not stats.store.has_samples(NOW)
    assert stats.store.put_samples(look(a=1, b=0), EVER)
    assert stats.store.has_samples(NOW)
    assert not stats.store.put_samples(look(a=2), EVER)
    assert not stats.store.put_samples(look(a=1, b=0), EVER)
    assert stats.store.samples(NOW, NOW + HOUR, 10) == [look(a=1, b=0)]


def test_the_newest_looks_are_read_in_order_of_time(stats: StatsKit) -> None:
    for minute in (2, 0, 1, 60):
        stats.store.put_samples(look(minute, a=minute, b=9), EVER)
    assert stats.store.samples(NOW, NOW + HOUR, 2) == [look(1, a=1, b=9), look(2, a=2, b=9)]
    assert stats.store.samples(NOW, NOW + HOUR, 2, "b") == [look(1, b=9), look(2, b=9)]
    assert stats.store.samples(NOW, NOW + HOUR, 2, "c") == [look(1), look(2)]


def queue(stats: StatsKit, name: str, *seconds: float) -> None:
    """Jobs that were queued, or will be due, so many seconds after NOW."""
    stats.jobs.insert([
        NewJob(new_id(), "tasks.T", {}, name, at(s), at(s) if s > 0 else None) for s in seconds
    ])  # fmt: skip


def test_queues_with_jobs_are_found_by_name_and_subqueues_as_one(stats: StatsKit) -> None:
    assert stats.store.next_queue("") is None
    for name in ("b/2", "b", "b/1", "b0", "b-x", "c", "a"):
        queue(stats, name, 0)
    found, after = [], ""
    while (after := stats.store.next_queue(after) or "") != "":
        found.append(after)
    assert found == ["a", "b", "b-x", "b/", "b0", "c"]


def test_queues_whose_jobs_run_are_not_found(stats: StatsKit) -> None:
    queue(stats, "a", 0)
    queue(stats, "b", 0)
    assert stats.jobs.claim(Claim(parse_queue("a"), 1, WORKER, new_id(), NOW))
    assert stats.store.next_queue("") == "b"
    assert stats.store.backlog("a", NOW, 10) == Backlog()


def test_what_waits_and_what_is_delayed_are_counted_apart(stats: StatsKit) -> None:
    queue(stats, "q", -30, -10, 0, 5)
    queue(stats, "p", -100)
    assert stats.store.backlog("q", NOW, 10) == Backlog(waiting=3, delayed=1, oldest_wait=30.0)
    assert stats.store.backlog("q", at(6), 10) == Backlog(waiting=4, delayed=0, oldest_wait=36.0)
    assert stats.store.backlog("none", NOW, 10) == Backlog()
    queue(stats, "later", 60)
    assert stats.store.backlog("later", NOW, 10) == Backlog(waiting=0, delayed=1, oldest_wait=None)


def test_subqueues_are_counted_together(stats: StatsKit) -> None:
    queue(stats, "q/1", -30, 5)
    queue(stats, "q/2", -40)
    queue(stats, "q", -100)
    queue(stats, "q0", -100)
    assert stats.store.backlog("q/", NOW, 10) == Backlog(waiting=2, delayed=1, oldest_wait=40.0)


def test_no_more_are_counted_than_asked_for_and_that_is_said(stats: StatsKit) -> None:
    queue(stats, "q", 0, -3, -2, -1)
    assert stats.store.backlog("q", NOW, 3) == Backlog(waiting=3, delayed=0, oldest_wait=3.0, capped=True)
    assert not stats.store.backlog("q", NOW, 5).capped


def tasks(stats: StatsKit, queue: str, most: int = 10) -> dict[str, tuple[int, int]]:
    found = stats.store.waiting_by_path(queue, NOW, most)
    return {path: (task.jobs, task.overran) for path, task in found.items()}


def test_the_tasks_of_the_first_jobs_that_could_start_are_counted(stats: StatsKit) -> None:
    for path, seconds in (("a", -9), ("b", -8), ("a", -7), ("c", -6), ("late", 5)):
        stats.jobs.insert([NewJob(new_id(), path, {}, "q", at(seconds))])
    queue(stats, "p", -10)
    assert tasks(stats, "q") == {"a": (2, 0), "b": (1, 0), "c": (1, 0)}
    assert tasks(stats, "q", 3) == {"a": (2, 0), "b": (1, 0)}
    stats.jobs.insert([NewJob(new_id(), "sub", {}, "q/1", at(-1))])
    assert tasks(stats, "q/") == {"sub": (1, 0)}
    assert tasks(stats, "none") == {}


def test_those_of_them_that_bursts_leave_to_containers_are_told(stats: StatsKit) -> None:
    for overruns in (MOST_OVERRUNS, MOST_OVERRUNS - 1, 0):
        job, token = NewJob(new_id(), "a", {}, "q", at(-9)), new_id()
        stats.jobs.insert([job])
        assert stats.jobs.start(job.id, new_id(), token, NOW) is not None
        change = JobChange(Status.QUEUED, at(-1), None, overruns=overruns)
        stats.jobs.settle([Settlement(job.id, token, change)])
    assert tasks(stats, "q") == {"a": (3, 1)}


def test_jobs_that_run_are_counted_by_queue(stats: StatsKit) -> None:
    queue(stats, "q", 0, -3, -2, -1)
    queue(stats, "q/1", -1)
    assert stats.store.running("q", 10) == 0
    for name, most in (("q", 3), ("q/1", 1)):
        stats.jobs.claim(Claim(parse_queue(name), most, WORKER, new_id(), at(0)))
    assert [stats.store.running(name, 10) for name in ("q", "q/1", "q/", "none", "b_raw")] == [3, 1, 1, 0, 0]
    assert stats.store.running("q", 2) == 2
    raw = ClaimedJob(new_id(), new_id(), "tasks.T", {}, "q", NOW, NOW, raw=RawOrigin("b_raw", "b_raw", b"1", WORKER))
    stats.jobs.insert_started([raw])
    assert [stats.store.running(name, 10) for name in ("q", "b_raw", "b_raw/")] == [3, 1, 0]


# ---- upkeep


# MongoDB deletes by itself what is past, once a minute: in these tests it is a time to come that is over.
COMING = datetime.now(UTC).replace(microsecond=0, tzinfo=None) + timedelta(days=365)


def test_what_has_expired_is_deleted_a_bounded_number_at_a_time(stats: StatsKit) -> None:
    stats.store.ensure_indexes()
    for minute in range(4):
        stats.store.put(period(minute), COMING + minute * MINUTE)
        stats.store.put_samples(look(minute), COMING + minute * MINUTE)
    assert stats.store.expire(COMING, 10) == 0
    late = COMING + timedelta(seconds=150)
    assert stats.store.expire(late, 2) == 4
    assert stats.store.expire(late, 2) == 2
    assert stats.store.expire(late, 2) == 0
    assert [each.start for each in read(stats)] == [NOW + 3 * MINUTE]
    assert [each.start for each in stats.store.samples(NOW, NOW + HOUR, 10)] == [NOW + 3 * MINUTE]


def test_what_was_written_again_lives_on(stats: StatsKit) -> None:
    stats.store.ensure_indexes()
    stats.store.put(period(), COMING)
    stats.store.put(period(revision=2), COMING + HOUR)
    assert stats.store.expire(COMING + MINUTE, 10) == 0


# ---- on MongoDB alone


def test_the_indexes_are_made_and_missed(database: Any) -> None:
    from mrq.stores.mongo_stats import MongoStatsStore

    store = MongoStatsStore(database)
    assert len(store.missing_indexes()) == 6
    assert {"mrq_stats.expires_1", "mrq_stats_queues.expires_1"} <= set(store.missing_indexes())
    assert sorted(store.ensure_indexes()) == sorted(
        ["mrq_period", "mrq_pending", "mrq_worker", "expires_1", "start_1", "expires_1"]
    )
    assert store.missing_indexes() == []
    assert store.ensure_indexes() == []
    for name in ("mrq_stats", "mrq_stats_queues"):
        assert database[name].index_information()["expires_1"]["expireAfterSeconds"] == 0


class Watcher:
    """Notes the plans of what is asked."""

    def __init__(self, database: Any) -> None:
        self.database = database
        database.command("profile", 2)

    def plans(self) -> set[str]:
        self.database.command("profile", 0)
        wanted = {
            "ns": {"$in": [f"{self.database.name}.{name}" for name in ("mrq_stats", "mrq_stats_queues", "mrq_jobs")]}
        }
        return {entry.get("planSummary", "") for entry in self.database.system.profile.find(wanted)} - {""}


def test_nothing_reads_a_whole_collection(database: Any) -> None:
    from mrq.stores.mongo_jobs import MongoJobStore
    from mrq.stores.mongo_stats import MongoStatsStore

    store, jobs = MongoStatsStore(database), MongoJobStore(database)
    store.ensure_indexes()
    jobs.ensure_indexes()
    jobs.insert([NewJob(new_id(), "tasks.T", {}, f"q{n % 3}", NOW) for n in range(50)])
    for minute in range(30):
        store.put(part(minute), EVER)
        store.put(period(minute), EVER)
        store.put_samples(look(minute, a=1), EVER)
    watcher = Watcher(database)
    store.read(Resolution.MINUTE, NOW, at(300), limit=3, after=period(1).id, queue="q")
    store.of_worker(WORKER, NOW, at(300), 3)
    store.pending(Resolution.HOUR, NOW, NOW + HOUR)
    store.samples(NOW, at(300), 3, "a")
    store.next_queue("q0")
    store.backlog("q1", NOW, 10)
    store.backlog("q/", NOW, 10)
    store.running("q1", 10)
    store.running("b_raw/", 10)
    store.put(part(1, revision=9), EVER)
    store.summed_up([part(1, revision=9)])
    store.expire(NOW, 10)
    plans = watcher.plans()
    assert plans
    assert not [plan for plan in plans if "COLLSCAN" in plan]
