"""mrq.job, mrq.queue and mrq.context: what producers and tasks call."""

from __future__ import annotations

from typing import Any

import pytest

from mrq import context
from mrq.app import App, get_app, use_app
from mrq.domain.queuename import QueueType
from mrq.domain.status import Status
from mrq.exceptions import (
    AbortInterrupt,
    InvalidJobIdError,
    InvalidParamsError,
    InvalidQueueError,
    JobNotFoundError,
    MaxRetriesInterrupt,
    RetryInterrupt,
    UnknownTaskError,
    WaitTimeoutError,
)
from mrq.job import Job, get_job_result, queue_job, queue_jobs
from mrq.queue import Queue
from mrq.testing import run_jobs
from unit.face import sampletasks

HERE = "unit.face.sampletasks"
ADD, OLD = f"{HERE}.add", f"{HERE}.Old"

pytestmark = pytest.mark.usefixtures("memory_app")


def ids(many: int = 3, queue: str | None = None) -> list[Any]:
    return queue_jobs(ADD, [{"a": n} for n in range(many)], queue=queue)


def test_jobs_are_queued_and_their_results_asked_for() -> None:
    job = queue_job(ADD, {"a": 41})
    assert get_job_result(job) == {"status": "queued"}
    run_jobs()
    assert get_job_result(job) == {"status": "success", "result": 42}
    assert get_job_result(str(job)) == get_job_result(job)


def test_many_jobs_are_queued_in_order() -> None:
    jobs = queue_jobs(ADD, [{"a": n} for n in range(25)], queue="q", batch_size=10)
    assert [Job(job, fetch=True).data["params"]["a"] for job in jobs] == list(range(25))  # type: ignore[index]
    assert Queue("q").size() == 25


def test_bad_jobs_queue_nothing() -> None:
    with pytest.raises(InvalidParamsError):
        queue_jobs(ADD, [{"a": 1}, {"a": object()}])
    with pytest.raises(InvalidQueueError):
        queue_job(ADD, {}, queue="q_raw")
    assert Queue.all() == {}


def test_the_result_of_a_job_that_is_not_there() -> None:
    with pytest.raises(JobNotFoundError, match="there is no job"):
        get_job_result("0" * 24)


@pytest.mark.parametrize("value", ["", "nonsense", 7, b"x"])
def test_what_is_no_id_is_refused(value: Any) -> None:
    with pytest.raises(InvalidJobIdError):
        Job(value)
    with pytest.raises(InvalidJobIdError):
        get_job_result(value)


# ---- Job


def test_a_job_is_fetched_whole_or_in_part() -> None:
    (job_id,) = ids(1, "q")
    job = Job(job_id)
    assert job.data is None
    assert job.fetch() is job
    assert set(job.data or ()) == {"_id", "path", "params", "queue", "datequeued", "status"}
    assert job.queue == "q"
    assert set(job.fetch(full_data=False).data or ()) == {"_id", "path", "params", "status"}
    assert job.fetch(full_data={"queue": 1, "path": 0}).data == {"_id": job_id, "queue": "q"}
    assert Job(str(job_id), fetch=True).data == Job(job_id).fetch().data


def test_a_job_that_is_not_there() -> None:
    job = Job("0" * 24)
    assert not job.exists()
    assert job.fetch().data is None
    assert Job(ids(1)[0]).exists()
    assert not job.cancel()
    assert not job.requeue()


def test_waiting_for_a_job() -> None:
    (job_id,) = ids(1)
    with pytest.raises(WaitTimeoutError):
        Job(job_id).wait(timeout=0.01)
    run_jobs()
    assert Job(job_id).wait(timeout=0) == {"status": "success", "result": 1}
    assert Job(job_id).wait(timeout=0, full_data=True)["path"] == ADD
    with pytest.raises(JobNotFoundError):
        Job("0" * 24).wait(timeout=0)


def test_a_cancelled_job_does_not_run() -> None:
    (job_id,) = ids(1)
    assert Job(job_id).cancel()
    run_jobs()
    assert get_job_result(job_id) == {"status": "cancel"}


def test_a_requeued_job_runs_again() -> None:
    (job_id,) = ids(1)
    run_jobs()
    assert Job(job_id).requeue(queue="again", retry_count=2)
    document = Job(job_id, fetch=True).data or {}
    assert (document["status"], document["queue"], document["retry_count"]) == ("queued", "again", 2)
    run_jobs("again")
    assert get_job_result(job_id)["status"] == "success"


# ---- Queue


def test_a_queue_knows_what_waits_in_it() -> None:
    first, second, third = ids(3, "main/x")
    ids(2, "main/y")
    queue = Queue("main/x")
    assert (queue.id, queue.root_id, queue.is_subqueue, queue.is_reverse) == ("main/x", "main", True, False)
    assert queue.size() == queue.count_jobs_to_dequeue() == 3
    assert queue.list_job_ids() == [str(first), str(second), str(third)]
    assert queue.list_job_ids(skip=1, limit=1) == [str(second)]
    assert Queue("main").get_known_subqueues() == {"main/x", "main/y"}
    assert Queue("main/").size() == 5
    assert Queue.all() == {"main/x": 3, "main/y": 2}
    assert queue.empty() == 3
    assert queue.size() == 0


def test_a_queue_made_from_a_queue() -> None:
    queue = Queue(Queue("main_reverse"))
    assert (queue.id, queue.is_reverse, repr(queue)) == ("main", True, "<Queue main>")


def test_kinds_of_queues() -> None:
    assert Queue.get_queue_type("q_timed_set") is QueueType.TIMED_SET
    assert Queue("q_raw").is_raw
    with pytest.raises(InvalidQueueError):
        Queue("")


# ---- inside a task


def test_a_task_finds_its_job() -> None:
    job = sampletasks.whoami.queue()
    run_jobs()
    assert job.result(timeout=0) == str(job.id)


def test_outside_of_a_job_there_is_none() -> None:
    assert context.get_current_job() is None
    assert context.get_current_worker() is None
    context.retry_current_job()
    context.abort_current_job()
    context.set_current_job_progress(0.5)


def test_a_task_is_run_here_and_now() -> None:
    assert context.run_task(ADD, {"a": 1}) == 2
    assert context.run_task(OLD, {}) is False
    with pytest.raises(UnknownTaskError):
        context.run_task("no.Such", {})


def test_only_the_workers_own_instance_is_the_main_task() -> None:
    job = queue_job(OLD, {"nested": 1})
    run_jobs()
    assert get_job_result(job)["result"] == [True, False]


def test_a_retry_from_inside_goes_to_its_queue_later() -> None:
    job = sampletasks.retry.queue(delay=60)
    run_jobs()
    document = Job(job.id, fetch=True).data or {}
    assert (document["status"], document["queue"], document["retry_count"]) == ("retry", "later", 1)
    assert document["exceptiontype"] == "RetryInterrupt"


def test_a_retry_without_a_delay_is_queued_at_once() -> None:
    job = sampletasks.retry.queue(delay=0)
    run_jobs()
    assert job.status() is Status.QUEUED
    assert Queue("later").size() == 1
    for _ in range(4):
        run_jobs("later")
    assert job.status() is Status.MAXRETRIES
    assert (Job(job.id, fetch=True).data or {})["retry_count"] == 3


def running(memory_app: App, **about: Any) -> Job:
    from mrq.domain.job import ClaimedJob
    from mrq.domain.options import TaskOptions
    from mrq.engine.run import Run

    now = memory_app.clock.now()
    claimed = ClaimedJob(memory_app.jobs.new_id(), None, ADD, {"a": 1}, "q", now, now, **about)
    return Job.of_run(Run(claimed, TaskOptions(max_retries=2, retry_delay=7)))


def test_a_running_job_retries_until_it_may_not(memory_app: App) -> None:
    with pytest.raises(RetryInterrupt) as again:
        running(memory_app, retry_count=1).retry()
    assert (again.value.delay, again.value.retry_count, again.value.queue) == (7, 2, None)
    with pytest.raises(MaxRetriesInterrupt, match="retried 2 times"):
        running(memory_app, retry_count=2).retry()
    with pytest.raises(MaxRetriesInterrupt):
        running(memory_app).retry(max_retries=0)
    with pytest.raises(RetryInterrupt):
        running(memory_app, retry_count=2).retry(max_retries=3)


@pytest.mark.parametrize("queue", ["later_raw", "later_set", "later/", 5])
def test_a_retry_to_where_nobody_would_find_the_job_is_refused(memory_app: App, queue: Any) -> None:
    with pytest.raises(InvalidQueueError):
        running(memory_app).retry(queue=queue)


@pytest.mark.parametrize("queue", ["later_raw", "later/", 5])
def test_a_requeue_to_where_nobody_would_find_the_job_is_refused(queue: Any) -> None:
    job_id = queue_job(ADD, {"a": 1})
    with pytest.raises(InvalidQueueError):
        Job(job_id).requeue(queue=queue)
    assert Queue("default").count_jobs_to_dequeue() == 1


def test_a_reverse_queue_is_the_same_place_for_a_job_that_comes_back(memory_app: App) -> None:
    with pytest.raises(RetryInterrupt) as again:
        running(memory_app).retry(queue="later_reverse")
    assert again.value.queue == "later"
    job_id = queue_job(ADD, {"a": 1})
    assert Job(job_id).requeue(queue="later_reverse")
    assert Queue("later").count_jobs_to_dequeue() == 1


def test_a_delay_must_be_a_number(memory_app: App) -> None:
    with pytest.raises(RetryInterrupt) as again:
        running(memory_app).retry(delay="5")  # type: ignore[arg-type]
    assert again.value.delay == 5.0
    for bad in ("soon", float("nan"), object()):
        with pytest.raises((TypeError, ValueError)):
            running(memory_app).retry(delay=bad)  # type: ignore[arg-type]


def test_what_was_being_handled_is_kept_with_an_interrupt(memory_app: App) -> None:
    for action, kind in ((Job.retry, RetryInterrupt), (Job.abort, AbortInterrupt)):
        with pytest.raises(kind) as caught:
            try:
                raise KeyError("cause")
            except KeyError:
                action(running(memory_app))
        assert isinstance(caught.value.original_exception, KeyError)


def test_a_job_that_does_not_run_here_cannot_be_retried() -> None:
    with pytest.raises(RuntimeError, match="use get_current_job"):
        Job(ids(1)[0]).retry()


# ---- configuration


def test_the_configuration_is_shared(memory_app: App) -> None:
    assert context.get_current_config() is memory_app.config
    context.set_current_config({"redis_prefix": "mine"})
    assert get_app() is not memory_app
    assert get_app().settings.redis_prefix == "mine"


def test_the_worker_of_the_process_is_remembered(memory_app: App) -> None:
    from mrq.engine.threads import ThreadRuntime

    worker = memory_app.worker(ThreadRuntime())
    context.set_current_worker(worker)
    try:
        assert context.get_current_worker() is worker
    finally:
        context.set_current_worker(None)


def test_an_app_is_made_when_none_was_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MRQ_REDIS_PREFIX", "from_the_environment")
    use_app(None)
    assert get_app().settings.redis_prefix == "from_the_environment"
    assert get_app() is get_app()


# ---- slips of the pen


def test_a_job_needs_a_path() -> None:
    for path in ("", " ", None, 5):
        with pytest.raises(UnknownTaskError, match="names nothing; write it as module"):
            queue_job(path, {}, queue="default")  # type: ignore[arg-type]


def test_an_empty_name_is_no_queue() -> None:
    with pytest.raises(InvalidQueueError):
        queue_job(ADD, {"a": 1}, queue="")


@pytest.mark.parametrize("params", [{"a": 1}, "a", 5], ids=repr)
def test_the_params_of_many_jobs_are_a_list(params: Any) -> None:
    with pytest.raises(InvalidParamsError, match=f"a dict for each job, not {type(params).__name__}; for one job use"):
        queue_jobs(ADD, params)
    assert Queue("default").count_jobs_to_dequeue() == 0
