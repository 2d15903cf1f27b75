"""mrq.job.jobs_matching: many jobs counted, cancelled and requeued."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mrq.domain.jobfilter import DateRange
from mrq.domain.status import Status
from mrq.exceptions import InvalidJobIdError, InvalidParamsError, InvalidQueueError
from mrq.job import BulkResult, Job, jobs_matching, queue_job, queue_jobs

if TYPE_CHECKING:
    from mrq.app import App

T, U = "tasks.T", "tasks.U"

pytestmark = pytest.mark.usefixtures("memory_app")


def in_status(app: App, status: Status, path: str = T, **fields: Any) -> Any:
    job = queue_job(path, {})
    app.jobs._documents[job].update(status=status.value, **fields)  # type: ignore[attr-defined]
    return job


def document(job: Any) -> dict[str, Any]:
    return Job(job).fetch().data or {}


def statuses(*jobs: Any) -> list[str]:
    return [document(job)["status"] for job in jobs]


def test_jobs_are_counted_by_all_that_is_given(memory_app: App) -> None:
    queue_jobs(T, [{"a": n % 3} for n in range(9)], queue="main/x")
    queue_jobs(U, [{"a": 0}], queue="other")
    in_status(memory_app, Status.FAILED, exceptiontype="KeyError", worker=memory_app.jobs.new_id())
    for many, about in (
        (11, {"everything": True}),
        (10, {"path": T}), (11, {"path": [T, U]}), (9, {"queue": "main/"}), (1, {"queue": ["other", "no"]}),
        (4, {"params": {"a": 0}}), (3, {"params": {"a": 0}, "queue": "main/x"}), (1, {"status": "failed"}),
        (10, {"status": {Status.QUEUED}}), (1, {"exceptiontype": ("KeyError",)}), (0, {"worker": "0" * 24}),
        (0, {"ids": []}), (0, {"dateretry": datetime(2026, 1, 1)}),
    ):  # fmt: skip
        assert jobs_matching(**about).count() == many, about  # type: ignore[arg-type]


def test_values_that_cannot_be_looked_for_are_refused() -> None:
    for about in (
        {"status": "finished"}, {"path": 7}, {"queue": {"$ne": "q"}}, {"dateretry": "today"},
        {"dateretry": {"$ne": datetime(2026, 1, 1)}}, {"dateretry": {}}, {"everything": True, "queue": "q"},
        {"params": '{"a": 1}'}, {"params": ["a"]},
    ):  # fmt: skip
        with pytest.raises(InvalidParamsError):
            jobs_matching(**about)  # type: ignore[arg-type]
    with pytest.raises(InvalidJobIdError):
        jobs_matching(ids="nonsense")


def test_a_queue_that_can_t_be_is_refused() -> None:
    with pytest.raises(InvalidQueueError):
        jobs_matching(queue="")


@pytest.mark.parametrize("about", [{}, {"params": {}}, {"queue": None, "path": None}])
def test_that_all_jobs_are_meant_has_to_be_said(about: dict[str, Any]) -> None:
    queue_job(T, {})
    with pytest.raises(InvalidParamsError, match="if you mean it, say everything=True"):
        jobs_matching(**about)
    assert jobs_matching(**about, everything=True).count() == 1
    assert jobs_matching(ids=[]).count() == 0


def test_a_range_of_dates() -> None:
    noon, tick = datetime(2026, 1, 1, 12), timedelta(milliseconds=1)
    for given, meant in (
        (noon, DateRange(noon, noon)), ({"$lte": noon}, DateRange(None, noon)),
        ({"$lt": noon}, DateRange(None, noon - tick)),
        ({"$gt": noon}, DateRange(noon + tick, None)), ({"$gte": noon, "$lt": noon + tick}, DateRange(noon, noon)),
        (DateRange(noon), DateRange(noon)),
    ):  # fmt: skip
        assert jobs_matching(dateretry=given)._which.dateretry == (meant,)


def test_jobs_are_cancelled_and_kept_as_their_tasks_say(memory_app: App) -> None:
    memory_app.settings.tasks[U] = {"cancel_ttl": 5}
    first, second = queue_job(T, {}), queue_job(U, {})
    other = queue_job(T, {}, queue="other")
    assert jobs_matching(queue="default").cancel() == BulkResult(2, 2, second)
    assert statuses(first, second, other) == ["cancel", "cancel", "queued"]
    for job, ttl in ((first, 86400), (second, 5)):
        assert document(job)["dateexpires"] == document(job)["dateupdated"] + timedelta(seconds=ttl)


def test_without_a_status_cancel_takes_what_waits_runs_or_returns(memory_app: App) -> None:
    jobs = {status: in_status(memory_app, status) for status in Status}
    taken = {Status.QUEUED, Status.STARTED, Status.RETRY, Status.INTERRUPT}
    assert jobs_matching(everything=True).cancel().moved == len(taken)
    assert {status for status in Status if statuses(jobs[status]) == ["cancel"]} == taken | {Status.CANCEL}
    assert jobs_matching(status=Status.FAILED).cancel().moved == 1


def test_without_a_status_requeue_takes_what_has_ended(memory_app: App) -> None:
    worker = memory_app.jobs.new_id()
    jobs = {status: in_status(memory_app, status, retry_count=2, worker=worker) for status in Status}
    assert jobs_matching(everything=True).requeue().moved == len(Status) - 2
    assert statuses(jobs[Status.STARTED]) == ["started"]
    assert document(jobs[Status.FAILED])["retry_count"] == 0
    assert jobs_matching(status="started").requeue(keep_retries=True).moved == 1
    assert document(jobs[Status.STARTED])["retry_count"] == 2


def test_jobs_are_requeued_elsewhere(memory_app: App) -> None:
    job = in_status(memory_app, Status.FAILED)
    jobs_matching(status="failed").requeue("other_reverse")
    assert document(job)["queue"] == "other"
    for queue in ("q_raw", "q/"):
        with pytest.raises(InvalidQueueError):
            jobs_matching(everything=True).requeue(queue)


def test_a_dry_run_only_counts(memory_app: App) -> None:
    jobs = [in_status(memory_app, status) for status in Status]
    before = [document(job) for job in jobs]
    assert jobs_matching(everything=True).cancel(dry_run=True) == BulkResult(found=4)
    assert jobs_matching(everything=True).requeue(dry_run=True) == BulkResult(found=9)
    assert [document(job) for job in jobs] == before


def test_batches_are_bounded_and_their_progress_is_told() -> None:
    jobs = queue_jobs(T, [{}] * 25)
    seen: list[BulkResult] = []
    result = jobs_matching(path=T).cancel(batch_size=10, progress=seen.append)
    assert seen == [BulkResult(10, 10, jobs[9]), BulkResult(20, 20, jobs[19]), BulkResult(25, 25, jobs[24])]
    assert result == seen[-1]
    assert jobs_matching(path="none").cancel(progress=seen.append) == BulkResult()
    assert len(seen) == 3


def test_what_was_cut_off_is_gone_on_with() -> None:
    jobs = queue_jobs(T, [{}] * 25)
    last: Any = None

    def stop(result: BulkResult) -> None:
        nonlocal last
        last = result.last
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        jobs_matching(path=T).cancel(batch_size=10, progress=stop)
    assert last == jobs[9]
    Job(jobs[3]).requeue()  # it is not looked at again
    assert jobs_matching(path=T).cancel(batch_size=10, start_after=str(last)).moved == 15
    assert statuses(jobs[3], jobs[9], jobs[10]) == ["queued", "cancel", "cancel"]


def test_a_job_that_is_requeued_is_not_met_again(memory_app: App) -> None:
    jobs = [in_status(memory_app, Status.FAILED) for _ in range(5)]

    def fail_again(_: BulkResult) -> None:
        for job in jobs:
            memory_app.jobs._documents[job]["status"] = "failed"  # type: ignore[attr-defined]

    assert jobs_matching(status="failed").requeue(batch_size=2, progress=fail_again).moved == 5
