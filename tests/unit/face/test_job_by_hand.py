"""mrq.job.Job as MRQ 0.9's worker used it: jobs that are started, run and ended by hand."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mrq import job as face
from mrq.domain.status import Status
from mrq.engine.rescue import Rescuer
from mrq.engine.threads import ThreadRuntime
from mrq.exceptions import AbortInterrupt, InvalidQueueError, MrqError, RetryInterrupt
from mrq.job import Job, queue_job
from mrq.testing import run_jobs
from support.waiting import wait_until
from unit.face import sampletasks

if TYPE_CHECKING:
    from mrq.app import App

HERE = "unit.face.sampletasks"
ADD, FAIL, WHOAMI, FINDS = (f"{HERE}.{name}" for name in ("add", "fail", "whoami", "FindsItself"))

pytestmark = pytest.mark.usefixtures("memory_app")


def document(job: Any) -> dict[str, Any]:
    return Job(job).fetch().data or {}


# ---- what a job knows


def test_before_it_has_data_a_job_knows_nothing_of_its_task() -> None:
    job = Job(queue_job(ADD, {}), queue="q")
    assert (job.timeout, job.result_ttl, job.abort_ttl, job.cancel_ttl, job.max_retries, job.retry_delay) == (
        (None,) * 6
    )  # fmt: skip
    assert (job.progress, job.stored, job.statuses_no_storage, job.data, job.queue) == (0, None, None, None, "q")
    assert (job.datestarted, job.worker, job.task, job.collection, job.saved) == (None, None, None, None, True)
    assert (job.greenlet_switches, job.greenlet_time) == (0, 0)


def test_its_durations_are_those_of_its_task(memory_app: App) -> None:
    memory_app.settings.tasks[ADD] = {"timeout": 7, "max_retries": 1, "result_ttl": 5}
    job = Job(queue_job(ADD, {})).fetch()
    assert (job.timeout, job.result_ttl, job.abort_ttl, job.cancel_ttl) == (7, 5, 86400, 86400)
    assert (job.max_retries, job.retry_delay, job.default_ttl) == (1, 3, 180 * 86400)
    assert job.get_task_config() == {"timeout": 7, "max_retries": 1, "result_ttl": 5}
    assert job.redis_max_concurrency_key == f"mrq:c:{ADD}"
    assert Job(queue_job(FAIL, {})).fetch().get_task_config() == {}


def test_a_job_inside_its_task_has_its_document() -> None:
    job = queue_job(f"{HERE}.document_of_its_job", {}, queue="q")
    run_jobs("q")
    read = document(job)
    assert read["result"] == {
        "_id": job, "path": f"{HERE}.document_of_its_job", "params": {}, "queue": "q", "status": "started",
        "retry_count": 0, "datequeued": read["datequeued"], "datestarted": read["datestarted"],
    }  # fmt: skip


def test_the_names_of_statuses_are_grouped_as_in_0_9() -> None:
    assert {"cancel", "queued", "started"} == face.TRANSIENT_STATUSES
    assert {
        "timeout", "abort", "failed", "success", "interrupt", "retry", "maxretries", "maxconcurrency",
    } == face.FINAL_STATUSES  # fmt: skip
    face.set_queues_size({"q": 3}, action="decr")


# ---- starting and running


def test_a_job_is_started_run_and_ended_by_hand() -> None:
    job = Job(queue_job(ADD, {"a": 1}), start=True)
    assert (job.data or {})["status"] == "started"
    assert job.datestarted is not None
    assert job.stored is True
    run_jobs()  # it is nobody else's now
    assert document(job.id)["status"] == "started"
    assert job.perform() == 2
    ended = document(job.id)
    assert (ended["status"], ended["result"], job.task.is_main_task) == ("success", 2, True)
    assert (job.data or {})["status"] == "success"


def test_a_job_that_runs_already_or_is_not_to_run_is_not_started() -> None:
    job_id = queue_job(ADD, {"a": 1})
    first = Job(job_id, start=True)
    assert Job(job_id).fetch(start=True).data is None
    assert Job(job_id, start=True).perform() is None
    assert first.perform() == 2
    cancelled = queue_job(ADD, {"a": 1})
    Job(cancelled).cancel()
    assert Job(cancelled, start=True).data is None
    assert Job("0" * 24, start=True).data is None


def test_a_job_that_was_started_by_hand_and_left_is_rescued(memory_app: App) -> None:
    memory_app.settings.tasks[ADD] = {"timeout": 1}
    job = Job(queue_job(ADD, {"a": 1}), start=True)
    worker = memory_app.workers.fetch(document(job.id)["worker"])
    assert worker is not None
    assert job.datestarted is not None
    assert timedelta(seconds=59) < worker["deadline"] - job.datestarted < timedelta(seconds=61)
    rescuer = Rescuer(memory_app.jobs, memory_app.workers, memory_app.clock, 1.0, 3, 60.0)
    me = memory_app.jobs.new_id()
    for seconds, rescued in ((59, 0), (70, 1)):
        rescuer.beaten(memory_app.clock.monotonic())
        assert rescuer.round(me, job.datestarted + timedelta(seconds=seconds)) == rescued
    assert document(job.id)["status"] == "queued"
    assert job.save_success(1) is False


def test_the_worker_of_a_job_that_was_ended_by_hand_is_gone(memory_app: App) -> None:
    job = Job(queue_job(ADD, {"a": 1}), start=True)
    job.perform()
    worker = memory_app.workers.fetch(document(job.id)["worker"])
    assert worker is not None
    assert worker["status"] == "stop"


def test_its_task_finds_the_job() -> None:
    job = Job(queue_job(WHOAMI, {}), start=True)
    assert job.perform() == str(job.id)


def test_a_task_finds_itself_and_the_job_that_performs_it() -> None:
    sampletasks.JOBS.clear()
    started = Job(queue_job(FINDS, {}), start=True)
    seen = Job(Job(queue_job(FINDS, {}), start=True).id, fetch=True)
    nameless = Job(None)
    nameless.set_data({"path": FINDS, "params": {}})
    jobs = [started, seen, nameless]
    assert [job.perform() for job in jobs] == [[True, True]] * 3
    assert all(found is job for found, job in zip(sampletasks.JOBS, jobs, strict=True))
    assert all(type(job.task) is sampletasks.FindsItself for job in jobs)


def test_a_task_finds_itself_in_a_worker() -> None:
    job = queue_job(FINDS, {})
    run_jobs()
    assert document(job)["result"] == [True, True]


def test_data_show_how_the_run_ended() -> None:
    job = Job(queue_job(ADD, {"a": 1}), start=True)
    job.set_progress(0.5)
    job.perform()
    assert job.data is not None
    assert (job.data["status"], job.data["result"], job.data["progress"]) == ("success", 2, 1)
    assert job.requeue(queue="other", retry_count=3)
    assert (job.data["status"], job.data["queue"], job.data["retry_count"]) == ("queued", "other", 3)
    assert job.cancel()
    assert job.data["status"] == document(job.id)["status"] == "cancel"
    assert job.data["dateexpires"] == document(job.id)["dateexpires"]


def test_data_show_what_was_raised_once_it_is_saved() -> None:
    job = Job(queue_job(FAIL, {"text": "oh"}), start=True)
    try:
        job.perform()
    except ValueError:
        assert (job.data or {})["status"] == "started"
        job._save_status("failed", exception=True)
    assert job.data is not None
    ended = document(job.id)
    for name in ("status", "exceptiontype", "traceback"):
        assert job.data[name] == ended[name], name
    assert "result" not in job.data


def test_data_show_a_retry() -> None:
    job = Job(queue_job(f"{HERE}.retry", {"delay": 60}), start=True)
    with pytest.raises(RetryInterrupt) as caught:
        job.perform()
    job.save_retry(caught.value)
    assert job.data is not None
    assert (job.data["status"], job.data["retry_count"], job.data["queue"]) == ("retry", 1, "later")


def test_data_of_a_job_that_is_not_stored_show_its_end_too() -> None:
    (job,) = Job.insert(
        [{"path": ADD, "params": {"a": 1}, "status": "started"}], statuses_no_storage=("started", "success")
    )
    job.perform()
    assert (job.data["status"], job.data["result"], job.exists()) == ("success", 2, False)


def test_a_result_may_be_the_data_of_its_job() -> None:
    job = Job(queue_job(f"{HERE}.data_of_its_job", {}), start=True)
    result = job.perform()
    assert document(job.id)["result"] == result
    assert result["status"] == "started"
    assert (job.data or {})["result"] == result


def test_a_job_without_an_id_runs_and_is_not_stored(memory_app: App) -> None:
    job = Job(None)
    assert job.fetch() is job
    assert job.perform() is None
    job.set_data({"path": ADD, "params": {"a": 1}})
    assert job.perform() == 2
    job.save_success(3)
    job._save_status("cancel")
    assert memory_app.jobs.count_by_queue(Status.QUEUED) == {}


# ---- ending


def test_what_a_task_raises_is_raised_and_may_be_stored() -> None:
    job = Job(queue_job(FAIL, {"text": "oh"}), start=True)
    try:
        job.perform()
    except ValueError:
        assert job._save_status("failed", exception=True)
    ended = document(job.id)
    assert (ended["status"], ended["exceptiontype"]) == ("failed", "ValueError")
    assert "raise ValueError(text)" in ended["traceback"]
    assert [entry["exceptiontype"] for entry in ended["traceback_history"]] == ["ValueError"]
    assert ended["dateexpires"] == ended["datequeued"] + timedelta(days=180)


def test_a_run_is_ended_as_retry_at_once_or_later() -> None:
    for delay, status in ((60, "retry"), (0, "queued")):
        job = Job(queue_job(f"{HERE}.retry", {"delay": delay}), start=True)
        with pytest.raises(RetryInterrupt) as caught:
            job.perform()
        assert job.save_retry(caught.value)
        ended = document(job.id)
        assert (ended["status"], ended["queue"], ended["retry_count"]) == (status, "later", 1)
        assert ("dateretry" in ended) == (status == "retry")


def test_a_run_is_ended_as_abort() -> None:
    job = Job(queue_job(ADD, {}), start=True)
    try:
        raise AbortInterrupt
    except AbortInterrupt:
        assert job.save_abort()
    ended = document(job.id)
    assert (ended["status"], ended["exceptiontype"]) == ("abort", "AbortInterrupt")
    assert ended["dateexpires"] == ended["dateupdated"] + timedelta(days=1)


def test_how_long_a_job_is_kept_depends_on_its_end() -> None:
    for status, since, seconds in (
        ("success", "dateupdated", 7 * 86400), ("abort", "dateupdated", 86400), ("cancel", "dateupdated", 86400),
        ("failed", "datequeued", 180 * 86400), ("timeout", "datequeued", 180 * 86400),
        ("interrupt", "datequeued", 180 * 86400), ("maxretries", "datequeued", 180 * 86400),
        ("maxconcurrency", "datequeued", 180 * 86400),
    ):  # fmt: skip
        job = Job(queue_job(ADD, {}), start=True)
        assert "dateexpires" not in document(job.id)
        assert job._save_status(status)
        ended = document(job.id)
        assert ended["status"] == status
        assert ended["dateexpires"] == ended[since] + timedelta(seconds=seconds), status


def test_a_run_from_which_the_job_was_taken_writes_nothing() -> None:
    job = Job(queue_job(ADD, {"a": 1}), start=True)
    assert Job(job.id).cancel()
    assert job.save_success(1) is False
    assert document(job.id)["status"] == "cancel"
    assert "result" not in document(job.id)


def test_a_job_that_does_not_run_cannot_be_ended() -> None:
    job = Job(queue_job(ADD, {})).fetch()
    assert job.save_success(1) is False
    assert job._save_status("timeout") is False
    assert job.save_retry(RetryInterrupt()) is False
    assert document(job.id)["status"] == "queued"


def test_a_job_that_somebody_else_runs_is_ended_under_the_claim_that_is_seen() -> None:
    held = Job(queue_job(ADD, {}), start=True)
    assert Job(held.id)._save_status("timeout", {"exceptiontype": "TimeoutInterrupt", "traceback": "here"})
    ended = document(held.id)
    assert (ended["status"], ended["exceptiontype"], ended["traceback"]) == ("timeout", "TimeoutInterrupt", "here")
    assert held.save_success(1) is False


def test_a_result_that_cannot_be_stored_is_told() -> None:
    job = Job(queue_job(ADD, {}), start=True)
    with pytest.raises(MrqError, match="can't be stored"):
        job.save_success(object())
    assert document(job.id)["status"] == "started"
    assert job.save_success("fine")


def test_a_job_is_moved_by_its_status() -> None:
    job = Job(queue_job(ADD, {}))
    assert job._save_status("started")
    assert document(job.id)["status"] == "started"
    assert job._save_status("queued", {"queue": "other", "retry_count": 2})
    moved = document(job.id)
    assert (moved["status"], moved["queue"], moved["retry_count"]) == ("queued", "other", 2)
    assert not Job("0" * 24)._save_status("queued")


# ---- inserting


def test_jobs_are_inserted_as_documents() -> None:
    jobs = Job.insert([{"path": ADD, "params": {"a": n}} for n in range(3)], queue="q")
    assert [document(job.id)["params"]["a"] for job in jobs] == [0, 1, 2]
    assert {job.queue for job in jobs} == {"q"}
    assert [job.stored for job in jobs] == [True] * 3
    ids = Job.insert([{"path": ADD, "params": {}, "queue": "p", "status": "queued"}], return_jobs=False)
    assert (document(ids[0])["queue"], document(ids[0])["status"]) == ("p", "queued")
    assert Job.insert([]) == []
    with pytest.raises(InvalidQueueError):
        Job.insert([{"path": ADD}], queue="q_raw")


def test_started_jobs_are_inserted_and_run_here() -> None:
    (job,) = Job.insert([{"path": ADD, "params": {"a": 1}, "status": "started"}])
    run_jobs()
    assert document(job.id)["status"] == "started"
    assert job.perform() == 2
    assert document(job.id)["status"] == "success"


def test_jobs_that_are_not_stored_are_stored_when_they_fail() -> None:
    data = [{"path": ADD, "params": {"a": n}, "status": "started"} for n in range(2)]
    fine, bad = Job.insert(data, statuses_no_storage=("started", "success"))
    assert (fine.stored, fine.exists()) == (False, False)
    assert fine.perform() == 1
    assert not fine.exists()
    assert bad._save_status("failed", {"exceptiontype": "X", "traceback": "t"})
    assert (document(bad.id)["status"], document(bad.id)["params"]) == ("failed", {"a": 1})
    assert bad.stored is True


# ---- progress


def test_progress_is_stored_at_once_or_with_the_next_save() -> None:
    job = Job(queue_job(ADD, {"a": 1}), start=True)
    job.set_progress(0.25)
    assert (job.saved, job.progress, "progress" in document(job.id)) == (False, 0.25, False)
    job.save()
    assert (job.saved, document(job.id)["progress"]) == (True, 0.25)
    job.set_progress(0.5, save=True)
    assert document(job.id)["progress"] == 0.5
    job.perform()
    assert document(job.id)["progress"] == 1
    seen = Job(queue_job(ADD, {}), start=True)
    other = Job(seen.id).fetch()
    other.set_progress(0.125, save=True)
    assert document(seen.id)["progress"] == 0.125


# ---- the place in the queue


def test_requeueing_a_job_that_still_waits_moves_it_behind_the_others(memory_app: App) -> None:
    jobs = [queue_job(ADD, {}) for _ in range(3)]
    placed = document(jobs[2])["datequeued"]
    wait_until(lambda: memory_app.clock.now() > placed, what="a millisecond has passed")
    assert Job(jobs[0]).requeue()
    assert memory_app.jobs.list_ids("default", Status.QUEUED, 0, 10)[-1] == jobs[0]


def test_a_job_is_not_requeued_where_no_job_can_be() -> None:
    job = queue_job(ADD, {})
    for queue in ("q_raw", "q/"):
        with pytest.raises(InvalidQueueError):
            Job(job).requeue(queue=queue)


# ---- killing


@pytest.mark.parametrize(
    ("reason", "status", "exception"),
    [("timeout", "timeout", "TimeoutInterrupt"), ("test", "interrupt", "JobInterrupt")],
)
def test_a_job_that_runs_here_is_killed(memory_app: App, reason: str, status: str, exception: str) -> None:
    job = queue_job(f"{HERE}.sleepy", {})
    worker = memory_app.worker(ThreadRuntime())
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        wait_until(sampletasks.SLEEPING.is_set, what="the job runs")
        assert Job(job).kill(block=True, reason=reason)
        wait_until(lambda: document(job)["status"] != "started", what="the end is written")
        assert not Job(job).kill()
    finally:
        sampletasks.SLEEPING.clear()
        worker.stop.finish("the test is over")
        thread.join(20)
    ended = document(job)
    assert (ended["status"], ended["exceptiontype"]) == (status, exception)
    assert f"Job killed: {reason}" in ended["traceback"]
    assert "in sleepy" in ended["traceback"]  # which may be in the line before its sleep
    assert "dateretry" not in ended


def test_a_job_that_does_not_run_here_is_not_killed() -> None:
    assert Job(queue_job(ADD, {})).kill() is False
    assert Job(None).kill() is False


# ---- deprecated ways to queue


def test_deprecated_ways_to_queue() -> None:
    assert document(face.send_task(ADD, {"a": 1}, queue="q"))["queue"] == "q"
    assert [document(job)["params"] for job in face.send_tasks(ADD, [{"a": 1}, {"a": 2}])] == [{"a": 1}, {"a": 2}]
    assert face.send_tasks(ADD, [{"a": 1}, {"a": 2}], sync=True) == [2, 3]
