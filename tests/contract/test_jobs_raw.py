"""Jobs from raw queues: stored when they start, or only when they end, and each of it may be repeated."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from contract.kit import TASK, JobKit, at
from mrq.domain.change import JobChange, Settlement
from mrq.domain.job import ClaimedJob, RawOrigin
from mrq.domain.outcome import Failure
from mrq.domain.status import Status
from mrq.ports.jobs import Settled, SettleResult

if TYPE_CHECKING:
    from mrq.domain.ids import JobId


def raw_job(kit: JobKit, params: dict[str, Any] | None = None, **about: Any) -> ClaimedJob:
    """A job as it is made of a payload."""
    origin = RawOrigin("a_raw/x", "a_raw", b"payload", kit.worker)
    return ClaimedJob(
        kit.store.new_id(), kit.store.new_id(), TASK, params or {"n": 1}, "retries", at(0), at(1), raw=origin, **about
    )


def ended(kit: JobKit, job: ClaimedJob, status: Status = Status.FAILED, **fields: Any) -> SettleResult:
    """Write the end of a job that was not stored."""
    change = JobChange(status=status, **{"at": at(60), "expires": None, **fields})
    return kit.store.settle([Settlement(job.id, job.token, change, base=job)])[0]


def document(kit: JobKit, job: JobId) -> dict[str, Any]:
    return dict(kit.read(job).document)


# ---- stored when they start


def test_a_job_is_stored_as_started(kit: JobKit) -> None:
    job = raw_job(kit, losses=2)
    assert kit.store.insert_started([job]) == {}
    assert document(kit, job.id) == {
        "_id": job.id, "path": TASK, "params": {"n": 1}, "queue": "retries", "raw_queue": "a_raw/x",
        "datequeued": at(0), "status": "started", "datestarted": at(1), "worker": kit.worker, "claim": job.token,
        "losses": 2,
    }  # fmt: skip


def test_it_is_started_like_any_other(kit: JobKit) -> None:
    job = raw_job(kit)
    kit.store.insert_started([job])
    assert [each.id for each in kit.store.started_by(kit.worker, 10)] == [job.id]
    assert kit.store.workers_of_started() == {kit.worker}
    assert [each.id for each in kit.store.claimed_under(kit.worker, job.token)] == [job.id]
    assert kit.settle(job).fate is Settled.WRITTEN
    assert kit.status(job.id) is Status.SUCCESS


def test_storing_again_changes_nothing(kit: JobKit) -> None:
    first, second = raw_job(kit), raw_job(kit)
    kit.store.insert_started([first])
    kit.settle(first)
    assert kit.store.insert_started([first, second]) == {}
    assert kit.status(first.id) is Status.SUCCESS
    assert kit.status(second.id) is Status.STARTED
    assert kit.store.insert_started([]) == {}


def test_what_cannot_be_stored_is_named_and_the_others_are_stored(kit: JobKit) -> None:
    good, odd, large = raw_job(kit), raw_job(kit, {"x": object()}), raw_job(kit, {"x": "a" * 17_000_000})
    refused = kit.store.insert_started([odd, good, large])
    assert set(refused) == {odd.id, large.id}
    assert "params['x'] is a object" in refused[odd.id]
    assert "17,0" in refused[large.id]
    assert kit.store.existing([good.id, odd.id, large.id]) == {good.id}


# ---- who has it


def test_existing_jobs_are_known_whatever_became_of_them(kit: JobKit) -> None:
    jobs = [kit.in_status(status) for status in (Status.QUEUED, Status.STARTED, Status.SUCCESS, Status.CANCEL)]
    assert kit.store.existing([*jobs, kit.store.new_id()]) == set(jobs)
    assert kit.store.existing([]) == set()


def test_only_what_is_started_under_the_claim_is_discarded(kit: JobKit) -> None:
    mine, other, over = raw_job(kit), raw_job(kit), raw_job(kit)
    other.token = kit.store.new_id()
    over.token = mine.token
    kit.store.insert_started([mine, other, over])
    kit.settle(over)
    assert mine.token is not None
    kit.store.discard([mine.id, other.id, over.id, kit.store.new_id()], mine.token)
    assert kit.store.existing([mine.id, other.id, over.id]) == {other.id, over.id}


# ---- stored when they end


def test_an_end_makes_the_whole_job(kit: JobKit) -> None:
    job = raw_job(kit)
    failure = Failure("ValueError", "text")
    assert ended(kit, job, failure=failure, expires=at(99), totaltime=1.5).fate is Settled.WRITTEN
    found = document(kit, job.id)
    assert [entry["exceptiontype"] for entry in found.pop("traceback_history")] == ["ValueError"]
    assert found == {
        "_id": job.id, "path": TASK, "params": {"n": 1}, "queue": "retries", "raw_queue": "a_raw/x",
        "datequeued": at(0), "status": "failed", "datestarted": at(1), "worker": kit.worker, "claim": job.token,
        "dateupdated": at(60), "dateexpires": at(99), "totaltime": 1.5, "exceptiontype": "ValueError",
        "traceback": "text",
    }  # fmt: skip


def test_an_end_that_is_written_again_is_recognised(kit: JobKit) -> None:
    job = raw_job(kit)
    for _ in range(2):
        assert ended(kit, job, failure=Failure("Error", "text")).fate is Settled.WRITTEN
    assert len(document(kit, job.id)["traceback_history"]) == 1


def test_many_ends_at_once_some_of_them_written_before(kit: JobKit) -> None:
    jobs = [raw_job(kit) for _ in range(30)]
    stored = kit.started()
    for job in jobs[::3]:
        ended(kit, job)
    settlements = [Settlement(j.id, j.token, JobChange(Status.FAILED, at(60), None), base=j) for j in jobs]
    settlements.insert(7, kit.ending(stored))
    assert {result.fate for result in kit.store.settle(settlements)} == {Settled.WRITTEN}
    assert {kit.status(job.id) for job in jobs} == {Status.FAILED}
    assert kit.status(stored.id) is Status.SUCCESS


@pytest.mark.parametrize("status", [Status.QUEUED, Status.RETRY])
def test_a_retry_makes_a_job_that_waits(kit: JobKit, status: Status) -> None:
    job = raw_job(kit)
    back = {"dateretry": at(90)} if status is Status.RETRY else {}
    assert ended(kit, job, status, queue="elsewhere", datequeued=at(60), retry_count=1, **back).fate is Settled.WRITTEN
    found = kit.read(job.id)
    assert (found.status, found.queue, found.retry_count) == (status, "elsewhere", 1)
    if status is Status.QUEUED:
        (again,) = kit.claim("elsewhere", now=60)
        assert (again.id, again.params, again.retry_count) == (job.id, {"n": 1}, 1)


def test_a_job_of_this_id_that_somebody_else_has_stands(kit: JobKit) -> None:
    job = raw_job(kit)
    kit.store.insert_started([replace(job, token=kit.store.new_id())])
    assert ended(kit, job).fate is Settled.REFUSED
    assert kit.status(job.id) is Status.STARTED


def test_an_end_whose_job_cannot_be_stored_says_so_and_harms_no_other(kit: JobKit) -> None:
    good, odd = raw_job(kit), raw_job(kit, {"x": object()})
    change = JobChange(Status.FAILED, at(60), None)
    first, second = kit.store.settle([Settlement(j.id, j.token, change, base=j) for j in (odd, good)])
    assert (first.fate, first.about_base) == (Settled.UNSTORABLE, True)
    assert "params['x']" in (first.reason or "")
    assert second.fate is Settled.WRITTEN
    assert kit.store.existing([odd.id, good.id]) == {good.id}


def test_an_end_that_cannot_be_stored_is_not_about_the_job(kit: JobKit) -> None:
    job = raw_job(kit)
    result = ended(kit, job, Status.SUCCESS, result=object())
    assert (result.fate, result.about_base) == (Settled.UNSTORABLE, False)
    assert kit.store.existing([job.id]) == set()


def test_without_a_base_no_job_is_made(kit: JobKit) -> None:
    job = raw_job(kit)
    assert kit.settle(job).fate is Settled.REFUSED
    assert kit.store.existing([job.id]) == set()


def test_a_job_that_is_sent_back_for_its_turn_keeps_the_time_of_it(kit: JobKit) -> None:
    job = raw_job(kit)
    sent_back = {"due": at(90), "datequeued": at(90), "has_slot": True}
    assert ended(kit, job, Status.QUEUED, **sent_back).fate is Settled.WRITTEN
    found = document(kit, job.id)
    assert (found["status"], found["queue"], found["raw_queue"]) == ("queued", "retries", "a_raw/x")
    assert (found["datedue"], found["rateslot"]) == (at(90), True)
    assert kit.claim("retries", now=80) == []
    (again,) = kit.claim("retries", now=91)
    assert again.id == job.id
    assert again.has_slot
