"""JobStore: what comes back by itself, what is moved from outside, and how far jobs are."""

from __future__ import annotations

import pytest

from contract.kit import TASK, JobKit, at
from mrq.domain.status import Status, may_move


def waiting(kit: JobKit, seconds: float, status: Status = Status.RETRY) -> tuple[object, str]:
    job = kit.ended(status, dateretry=at(seconds), expires=at(9999))
    return job.id, job.queue


def test_a_job_comes_back_when_its_time_has_come_and_not_before(kit: JobKit) -> None:
    job_id, queue = waiting(kit, 30)
    assert kit.store.bring_back(at(29.999), 10) == {}
    assert kit.status(job_id) is Status.RETRY
    assert kit.store.bring_back(at(30), 10) == {queue: 1}
    record = kit.read(job_id)
    assert (record.status, record.datequeued, record.dateupdated) == (Status.QUEUED, at(30), at(30))
    assert (record.dateretry, record.dateexpires, record.due) == (None, None, None)
    assert kit.store.bring_back(at(30), 10) == {}


def test_when_the_next_one_comes_back_is_known(kit: JobKit) -> None:
    assert kit.store.next_return(at(10**6)) is None
    for seconds, status in ((30, Status.RETRY), (20, Status.INTERRUPT), (10, Status.FAILED), (40, Status.RETRY)):
        waiting(kit, seconds, status)
    assert kit.store.next_return(at(19.999)) is None
    assert kit.store.next_return(at(20)) == at(20)
    assert kit.store.next_return(at(100)) == at(20)
    kit.store.bring_back(at(25), 10)
    assert kit.store.next_return(at(100)) == at(30)


def test_retried_and_interrupted_jobs_come_back_and_no_others(kit: JobKit) -> None:
    jobs = {status: waiting(kit, 1, status)[0] for status in Status if status in (
        Status.RETRY, Status.INTERRUPT, Status.FAILED, Status.SUCCESS, Status.TIMEOUT, Status.ABORT,
    )}  # fmt: skip
    kit.store.bring_back(at(2), 100)
    back = {status for status, job_id in jobs.items() if kit.status(job_id) is Status.QUEUED}
    assert back == {Status.RETRY, Status.INTERRUPT}


def test_an_interrupted_job_without_a_time_stays(kit: JobKit) -> None:
    job = kit.ended(Status.INTERRUPT)
    assert kit.store.bring_back(at(10**6), 10) == {}
    assert kit.status(job.id) is Status.INTERRUPT


def test_no_more_than_the_limit_come_back_at_once(kit: JobKit) -> None:
    for _ in range(5):
        waiting(kit, 1)
    counts = [sum(kit.store.bring_back(at(2), 2).values()) for _ in range(4)]
    assert counts == [2, 2, 1, 0]


def test_it_is_told_how_many_went_to_which_queue(kit: JobKit) -> None:
    for queue, many in (("a", 2), ("b", 1)):
        for _ in range(many):
            job = kit.started()
            kit.settle(job, Status.RETRY, dateretry=at(1), queue=queue)
    assert kit.store.bring_back(at(1), 10) == {"a": 2, "b": 1}
    assert len(kit.claim("a", now=1)) == 2


MOVES = [(old, new) for old in Status for new in (Status.CANCEL, Status.QUEUED)]


@pytest.mark.parametrize(("old", "new"), MOVES)
def test_a_job_is_moved_as_the_table_allows(kit: JobKit, old: Status, new: Status) -> None:
    job_id = kit.in_status(old)
    assert kit.store.move(job_id, new, at(5), {}) is may_move(old, new)
    record = kit.read(job_id)
    assert record.status is (new if may_move(old, new) else old)
    assert record.dateupdated == at(5)


@pytest.mark.parametrize("new", [Status.SUCCESS, Status.FAILED, Status.TIMEOUT])
def test_a_job_that_does_not_run_cannot_be_ended_from_outside(kit: JobKit, new: Status) -> None:
    for old in Status:
        if old is not Status.STARTED:
            job_id = kit.in_status(old)
            assert kit.store.move(job_id, new, at(5), {}) is False
            assert kit.status(job_id) is old


def test_a_job_that_is_not_there_cannot_be_moved(kit: JobKit) -> None:
    assert kit.store.move(kit.store.new_id(), Status.CANCEL, at(0), {}) is False


def test_a_requeued_job_has_the_given_values_and_nothing_of_its_end(kit: JobKit) -> None:
    job_id, _ = waiting(kit, 30)
    fields = {"queue": "other", "datequeued": at(7), "retry_count": 0}
    assert kit.store.move(job_id, Status.QUEUED, at(7), fields)
    record = kit.read(job_id)
    assert (record.queue, record.datequeued, record.retry_count) == ("other", at(7), 0)
    assert (record.dateretry, record.dateexpires) == (None, None)
    assert [job.id for job in kit.claim("other", now=8)] == [job_id]


def test_a_requeued_delayed_job_is_due_at_once(kit: JobKit) -> None:
    job_id = kit.queue(due=100)
    assert kit.store.move(job_id, Status.QUEUED, at(1), {"datequeued": at(1)})
    assert [job.id for job in kit.claim(now=1)] == [job_id]


def test_fields_that_are_none_stay(kit: JobKit) -> None:
    job = kit.ended()
    kit.store.move(job.id, Status.QUEUED, at(1), {"queue": None, "datequeued": at(1)})
    assert kit.read(job.id).queue == job.queue


def test_a_cancelled_job_is_not_claimed_and_does_not_come_back(kit: JobKit) -> None:
    job_id, _ = waiting(kit, 30)
    assert kit.store.move(job_id, Status.CANCEL, at(1), {})
    assert kit.store.bring_back(at(100), 10) == {}
    queued = kit.queue()
    assert kit.store.move(queued, Status.CANCEL, at(1), {})
    assert kit.claim() == []


def test_progress_is_stored_while_the_job_runs(kit: JobKit) -> None:
    job = kit.started()
    kit.store.set_progress(job.id, job.token, 0.25)
    assert kit.read(job.id).progress == 0.25


def test_progress_of_a_run_that_is_over_is_dropped(kit: JobKit) -> None:
    job = kit.started()
    kit.settle(job, Status.QUEUED)
    (again,) = kit.claim(job.queue)
    kit.store.set_progress(job.id, job.token, 0.25)
    assert kit.read(job.id).progress is None
    kit.settle(again)
    kit.store.set_progress(again.id, again.token, 0.5)
    assert kit.read(job.id).progress is None
    kit.store.set_progress(kit.store.new_id(), job.token, 0.5)  # no such job: nothing happens


def test_progress_of_a_job_started_by_mrq_0_9_needs_no_token(kit: JobKit) -> None:
    job_id = kit.store.new_id()
    kit.put({"_id": job_id, "path": TASK, "params": {}, "queue": "q", "status": "started", "datequeued": at(0)})
    kit.store.set_progress(job_id, None, 0.5)
    assert kit.read(job_id).progress == 0.5
