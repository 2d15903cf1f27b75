"""What is written when a run ends, and what a lost worker means for its jobs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from mrq.domain.change import NEVER, change_for, loss_of, must_run_alone
from mrq.domain.job import ClaimedJob
from mrq.domain.options import TaskOptions
from mrq.domain.outcome import Failure, Outcome
from mrq.domain.status import Status
from mrq.stores.ids import new_id

QUEUED, STARTED, NOW = (datetime(2026, 1, 5, hour) for hour in (10, 11, 12))
WORKER = new_id()
JOB = ClaimedJob(new_id(), new_id(), "tasks.T", {}, "q", datequeued=QUEUED, datestarted=STARTED)
OPTIONS = TaskOptions(default_ttl=1000, result_ttl=100, abort_ttl=10)
FAILURE = Failure("Error", "text")


def after(start: datetime, seconds: float) -> datetime:
    return start + timedelta(seconds=seconds)


def change(outcome: Outcome, job: ClaimedJob = JOB, **about: bool):  # type: ignore[no-untyped-def]
    return change_for(job, outcome, OPTIONS, NOW, WORKER, **about)


def test_a_success_keeps_its_result_for_the_result_ttl_from_now() -> None:
    written = change(Outcome(Status.SUCCESS, result=42))
    assert (written.status, written.result, written.expires) == (Status.SUCCESS, 42, after(NOW, 100))
    assert (written.at, written.totaltime, written.worker) == (NOW, 3600.0, WORKER)
    assert written.progress is None


def test_a_success_that_showed_progress_is_done_with_it() -> None:
    assert change(Outcome(Status.SUCCESS), shows_progress=True).progress == 1.0
    assert change(Outcome(Status.FAILED), shows_progress=True).progress is None


def test_an_abort_is_kept_for_the_abort_ttl_from_now() -> None:
    assert change(Outcome(Status.ABORT, failure=FAILURE)).expires == after(NOW, 10)


OTHERS = [Status.FAILED, Status.TIMEOUT, Status.INTERRUPT, Status.MAXRETRIES, Status.MAXCONCURRENCY, Status.RETRY]


@pytest.mark.parametrize("status", OTHERS)
def test_others_are_kept_for_the_default_ttl_from_when_they_were_queued(status: Status) -> None:
    written = change(Outcome(status, failure=FAILURE))
    assert (written.status, written.expires, written.failure) == (status, after(QUEUED, 1000), FAILURE)


@pytest.mark.parametrize("status", OTHERS)
def test_without_a_queueing_date_the_default_ttl_counts_from_now(status: Status) -> None:
    assert change(Outcome(status), replace(JOB, datequeued=None)).expires == after(NOW, 1000)


@pytest.mark.parametrize("status", [Status.RETRY, Status.INTERRUPT])
def test_a_job_that_comes_back_does_not_expire_while_it_waits(status: Status) -> None:
    written = change(Outcome(status, delay=60))
    assert written.dateretry == after(NOW, 60)
    assert written.expires == after(NOW, 60 + 1000)
    soon = change_for(JOB, Outcome(status, delay=1), replace(OPTIONS, default_ttl=10**6), NOW, WORKER)
    assert soon.expires is not None
    assert soon.expires >= after(QUEUED, 10**6)


def test_a_job_that_is_queued_again_never_expires_and_goes_to_the_end() -> None:
    written = change(Outcome(Status.QUEUED, queue="other", retry_count=2))
    assert (written.expires, written.datequeued, written.queue, written.retry_count) == (None, NOW, "other", 2)


@pytest.mark.parametrize("seconds", [1e12, 1e300, float("inf")])
def test_a_lifetime_longer_than_the_calendar_is_none(seconds: float) -> None:
    options = TaskOptions(result_ttl=seconds, abort_ttl=seconds, default_ttl=seconds)
    for status in (Status.SUCCESS, Status.ABORT, Status.FAILED):
        assert change_for(JOB, Outcome(status), options, NOW, WORKER).expires == NEVER
    back = change_for(JOB, Outcome(Status.RETRY, delay=seconds), OPTIONS, NOW, WORKER)
    assert back.dateretry == NEVER
    assert (back.expires or NOW) >= NEVER
    soon = change_for(JOB, Outcome(Status.RETRY, delay=-seconds), OPTIONS, NOW, WORKER)
    assert soon.dateretry == NOW


def test_ends_of_bursts_that_come_before_its_own_are_counted() -> None:
    assert change(Outcome(Status.INTERRUPT, delay=1)).overruns is None
    assert change(Outcome(Status.INTERRUPT, delay=1, overran=True), replace(JOB, overruns=1)).overruns == 2


def test_a_job_that_is_handed_back_keeps_its_place() -> None:
    assert change(Outcome(Status.QUEUED, at_front=True)).datequeued is None


# ---- losses


def loss(job: ClaimedJob = JOB, *, was_running: bool = True, max_losses: int = 3):  # type: ignore[no-untyped-def]
    return loss_of(job, was_running=was_running, max_losses=max_losses, ttl=500, now=NOW, worker=WORKER)


def test_a_job_that_was_not_running_loses_nothing() -> None:
    written = loss(replace(JOB, losses=9, losses_alone=9, alone=True), was_running=False)
    assert (written.status, written.losses, written.losses_alone) == (Status.QUEUED, None, None)
    assert (written.expires, written.datequeued) == (None, None)


def test_a_job_that_was_running_goes_back_to_its_place_with_one_loss_more() -> None:
    written = loss(replace(JOB, losses=1))
    assert (written.status, written.losses, written.losses_alone) == (Status.QUEUED, 2, 0)
    assert (written.datequeued, written.failure) == (None, None)


def test_losses_in_company_prove_nothing() -> None:
    assert loss(replace(JOB, losses=50)).status is Status.QUEUED


def test_only_losses_while_alone_count_as_such() -> None:
    assert loss(replace(JOB, losses=2, losses_alone=1, alone=True)).losses_alone == 2
    assert loss(replace(JOB, losses=2, losses_alone=1, alone=False)).losses_alone == 1


def test_after_the_last_allowed_loss_alone_it_ends_as_worker_lost() -> None:
    written = loss(replace(JOB, losses=4, losses_alone=2, alone=True))
    assert (written.status, written.losses, written.losses_alone) == (Status.FAILED, 5, 3)
    assert written.expires == after(QUEUED, 500)
    assert written.failure is not None
    assert written.failure.exceptiontype == "WorkerLost"
    assert "5 times" in written.failure.traceback
    assert "3 of them while it ran alone" in written.failure.traceback
    assert (written.totaltime, written.worker) == (3600.0, WORKER)


@pytest.mark.parametrize(("losses", "alone"), [(0, False), (1, False), (2, True), (7, True)])
def test_after_its_second_loss_a_job_runs_alone(losses: int, alone: bool) -> None:
    assert must_run_alone(replace(JOB, losses=losses)) is alone
