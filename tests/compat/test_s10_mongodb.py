"""Section 10: what stands in MongoDB."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from bson import ObjectId

from compat.kit import finished, in_status, in_task, token
from mrq.job import Job, queue_job
from support.waiting import wait_until

if TYPE_CHECKING:
    from compat.kit import CompatWorker, Site

DAY = timedelta(days=1)


def test_a_success(worker: CompatWorker, queue: str) -> None:
    document = finished(queue_job("compat.tasks.Echo", {"sleep": 0.3}, queue=queue))
    assert document["status"] == "success"
    assert document["result"] == {"sleep": 0.3}
    assert document["worker"] == worker.document["_id"]
    assert 0.3 <= document["totaltime"] < 10
    assert document["datequeued"] <= document["datestarted"] < document["dateupdated"]
    assert document["dateexpires"] - document["dateupdated"] == 7 * DAY
    assert isinstance(document["datestarted"], datetime)
    assert not {"traceback", "traceback_history", "retry_count", "progress"} & document.keys()


def test_no_result_is_stored_when_there_is_none(worker: CompatWorker, queue: str) -> None:
    document = finished(queue_job("compat.tasks.Note", {"word": token()}, queue=queue))
    assert "result" not in document


def test_a_failure(worker: CompatWorker, queue: str) -> None:
    document = finished(queue_job("compat.tasks.Fail", {"message": "of the message"}, queue=queue))
    assert (document["status"], document["exceptiontype"]) == ("failed", "ValueError")
    assert 'raise ValueError(params.get("message", ""))' in document["traceback"]
    assert "of the message" in document["traceback"]
    (entry,) = document["traceback_history"]
    assert entry["worker"] == document["worker"]
    assert {"date", "status", "exceptiontype", "traceback"} <= entry.keys()
    assert abs(document["dateexpires"] - document["datequeued"] - 180 * DAY) < timedelta(seconds=1)


def test_an_abort_is_kept_for_a_day(worker: CompatWorker, queue: str) -> None:
    document = finished(queue_job("compat.tasks.Abort", {}, queue=queue))
    assert (document["status"], document["exceptiontype"]) == ("abort", "AbortInterrupt")
    assert document["dateexpires"] - document["dateupdated"] == DAY


def test_a_retry(worker: CompatWorker, queue: str) -> None:
    document = finished(queue_job("compat.tasks.Again", {"delay": 3600}, queue=queue))
    assert (document["status"], document["retry_count"]) == ("retry", 1)
    assert timedelta(minutes=59) < document["dateretry"] - document["dateupdated"] < timedelta(minutes=61)
    assert document["queue"] == queue
    assert "result" not in document


def test_a_timeout(worker: CompatWorker, queue: str) -> None:
    document = finished(queue_job("compat.tasks.Impatient", {}, queue=queue))
    assert (document["status"], document["exceptiontype"]) == ("timeout", "TimeoutInterrupt")
    assert "sleep" in document["traceback"]


def test_a_failure_in_a_sub_pool_shows_the_inner_line(worker: CompatWorker, queue: str) -> None:
    for options in ({}, {"imap": True}):
        params = {"size": 2, "items": [1, "fail"], **options}
        document = finished(queue_job("compat.tasks.Pool", params, queue=queue))
        assert document["status"] == "failed"
        assert "the line of the inner failure" in document["traceback"]


def test_what_a_start_removes(site: Site, worker: CompatWorker, queue: str, own: str) -> None:
    job_id = queue_job("compat.tasks.Note", {"word": own}, queue=own)
    now = datetime(2026, 1, 1)
    site.jobs.update_one({"_id": job_id}, {"$set": {"dateexpires": now + 10000 * DAY, "dateretry": now}})
    site.jobs.update_one({"_id": job_id}, {"$set": {"queue": queue}})
    document = finished(job_id)
    assert document["dateexpires"] < now + 9000 * DAY
    assert "dateretry" not in document


def test_the_report_of_a_worker(site: Site, worker: CompatWorker, queue: str) -> None:
    flag = token()
    job_id = queue_job("compat.tasks.WaitForFlag", {"flag": flag}, queue=queue)
    in_task(job_id)

    def reported() -> Any:
        return next((job for job in worker.document.get("jobs", []) if job["id"] == str(job_id)), None)

    job = wait_until(reported)
    assert job["path"] == "compat.tasks.WaitForFlag"
    assert isinstance(job["datestarted"], datetime)
    document = worker.document
    assert isinstance(document["_id"], ObjectId)
    assert document["status"] in ("spawn", "wait", "full")
    assert {"done_jobs", "usage_avg", "datestarted", "datereported", "config", "process"} <= document.keys()
    assert {"max_jobs", "processes", "queues", "dequeue_strategy", "name", "greenlets"} <= document["config"].keys()
    assert document["process"]["pid"] in {process.pid for process in worker.processes()}
    assert 0 <= document["usage_avg"] <= 1
    site.flag(flag)


def test_the_last_report(site: Site, own: str) -> None:
    with site.worker(own) as worker:
        finished(queue_job("compat.tasks.Echo", {}, queue=own))
        worker.wait_idle()
        assert worker.stop() == 0
        document = worker.document
    assert (document["status"], document["jobs"], document["done_jobs"]) == ("stop", [], 1)


def test_indexes_of_workers_forget_them(site: Site, worker: CompatWorker, queue: str) -> None:
    finished(queue_job("mrq.basetasks.indexes.EnsureIndexes", {}, queue=queue))
    ttls = {
        index["expireAfterSeconds"]
        for index in site.database.mrq_workers.list_indexes()
        if "expireAfterSeconds" in index
    }
    assert ttls
    (expiry,) = [index for index in site.jobs.list_indexes() if list(index["key"]) == ["dateexpires"]]
    assert expiry["expireAfterSeconds"] == 0


def test_the_logs_of_a_job(site: Site, worker: CompatWorker, queue: str) -> None:
    text = f"caf\xe9 {token()}"
    job_id = queue_job("compat.tasks.Say", {"text": text}, queue=queue)
    assert finished(job_id)["status"] == "success"
    logs = site.database.mrq_logs
    document = wait_until(lambda: logs.find_one({"job": job_id}))
    assert document is not None
    assert re.search(rf"\[INFO\] {text}", document["logs"])
    assert f"a level below: {text}" in document["logs"]
    assert logs.count_documents({"job": job_id}) == 1
    assert wait_until(lambda: logs.find_one({"worker": worker.document["_id"]}))


def test_logs_are_capped_from_the_start(site: Site, worker: CompatWorker, queue: str) -> None:
    finished(queue_job("compat.tasks.Say", {"text": "x"}, queue=queue))
    wait_until(lambda: "mrq_logs" in site.database.list_collection_names())
    options = site.database.mrq_logs.options()
    assert options["capped"] is True
    assert options["size"] == 16 * 1024 * 1024


def test_no_logs_when_mongodb_logs_is_zero(site: Site, own: str) -> None:
    with site.worker(own, flags=("--mongodb_logs", "0")) as worker:
        job_id = queue_job("compat.tasks.Say", {"text": "x"}, queue=own)
        assert finished(job_id)["status"] == "success"
        worker.stop()
        me = worker.document["_id"]
    assert site.database.mrq_logs.count_documents({"$or": [{"job": job_id}, {"worker": me}]}) == 0


@pytest.mark.parametrize("status", ["success", "failed", "abort", "timeout", "retry", "interrupt", "maxretries"])
def test_from_a_final_status_only_cancel_and_queued_may_follow(site: Site, own: str, status: str) -> None:
    job_id = queue_job("compat.tasks.Echo", {}, queue=own)
    site.jobs.update_one({"_id": job_id}, {"$set": {"status": status}})
    Job(job_id).cancel()
    assert in_status(job_id, "cancel")
    site.jobs.update_one({"_id": job_id}, {"$set": {"status": status}})
    Job(job_id).requeue()
    assert in_status(job_id, "queued")
