"""FailureStore, and the attempts on job documents it reads: groups are true whatever has happened to their jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pymongo.errors import AutoReconnect

from contract.kit import TASK, at
from mrq.domain.attempt import Attempt, AttemptEnd
from mrq.domain.change import JobChange, Settlement, change_for, loss_of
from mrq.domain.fingerprint import Signature, fingerprint
from mrq.domain.iosums import IoSum
from mrq.domain.jobfilter import JobFilter
from mrq.domain.options import TaskOptions
from mrq.domain.outcome import Failure, Outcome
from mrq.domain.status import Status
from mrq.domain.usage import Usage
from mrq.ports.failures import SIGHTINGS_KEPT
from mrq.stores import mongo_sightings
from mrq.stores.memory_failures import MemoryFailureStore
from mrq.stores.mongo_failures import LONGEST_LOOK, MongoFailureStore

if TYPE_CHECKING:
    from contract.kit import JobKit
    from mrq.domain.ids import JobId
    from mrq.domain.job import ClaimedJob
    from mrq.ports.failures import FailureStore

BOOM = Failure("ValueError", "Traceback ...", signature=Signature("ValueError", ("tasks:run",), "no row 7"))
OTHER = Failure("KeyError", "Traceback ...", signature=Signature("KeyError", ("tasks:run",), "'a'"))
GROUP = fingerprint(TASK, Signature("ValueError", ("tasks:run",), "no row 7"))


@pytest.fixture
def failures(kit: JobKit) -> FailureStore:
    if kit.database is None:
        return MemoryFailureStore(kit.store.documents, kit.store.sightings)  # type: ignore[attr-defined]
    return MongoFailureStore(kit.database)


def end(kit: JobKit, job: ClaimedJob, outcome: Outcome, seconds: float = 60, **about: Any) -> JobChange:
    """Write the end of a run as a worker would."""
    change = change_for(job, outcome, TaskOptions(), at(seconds), kit.worker, **about)
    kit.store.settle([Settlement(job.id, job.token, change)])
    return change


def fail(kit: JobKit, seconds: float = 60, failure: Failure = BOOM, **about: Any) -> JobId:
    job = kit.started(**about)
    end(kit, job, Outcome(Status.FAILED, failure=failure), seconds)
    return job.id


def again(kit: JobKit, job: JobId, seconds: float = 100) -> ClaimedJob:
    """Requeue a job and claim it."""
    queue = kit.read(job).queue
    assert kit.store.move(job, Status.QUEUED, at(seconds), {"datequeued": at(seconds)})
    (claimed,) = kit.claim(queue, now=seconds)
    return claimed


# ---- groups


def test_failures_of_one_kind_are_a_group(kit: JobKit, failures: FailureStore) -> None:
    fail(kit, 30)
    last = fail(kit, 90)
    fail(kit, 60)
    other = fail(kit, 10, OTHER)
    newest, oldest = failures.groups()
    assert (newest.fingerprint, newest.path, newest.exceptiontype) == (GROUP, TASK, "ValueError")
    assert (newest.jobs, newest.exact, newest.first, newest.last) == (3, True, at(30), at(90))
    assert (newest.example, newest.message) == (last, "no row 7")
    assert (oldest.jobs, oldest.example, oldest.first) == (1, other, at(10))
    assert failures.group(GROUP) == newest
    assert failures.groups(limit=1) == [newest]
    group = kit.store.matching(JobFilter(fingerprints=frozenset({newest.fingerprint, "x"})), 10).jobs
    assert {job.id for job in group} == {job.id for job in failures.members(GROUP)}
    assert [job.failed for job in failures.members(GROUP)] == [at(90), at(60), at(30)]
    (member,) = failures.members(GROUP, limit=1)
    assert (member.id, member.queue, member.message) == (last, kit.read(last).queue, "no row 7")


def test_a_job_leaves_its_group_when_it_is_queued_or_starts(kit: JobKit, failures: FailureStore) -> None:
    queued, started, cancelled = fail(kit), fail(kit), fail(kit)
    kit.store.move(queued, Status.QUEUED, at(70), {})
    kit.store.start(started, kit.worker, kit.store.new_id(), at(70))
    assert [job.id for job in failures.members(GROUP)] == [cancelled]
    kit.store.move(cancelled, Status.QUEUED, at(70), {})
    assert failures.group(GROUP) is None
    assert failures.groups() == []


def test_a_failure_was_seen_first_when_it_was_though_its_first_job_is_gone(kit: JobKit, failures: FailureStore) -> None:
    first, other = fail(kit, 30), fail(kit, 40, OTHER)
    fail(kit, 60)
    kit.store.move(first, Status.QUEUED, at(70), {})
    kit.store.move(other, Status.QUEUED, at(70), {})
    group = failures.group(GROUP)
    assert group is not None
    assert (group.jobs, group.first, group.last) == (1, at(30), at(60))
    assert failures.groups() == [group], "one of which no job is left is none"
    fail(kit, 20)  # a clock that is behind
    fail(kit, 9999)
    assert [(each.jobs, each.first, each.last) for each in failures.groups()] == [(3, at(20), at(9999))]


def test_first_sights_are_forgotten_after_a_long_silence(kit: JobKit, failures: FailureStore) -> None:
    failures.ensure_indexes()
    gone, silent = fail(kit, 30), fail(kit, 40, OTHER)
    kit.store.move(gone, Status.QUEUED, at(70), {})
    fail(kit, 5000)
    late = at(5000) + SIGHTINGS_KEPT
    assert failures.expire(at(40) + SIGHTINGS_KEPT, 10) == 0
    assert failures.expire(late, 10) == 1
    assert failures.expire(late, 10) == 0
    assert {each.example: each.first for each in failures.groups()}[silent] == at(40), "its job is there"
    group = failures.group(GROUP)
    assert group is not None
    assert group.first == at(30)


def test_first_sights_cost_little_and_end_no_job(mongo_kit: JobKit, monkeypatch: pytest.MonkeyPatch) -> None:
    kit = mongo_kit
    sightings: Any = kit.store._sightings  # type: ignore[attr-defined]
    writes: list[int] = []
    write = sightings._seen.bulk_write

    class Watched:
        broken = False

        def bulk_write(self, requests: Any, **options: Any) -> Any:
            writes.append(len(requests))
            if self.broken:
                raise AutoReconnect("gone")
            return write(requests, **options)

    watched = Watched()
    monkeypatch.setattr(sightings, "_seen", watched)
    end(kit, kit.started(), Outcome(Status.SUCCESS))
    assert writes == [], "a success costs nothing"
    watched.broken = True
    job = fail(kit, 0)
    assert kit.read(job).status is Status.FAILED
    assert (writes, sightings.failed) == ([1], 1)
    watched.broken = False
    fail(kit, 59)
    assert writes == [1], "what doesn't answer is left alone for a minute"
    for seconds in (61, 500, 660):
        fail(kit, seconds)
    assert writes == [1, 1], "again, and then no more for a while"
    fail(kit, 662)
    assert writes == [1, 1, 1]
    monkeypatch.setattr(mongo_sightings, "MOST_KNOWN", 2)
    for word in "abcd":
        fail(kit, 700, Failure("E", "", signature=Signature(word)))
    assert len(sightings._written) == 2


def test_a_retry_that_waits_is_a_member_until_it_returns(kit: JobKit, failures: FailureStore) -> None:
    job = kit.started()
    end(kit, job, Outcome(Status.RETRY, failure=BOOM, delay=5))
    group = failures.group(GROUP)
    assert group is not None
    assert group.jobs == 1
    kit.store.bring_back(at(100), 10)
    assert failures.group(GROUP) is None


def test_aborts_interrupts_and_retries_on_purpose_are_no_failures(kit: JobKit, failures: FailureStore) -> None:
    asked = Failure("RetryInterrupt", "", signature=Signature("RetryInterrupt"))
    end(kit, kit.started(), Outcome(Status.ABORT, failure=Failure("AbortInterrupt", "")))
    end(kit, kit.started(), Outcome(Status.INTERRUPT, failure=Failure("JobInterrupt", "")))
    end(kit, kit.started(), Outcome(Status.RETRY, failure=asked, delay=5))
    assert failures.groups() == []
    end(kit, kit.started(), Outcome(Status.TIMEOUT, failure=Failure("TimeoutInterrupt", "")))
    assert len(failures.groups()) == 1


def test_others_are_the_newest_jobs_of_the_task(kit: JobKit, failures: FailureStore) -> None:
    for n in range(4):
        kit.queue(params={"n": n})
    kit.queue(params={"n": 9}, path="tasks.Else")
    assert failures.others(TASK, limit=3) == [{"n": 3}, {"n": 2}, {"n": 1}]
    assert failures.others("tasks.Nobody") == []


def test_when_the_jobs_of_a_group_failed(kit: JobKit, failures: FailureStore) -> None:
    for seconds in (30, 90, 60):
        fail(kit, seconds)
    fail(kit, 70, OTHER)
    assert failures.times(GROUP, at(0), 10) == [at(90), at(60), at(30)]
    assert failures.times(GROUP, at(60), 10) == [at(90), at(60)]
    assert failures.times(GROUP, at(0), 1) == [at(90)]
    assert failures.times("none", at(0), 10) == []


def test_when_they_failed_is_read_from_the_index_alone(mongo_kit: JobKit) -> None:
    fail(mongo_kit)
    database = mongo_kit.database
    database.command("profile", 2)
    MongoFailureStore(database).times(GROUP, at(0), 5)
    database.command("profile", 0)
    (asked,) = database["system.profile"].find({"command.find": "mrq_jobs"})
    assert (asked["docsExamined"], asked["keysExamined"], asked["nreturned"]) == (0, 1, 1)
    assert (asked["command"]["limit"], asked["command"]["maxTimeMS"]) == (5, LONGEST_LOOK)


def test_groups_are_found_by_the_index_alone(mongo_kit: JobKit) -> None:
    kit = mongo_kit
    fail(kit)
    for query, order in (
        ({"fingerprint": {"$gt": ""}, "datefailed": {"$exists": True}}, [("fingerprint", 1), ("datefailed", 1)]),
        ({"fingerprint": GROUP, "datefailed": {"$exists": True}}, [("datefailed", -1)]),
    ):
        plan = str(kit.database.mrq_jobs.find(query).sort(order).explain()["queryPlanner"]["winningPlan"])
        assert "mrq_failures" in plan
        assert "'SORT'" not in plan


# ---- attempts


def test_every_run_of_a_job_is_there_with_what_became_of_it(kit: JobKit) -> None:
    job = kit.started()
    usage = Usage(0.5, 3, 0.25, "here")
    end(kit, job, Outcome(Status.FAILED, failure=BOOM), 10, usage=usage, deploy="v1")
    second = again(kit, job.id, 100)
    end(kit, second, Outcome(Status.SUCCESS, result=1), 160, deploy="v2")
    first, last = kit.read(job.id).attempts
    assert first == Attempt(
        job.datestarted, AttemptEnd.FAILED, at(10), job.datequeued, kit.worker, "ValueError", "no row 7", GROUP,
        0.5, 3, 0.25, "v1",
    )  # fmt: skip
    assert (last.end, last.started, last.ended, last.queued) == (AttemptEnd.SUCCESS, at(100), at(160), at(100))
    assert (last.worker, last.deploy, last.exceptiontype, last.fingerprint) == (kit.worker, "v2", None, None)


def test_each_run_keeps_what_it_waited_for(kit: JobKit) -> None:
    first, last = (IoSum("http.get", 2.5, 3), IoSum("redis.llen", 0.5, 1)), (IoSum("http.get", 1.0, 1),)
    job = kit.started()
    end(kit, job, Outcome(Status.FAILED, failure=BOOM), 10, io=first)
    second = again(kit, job.id, 100)
    end(kit, second, Outcome(Status.SUCCESS), 160, io=last)
    assert [run.io for run in kit.read(job.id).attempts] == [first, last]
    third = again(kit, job.id, 200)
    assert [run.io for run in kit.read(job.id).attempts] == [first, last, None]
    end(kit, third, Outcome(Status.SUCCESS), 260)
    assert [run.io for run in kit.read(job.id).attempts] == [first, last, None], "a run that is not traced has none"


def test_a_run_that_lasts_is_the_last_one(kit: JobKit) -> None:
    job = kit.started()
    assert kit.read(job.id).attempts == (Attempt(job.datestarted, queued=job.datequeued, worker=kit.worker),)
    assert kit.read(kit.queue()).attempts == ()


@pytest.mark.parametrize("way", ["move", "move_many", "start"])
def test_a_success_is_not_forgotten_when_the_job_runs_again(kit: JobKit, way: str) -> None:
    job = kit.started()
    end(kit, job, Outcome(Status.SUCCESS), 60)
    assert "attempts" not in kit.read(job.id).document  # nothing is written twice
    if way == "move":
        assert kit.store.move(job.id, Status.QUEUED, at(70), {})
    elif way == "move_many":
        assert kit.store.move_many([job.id], JobFilter(), Status.QUEUED, at(70), {}) == 1
    else:
        assert kit.store.start(job.id, kit.worker, kit.store.new_id(), at(70))
    first, *rest = kit.read(job.id).attempts
    assert (first.end, first.started, first.ended) == (AttemptEnd.SUCCESS, job.datestarted, at(60))
    assert [run.end for run in rest] == ([None] if way == "start" else [])


def test_a_success_is_kept_once_though_the_move_is_refused_or_repeated(kit: JobKit) -> None:
    job = kit.started()
    end(kit, job, Outcome(Status.SUCCESS), 60)
    for _ in range(2):
        assert (
            kit.store.move_many([job.id], JobFilter(statuses=frozenset({Status.FAILED})), Status.QUEUED, at(70), {})
            == 0
        )
    assert [run.end for run in kit.read(job.id).attempts] == [AttemptEnd.SUCCESS]


def test_a_lost_worker_and_a_hand_back_are_attempts_and_a_wait_for_a_turn_is_none(kit: JobKit) -> None:
    lost, back, waits, unstarted = (kit.started() for _ in range(4))

    def lose(job: ClaimedJob, was_running: bool) -> None:
        change = loss_of(job, was_running=was_running, max_losses=3, ttl=1, now=at(5), worker=kit.worker)
        kit.store.settle([Settlement(job.id, job.token, change)])

    lose(lost, True)
    lose(unstarted, False)
    end(kit, back, Outcome(Status.QUEUED, at_front=True))
    end(kit, waits, Outcome(Status.QUEUED, due=at(90)))
    ends = [[run.end for run in kit.read(job.id).attempts] for job in (lost, back, waits, unstarted)]
    assert ends == [[AttemptEnd.LOST], [AttemptEnd.HANDED_BACK], [], []]


def test_their_number_is_bounded(kit: JobKit) -> None:
    job = kit.started()
    for n in range(40):
        end(kit, job, Outcome(Status.FAILED, failure=BOOM), 100 * n + 50)
        job = again(kit, job.id, 100 * (n + 1))
    *kept, running = kit.read(job.id).attempts
    assert len(kept) == 30
    assert kept[-1].ended == at(3950)
    assert running.end is None


def test_documents_of_earlier_versions_tell_of_their_last_run(kit: JobKit) -> None:
    job_id = kit.store.new_id()
    old = {"_id": job_id, "path": TASK, "params": {}, "queue": "q", "status": "failed", "exceptiontype": "Old"}
    kit.put({**old, "datequeued": at(0), "datestarted": at(1), "dateupdated": at(2)})
    (run,) = kit.read(job_id).attempts
    assert (run.end, run.started, run.ended, run.exceptiontype) == (AttemptEnd.FAILED, at(1), at(2), "Old")
