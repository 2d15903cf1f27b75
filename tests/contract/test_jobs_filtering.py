"""JobStore: finding, counting and moving jobs by a filter."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from contract.kit import TASK, JobKit, at
from mrq.domain.job import ClaimedJob, RawOrigin
from mrq.domain.jobfilter import DateRange, JobFilter
from mrq.domain.status import Status, may_move

if TYPE_CHECKING:
    from mrq.domain.ids import JobId


def found(kit: JobKit, which: JobFilter) -> list[JobId]:
    """Ids by three ways that must agree."""
    page = kit.store.matching(which, 1000)
    assert page.last is None
    ids = [job.id for job in page.jobs]
    assert ids == sorted(ids)
    assert kit.store.count_matching(which) == len(ids)
    assert in_pages(kit, which, 2) == ids
    return ids


def in_pages(kit: JobKit, which: JobFilter, limit: int) -> list[JobId]:
    ids: list[JobId] = []
    while True:
        page = kit.store.matching(which, limit)
        assert len(page.jobs) <= limit
        ids += [job.id for job in page.jobs]
        if page.last is None:
            return ids
        which = replace(which, after=page.last)


def test_a_filter_of_nothing_fits_every_job(kit: JobKit) -> None:
    assert found(kit, JobFilter()) == []
    jobs = [kit.queue(), kit.started().id, kit.ended().id]
    assert found(kit, JobFilter()) == sorted(jobs)


def test_jobs_are_found_by_their_ids(kit: JobKit) -> None:
    jobs = sorted(kit.queue() for _ in range(6))
    assert found(kit, JobFilter(ids=frozenset(jobs[1:3]))) == jobs[1:3]
    assert found(kit, JobFilter(ids=frozenset())) == []
    assert found(kit, JobFilter(after=jobs[1])) == jobs[2:]
    assert found(kit, JobFilter(until=jobs[1])) == jobs[:2]
    assert found(kit, JobFilter(after=jobs[1], until=jobs[4], but=jobs[2])) == jobs[3:5]
    assert found(kit, JobFilter(ids=frozenset(jobs[:2]), but=jobs[0])) == [jobs[1]]


def test_jobs_are_found_by_queue_and_root(kit: JobKit) -> None:
    jobs = {name: kit.queue(queue=name) for name in ("a", "a/x", "a/x/y", "ab", "b/x", "c")}
    for queues, fit in (
        ({"a"}, ["a"]), ({"a/"}, ["a/x", "a/x/y"]), ({"a", "a/"}, ["a", "a/x", "a/x/y"]),
        ({"c", "b/", "ab"}, ["ab", "b/x", "c"]), (set(), []),
    ):  # fmt: skip
        assert found(kit, JobFilter(queues=frozenset(queues))) == [jobs[name] for name in fit], queues


def test_jobs_are_found_by_the_raw_queue_that_they_came_from(kit: JobKit) -> None:
    names = ("a_raw", "a_raw/x", "a_raw/y", "b_timed_set", "c_raw")
    jobs = {name: from_raw_queue(kit, name) for name in names} | {"again": kit.queue(queue="again")}
    for queues, fit in (
        ({"a_raw"}, ["a_raw"]), ({"a_raw/"}, ["a_raw/x", "a_raw/y"]), ({"b_timed_set"}, ["b_timed_set"]),
        ({"a_raw", "a_raw/", "c_raw"}, ["a_raw", "a_raw/x", "a_raw/y", "c_raw"]), ({"d_raw"}, []),
        ({"again", "c_raw"}, ["c_raw", "again"]), ({"retries"}, list(names)),
    ):  # fmt: skip
        assert found(kit, JobFilter(queues=frozenset(queues))) == [jobs[name] for name in fit], queues
    some = JobFilter(queues=frozenset({"c_raw"}), statuses=frozenset({Status.STARTED}))
    assert kit.store.move_many(list(jobs.values()), some, Status.QUEUED, at(5), {}) == 1
    assert kit.read(jobs["c_raw"]).queue == "retries"
    assert found(kit, JobFilter(queues=frozenset({"c_raw"}), statuses=frozenset({Status.QUEUED}))) == [jobs["c_raw"]]


def from_raw_queue(kit: JobKit, queue: str) -> JobId:
    """A job that has just been taken from a raw queue; its retries wait in `retries`."""
    origin = RawOrigin(queue, queue.split("/", 1)[0], b"payload", kit.worker)
    job = ClaimedJob(kit.store.new_id(), kit.store.new_id(), TASK, {}, "retries", at(0), at(1), raw=origin)
    assert kit.store.insert_started([job]) == {}
    return job.id


def test_jobs_are_found_by_status(kit: JobKit) -> None:
    jobs = {status: kit.in_status(status) for status in Status}
    for status, job in jobs.items():
        assert found(kit, JobFilter(statuses=frozenset({status}))) == [job]
    two = frozenset({Status.FAILED, Status.CANCEL})
    assert found(kit, JobFilter(statuses=two)) == sorted(jobs[status] for status in two)


def test_jobs_are_found_by_what_ran_them_and_how_it_ended(kit: JobKit) -> None:
    from mrq.domain.outcome import Failure

    mine = kit.started()
    kit.settle(mine, Status.FAILED, failure=Failure("KeyError", ""))
    other = kit.queue(path="tasks.Other")
    assert found(kit, JobFilter(workers=frozenset({kit.worker}))) == [mine.id]
    assert found(kit, JobFilter(workers=frozenset({kit.store.new_id()}))) == []
    assert found(kit, JobFilter(paths=frozenset({"tasks.Other", "x"}))) == [other]
    assert found(kit, JobFilter(exceptiontypes=frozenset({"KeyError", "x"}))) == [mine.id]


def test_jobs_are_found_by_the_date_of_their_return(kit: JobKit) -> None:
    kit.ended()
    jobs = [kit.ended(Status.RETRY, dateretry=at(seconds)).id for seconds in (1, 2, 3)]
    for ranges, fit in (
        ([DateRange()], jobs), ([DateRange(until=at(2))], jobs[:2]), ([DateRange(since=at(2))], jobs[1:]),
        ([DateRange(at(2), at(2))], jobs[1:2]), ([DateRange(until=at(1)), DateRange(since=at(3))], [jobs[0], jobs[2]]),
        ([], []),
    ):  # fmt: skip
        assert found(kit, JobFilter(dateretry=tuple(ranges))) == fit, ranges


PARAMS: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({"a": 1, "b": 2}, {"a": 1}, True),
    ({"a": 1, "b": 2}, {"a": 1, "b": 3}, False),
    ({"a": 1}, {"a": 1.0}, True),
    ({"a": 1}, {"a": True}, False),
    ({"a": "x"}, {"a": "x"}, True),
    ({"a": {"b": 1}}, {"a.b": 1}, True),
    ({"a": {"b": 1}}, {"a": {"b": 1}}, True),
    ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, False),
    ({"a": [1, 2]}, {"a": 2}, True),
    ({"a": [1, 2]}, {"a": [1, 2]}, True),
    ({"a": [1, 2]}, {"a": [2]}, False),
    ({"a": [{"b": 1}, {"b": 2}]}, {"a.b": 2}, True),
    ({"a": 1}, {"c": None}, True),
    ({"a": 1}, {"a.b": None}, True),
    ({"a": 1}, {"a": None}, False),
    ({"a": 1}, {"a": {"$gt": 0}}, False),
    ({"a": {"$gt": 0}}, {"a": {"$gt": 0}}, True),
]


@pytest.mark.parametrize(("params", "wanted", "fit"), PARAMS)
def test_jobs_are_found_by_single_params(
    kit: JobKit, params: dict[str, Any], wanted: dict[str, Any], fit: bool
) -> None:
    job = kit.queue(params=params)
    assert found(kit, JobFilter(params=wanted)) == ([job] if fit else [])


def test_a_filter_fits_in_all_respects(kit: JobKit) -> None:
    fitting = kit.queue(queue="q", params={"a": 1})
    kit.queue(queue="q", params={"a": 2})
    kit.queue(queue="p", params={"a": 1})
    kit.queue(queue="q", params={"a": 1}, path="tasks.Other")
    some = JobFilter(queues=frozenset({"q"}), paths=frozenset({TASK}), params={"a": 1})
    assert found(kit, some) == [fitting]


def test_what_is_read_of_a_job(kit: JobKit) -> None:
    job = kit.started(queue="q")
    (read,) = kit.store.matching(JobFilter(), 10).jobs
    assert (read.id, read.path, read.queue, read.status) == (job.id, TASK, "q", Status.STARTED)
    assert (read.datestarted, read.worker, read.token) == (at(0), kit.worker, job.token)


@pytest.mark.parametrize("to", [Status.CANCEL, Status.QUEUED])
def test_jobs_are_moved_as_the_table_allows(kit: JobKit, to: Status) -> None:
    jobs = {status: kit.in_status(status) for status in Status}
    allowed = {status for status in Status if may_move(status, to)}
    assert kit.store.move_many(list(jobs.values()), JobFilter(), to, at(99), {}) == len(allowed)
    assert {status for status in Status if kit.read(jobs[status]).dateupdated == at(99)} == allowed
    assert all(kit.status(jobs[status]) is to for status in allowed)


def test_only_jobs_that_still_fit_are_moved(kit: JobKit) -> None:
    jobs = [kit.queue(queue="q") for _ in range(3)]
    kit.store.move(jobs[0], Status.CANCEL, at(1), {})
    kit.store.move(jobs[1], Status.QUEUED, at(1), {"queue": "elsewhere"})
    which = JobFilter(queues=frozenset({"q"}), statuses=frozenset({Status.QUEUED}))
    assert kit.store.move_many(jobs, which, Status.CANCEL, at(5), {}) == 1
    assert [kit.status(job) for job in jobs] == [Status.CANCEL, Status.QUEUED, Status.CANCEL]
    assert kit.read(jobs[0]).dateupdated == at(1)
    assert kit.store.move_many([], which, Status.CANCEL, at(5), {}) == 0


def test_moved_jobs_have_the_given_values_and_nothing_of_their_end(kit: JobKit) -> None:
    job = kit.ended(Status.RETRY, dateretry=at(90), expires=at(9999), retry_count=2)
    kept = kit.ended(Status.RETRY, dateretry=at(90), retry_count=2)
    fields = {"queue": "other", "datequeued": at(7), "retry_count": 0}
    assert kit.store.move_many([job.id], JobFilter(), Status.QUEUED, at(7), fields) == 1
    assert kit.store.move_many([kept.id], JobFilter(), Status.QUEUED, at(7), {"datequeued": at(7)}) == 1
    record = kit.read(job.id)
    assert (record.queue, record.datequeued, record.retry_count) == ("other", at(7), 0)
    assert (record.dateretry, record.dateexpires) == (None, None)
    assert (kit.read(kept.id).queue, kit.read(kept.id).retry_count) == (kept.queue, 2)


def test_a_run_that_was_cancelled_in_bulk_cannot_write_its_end(kit: JobKit) -> None:
    from mrq.ports.jobs import Settled

    job = kit.started()
    assert kit.store.move_many([job.id], JobFilter(), Status.CANCEL, at(5), {}) == 1
    assert kit.settle(job).fate is Settled.REFUSED


def test_a_look_that_takes_too_long_goes_on_in_stretches(mongo_kit: JobKit, monkeypatch: pytest.MonkeyPatch) -> None:
    from pymongo.errors import ExecutionTimeout

    from mrq.stores import mongo_bulk

    jobs = sorted(mongo_kit.queue(params={"n": n % 10}) for n in range(95))
    real_look = mongo_bulk._look
    timed_out = 0

    def look(collection: Any, which: JobFilter, limit: int, longest: int | None) -> Any:
        nonlocal timed_out
        if longest is not None:
            timed_out += 1
            raise ExecutionTimeout("too long", 50)
        return real_look(collection, which, limit, longest)

    monkeypatch.setattr(mongo_bulk, "_look", look)
    monkeypatch.setattr(mongo_bulk, "STRETCH", 20)
    which = JobFilter(params={"n": 3})
    fitting = [job for job in jobs if mongo_kit.read(job).params["n"] == 3]
    for limit in (1, 2, 3, 100):
        assert in_pages(mongo_kit, which, limit) == fitting
    many_at_once, timed_out = timed_out, 0
    monkeypatch.setattr(mongo_bulk, "LONGEST_LOOK", -1)  # each call looks at one stretch
    for limit in (1, 2, 3, 100):
        assert in_pages(mongo_kit, which, limit) == fitting
    assert timed_out > many_at_once > 0

    class Slow:
        """A collection on which counting everything at once takes too long."""

        def __getattr__(self, name: str) -> Any:
            return getattr(mongo_kit.database.mrq_jobs, name)

        def count_documents(self, query: Any, **options: Any) -> int:
            if options:
                raise ExecutionTimeout("too long", 50)
            many: int = mongo_kit.database.mrq_jobs.count_documents(query)
            return many

    slow: Any = Slow()
    assert mongo_bulk.count_matching(slow, which) == len(fitting)
    assert mongo_bulk.count_matching(slow, replace(which, after=fitting[0], until=fitting[7])) == 7


def plan_of(kit: JobKit, which: JobFilter) -> list[str]:
    """The stages of the plan that MongoDB chooses, and the indexes it uses."""
    from mrq.stores.job_filters import query_of

    plan = kit.database.mrq_jobs.find(query_of(which)).sort("_id", 1).limit(1000).explain()
    found, stack = [], [plan["queryPlanner"]["winningPlan"]]
    while stack:
        stage = stack.pop()
        found += [value for key, value in stage.items() if key in ("stage", "indexName")]
        stack += [value for value in stage.values() if isinstance(value, dict) and "stage" in value]
        stack += stage.get("inputStages", [])
    return found


def test_few_live_jobs_among_many_ended_ones_are_found_through_the_indexes(mongo_kit: JobKit) -> None:
    ended = [
        {"_id": mongo_kit.store.new_id(), "path": TASK, "params": {}, "queue": "q", "status": "success",
         "datequeued": at(0), "worker": mongo_kit.worker} for _ in range(20_000)
    ]  # fmt: skip
    mongo_kit.database.mrq_jobs.insert_many(ended)
    mongo_kit.queue(queue="q")
    mongo_kit.started(queue="other")
    mongo_kit.ended(Status.RETRY, dateretry=at(1))
    for index, which in (
        ("mrq_queued", JobFilter(statuses=frozenset({Status.QUEUED}), queues=frozenset({"q"}))),
        ("mrq_queued", JobFilter(statuses=frozenset({Status.QUEUED}), queues=frozenset({"q/", "q"}))),
        ("mrq_started", JobFilter(statuses=frozenset({Status.STARTED}))),
        ("dateretry_1", JobFilter(statuses=frozenset({Status.RETRY}), dateretry=(DateRange(until=at(2)),))),
    ):
        assert index in plan_of(mongo_kit, which), plan_of(mongo_kit, which)
