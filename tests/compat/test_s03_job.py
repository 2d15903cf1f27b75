"""Section 3: mrq.job."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from bson import ObjectId

from compat.kit import finished, in_status, in_task, token
from mrq.exceptions import MaxRetriesInterrupt, RetryInterrupt
from mrq.job import Job, get_job_result, queue_job, queue_jobs
from mrq.queue import Queue

if TYPE_CHECKING:
    from compat.kit import CompatWorker, Site

ECHO = "compat.tasks.Echo"


# ---- functions


def test_a_queued_job_is_this_document(site: Site, own: str) -> None:
    job_id = queue_job(ECHO, {"a": 1}, queue=own)
    assert isinstance(job_id, ObjectId)
    document = site.jobs.find_one({"_id": job_id})
    assert document.keys() == {"_id", "path", "params", "queue", "datequeued", "status"}
    assert (document["path"], document["params"], document["queue"]) == (ECHO, {"a": 1}, own)
    assert document["status"] == "queued"


def test_queue_jobs_gives_ids_in_the_order_of_the_params(site: Site, own: str) -> None:
    ids = queue_jobs(ECHO, [{"n": n} for n in range(25)], queue=own, batch_size=10)
    found = {document["_id"]: document["params"]["n"] for document in site.jobs.find({"queue": own})}
    assert [found[job_id] for job_id in ids] == list(range(25))


def test_nothing_to_queue() -> None:
    assert queue_jobs(ECHO, []) == []


def test_without_a_queue_it_is_that_of_the_task_or_default() -> None:
    assert Job(queue_job("compat.tasks.Configured", {}), fetch=True).queue == "case/configured"
    assert Job(queue_job("compat.tasks.Fail", {"message": "meant"}), fetch=True).queue == "default"


def test_regular_jobs_do_not_go_into_raw_queues(site: Site) -> None:
    with pytest.raises(Exception, match="compat_raw"):
        queue_job(ECHO, {}, queue="compat_raw")
    assert site.jobs.count_documents({"queue": "compat_raw"}) == 0


def test_get_job_result(worker: CompatWorker, queue: str, own: str) -> None:
    done = queue_job(ECHO, {"a": 1}, queue=queue)
    finished(done)
    assert get_job_result(done) == {"result": {"a": 1}, "status": "success"}
    assert get_job_result(queue_job(ECHO, {}, queue=own)) == {"status": "queued"}


# ---- Job: reading


@pytest.mark.parametrize("form", [lambda i: i, str, lambda i: str(i).encode()])
def test_a_job_by_its_id_in_any_form(own: str, form: Any) -> None:
    job_id = queue_job(ECHO, {}, queue=own)
    job = Job(form(job_id))
    assert job.id == job_id
    assert job.exists()
    assert job.data is None
    assert Job(None).id is None


def test_class_attributes_are_none_until_there_are_data() -> None:
    names = ("timeout", "result_ttl", "abort_ttl", "cancel_ttl", "max_retries", "retry_delay", "stored")
    assert [getattr(Job, name) for name in names] == [None] * len(names)
    assert Job.progress == 0


def test_fetch_whole_short_or_chosen(own: str) -> None:
    job_id = queue_job(ECHO, {"a": 1}, queue=own)
    job = Job(job_id)
    assert job.fetch() is job
    assert job.data is not None
    assert job.data["queue"] == own
    assert (Job(job_id).fetch(full_data=False).data or {}).keys() - {"_id"} <= {
        "path",
        "params",
        "status",
        "retry_count",
    }
    assert (Job(job_id).fetch(full_data={"params": 1}).data or {}).keys() - {"_id"} == {"params"}


def test_what_is_not_there() -> None:
    missing = Job(ObjectId())
    assert not missing.exists()
    assert missing.fetch().data is None


def test_options_of_the_task_come_with_the_data(client: dict[str, Any]) -> None:
    job = Job(queue_job("compat.tasks.Configured", {}, queue="nobody"), fetch=True)
    assert (job.timeout, job.result_ttl, job.abort_ttl, job.cancel_ttl) == (900, 100, 200, 300)
    assert (job.max_retries, job.retry_delay) == (1, 60)
    assert job.get_task_config() == client["tasks"]["compat.tasks.Configured"]
    other = Job(queue_job(ECHO, {}, queue="nobody"), fetch=True)
    assert (other.timeout, other.max_retries, other.retry_delay) == (3600, 3, 3)
    assert other.get_task_config() == {}


def test_set_data_alone(own: str) -> None:
    job = Job(None)
    job.set_data({"path": "compat.tasks.Configured", "params": {}})
    assert job.timeout == 900


def test_fetch_with_start_starts_it_once(site: Site, own: str) -> None:
    job_id = queue_job(ECHO, {}, queue=own)
    job = Job(job_id, start=True)
    assert job.data is not None
    document = site.jobs.find_one({"_id": job_id})
    assert document["status"] == "started"
    assert "datestarted" in document


def test_fetch_with_start_leaves_what_is_called_off(own: str) -> None:
    job_id = queue_job(ECHO, {}, queue=own)
    Job(job_id).cancel()
    assert Job(job_id).fetch(start=True).data is None
    assert in_status(job_id, "cancel")


# ---- Job: from outside


def test_wait_gives_status_and_result_or_the_whole_document(worker: CompatWorker, queue: str) -> None:
    job_id = queue_job(ECHO, {"a": 1}, queue=queue)
    assert Job(job_id).wait(poll_interval=0.01, timeout=20) == {"result": {"a": 1}, "status": "success"}
    assert Job(job_id).wait(full_data=True)["path"] == ECHO


def test_wait_gives_up(own: str) -> None:
    with pytest.raises(Exception, match="still queued"):
        Job(queue_job(ECHO, {}, queue=own)).wait(poll_interval=0.01, timeout=0.1)


def test_a_retry_ends_the_wait(worker: CompatWorker, queue: str) -> None:
    job_id = queue_job("compat.tasks.Again", {"delay": 60}, queue=queue)
    assert Job(job_id).wait(poll_interval=0.01, timeout=20) == {"status": "retry"}


def test_cancel_sets_a_status_and_interrupts_nothing(site: Site, worker: CompatWorker, queue: str) -> None:
    flag = token()
    job_id = queue_job("compat.tasks.WaitForFlag", {"flag": flag}, queue=queue)
    in_task(job_id)
    Job(job_id).cancel()
    assert in_status(job_id, "cancel").get("result") is None
    site.flag(flag)
    worker.wait_idle()
    assert in_status(job_id, "cancel").get("result") is None  # its end was not written


def test_requeue_goes_to_the_end_and_forgets_retries(site: Site, own: str) -> None:
    first, second = queue_jobs(ECHO, [{}, {}], queue=own)
    site.jobs.update_one({"_id": first}, {"$set": {"status": "maxretries", "retry_count": 4}})
    Job(first).requeue()
    document = in_status(first, "queued")
    assert document["retry_count"] == 0
    assert Queue(own).list_job_ids() == [str(second), str(first)]


def test_requeue_of_a_queued_job_moves_it_behind_the_others(own: str) -> None:
    first, second = queue_jobs(ECHO, [{}, {}], queue=own)
    Job(first).requeue()
    assert Queue(own).list_job_ids() == [str(second), str(first)]


def test_requeue_elsewhere_with_a_count(own: str) -> None:
    job_id = queue_job(ECHO, {}, queue=own)
    Job(job_id).requeue(queue=f"{own}-2", retry_count=2)
    document = in_status(job_id, "queued")
    assert (document["queue"], document["retry_count"]) == (f"{own}-2", 2)


def test_a_requeued_success_runs_again(site: Site, worker: CompatWorker, queue: str) -> None:
    word = token()
    job_id = queue_job("compat.tasks.Note", {"word": word}, queue=queue)
    finished(job_id)
    Job(job_id).requeue()
    finished(job_id)
    assert len(site.side_effects(word)) == 2


def test_insert_many_at_once(site: Site, own: str) -> None:
    data = [{"path": ECHO, "params": {"n": n}, "status": "queued", "queue": own} for n in range(2)]
    jobs = Job.insert(data, queue=own)
    assert [job.fetch().data["params"]["n"] for job in jobs] == [0, 1]
    ids = Job.insert([{"path": ECHO, "params": {}, "status": "queued", "queue": own}], queue=own, return_jobs=False)
    assert site.jobs.count_documents({"_id": {"$in": list(ids)}}) == 1


# ---- Job: from inside


def test_retry_says_when_where_and_how_often(own: str) -> None:
    job = Job(queue_job(ECHO, {}, queue=own), fetch=True)
    with pytest.raises(RetryInterrupt) as raised:
        job.retry(queue="elsewhere", delay=7)
    assert (raised.value.queue, raised.value.delay, raised.value.retry_count) == ("elsewhere", 7, 1)
    with pytest.raises(MaxRetriesInterrupt):
        job.retry(max_retries=0)


def test_the_limit_of_retries_is_the_tasks(worker: CompatWorker, queue: str) -> None:
    job_id = queue_job("compat.tasks.RetriedOnce", {"delay": 0}, queue=queue)
    document = in_status(job_id, "maxretries")
    assert document["retry_count"] == 1
    assert document["exceptiontype"] == "MaxRetriesInterrupt"


def test_a_job_without_an_id_is_performed_here_and_not_stored(site: Site) -> None:
    before = site.jobs.count_documents({})
    job = Job(None)
    job.set_data({"path": "compat.tasks.Wrapped", "params": {"value": 1}})
    assert job.perform() == {"wrapped": 1}
    assert site.jobs.count_documents({}) == before


def test_a_job_from_the_queue_is_performed_here(own: str) -> None:
    job_id = queue_job("compat.tasks.Wrapped", {"value": 2}, queue=own)
    (job,) = Queue(own).dequeue_jobs(max_jobs=1)
    assert job.perform() == {"wrapped": 2}
    document = finished(job_id)
    assert (document["status"], document["result"]) == ("success", {"wrapped": 2})


def test_ttls_of_the_task(worker: CompatWorker) -> None:
    document = finished(queue_job("compat.tasks.Configured", {}))
    assert document["dateexpires"] - document["dateupdated"] == timedelta(seconds=100)
