"""Moving over: what MRQ 0.9 left in MongoDB and Redis is read, run and shown, with its indexes in place."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from bson import ObjectId
from pymongo import ASCENDING

from compat.kit import Site, finished, in_status, token
from mrq.context import set_current_config
from mrq.job import Job, get_job_result, queue_job
from mrq.queue import Queue
from support.waiting import wait_until
from support.workers import QUICK_LEASE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from compat.kit import CompatWorker
    from support.servers import Servers

NOW = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
NOTE = "compat.tasks.Note"
JOB_INDEXES: list[tuple[list[tuple[str, int]], dict[str, Any]]] = [
    ([("status", ASCENDING)], {}),
    ([("path", ASCENDING)], {}),
    ([("worker", ASCENDING)], {"sparse": True}),
    ([("queue", ASCENDING)], {}),
    ([("dateexpires", ASCENDING)], {"sparse": True, "expireAfterSeconds": 0}),
    ([("dateretry", ASCENDING)], {"sparse": True}),
    ([("datequeued", ASCENDING)], {}),
    ([("queue", ASCENDING), ("status", ASCENDING), ("datequeued", ASCENDING), ("_id", ASCENDING)], {}),
    ([("status", ASCENDING), ("queue", ASCENDING), ("path", ASCENDING)], {}),
]
QUEUES = (
    "old", "old/", "cleaning", "compat_raw", "compat_set", "compat_sorted_set", "compat_timed_set",
    "roots_raw/",
)  # fmt: skip


@pytest.fixture(scope="module")
def old_site(site: Site, servers: Servers) -> Iterator[Site]:
    """A database and a prefix of a site that ran 0.9 until now."""
    with servers.database() as url, servers.prefix() as prefix:
        database = servers.mongodb[urlsplit(url).path.lstrip("/")]
        for keys, options in JOB_INDEXES:
            database.mrq_jobs.create_index(keys, background=True, **options)
        database.mrq_workers.create_index([("status", ASCENDING)])
        database.mrq_workers.create_index([("datereported", ASCENDING)], expireAfterSeconds=3600)
        database.mrq_scheduled_jobs.create_index([("hash", ASCENDING)], unique=True)
        database.create_collection("mrq_logs", capped=True, size=16 * 1024 * 1024)
        database.mrq_logs.create_index([("job", ASCENDING)])
        database.mrq_logs.create_index([("worker", ASCENDING)], sparse=True)
        yield replace(site, mongodb_url=url, prefix=prefix, database=database)


@pytest.fixture(scope="module")
def new_worker(old_site: Site) -> Iterator[CompatWorker]:
    """The first of ours on that site: it makes its indexes beside the old ones."""
    flags = (*QUICK_LEASE, "--greenlets", "5", "--ensure_indexes", "--subqueues_refresh_interval", "0.1")
    with old_site.worker(*QUEUES, flags=flags) as worker:
        yield worker


@pytest.fixture(autouse=True)
def old_client(client: dict[str, Any], old_site: Site) -> None:
    """This process is a client of the old site."""
    set_current_config(old_site.client_config())


def old_job(old_site: Site, status: str, **fields: Any) -> ObjectId:
    """A job as 0.9 wrote it: no claim, no losses."""
    document: dict[str, Any] = {
        "_id": ObjectId(),
        "path": NOTE,
        "params": {"word": token()},
        "queue": "old",
        "datequeued": NOW - timedelta(minutes=10),
        "status": status,
        **fields,
    }
    old_site.jobs.insert_one(document)
    job_id: ObjectId = document["_id"]
    return job_id


def ran(**fields: Any) -> dict[str, Any]:
    """What a job has that 0.9 has started."""
    return {
        "datestarted": NOW - timedelta(minutes=9),
        "dateupdated": NOW - timedelta(minutes=8),
        "worker": ObjectId(),
        "totaltime": 60.0,
        "time": 0.01,
        "switches": 3,
        **fields,
    }


def old_worker(old_site: Site, status: str) -> ObjectId:
    """The document of a worker of 0.9."""
    document = {
        "_id": ObjectId(),
        "status": status,
        "name": "worker-of-0.9",
        "config": {"max_jobs": 0, "processes": 0, "queues": ["old"], "scheduler": False, "local_ip": "10.0.0.1"},
        "done_jobs": 12,
        "usage_avg": 0.5,
        "datestarted": NOW - timedelta(hours=1),
        "datereported": NOW,
        "io": None,
        "process": {"pid": 17, "cpu": {"user": 1.0, "system": 0.1, "percent": 3.0}, "mem": {"rss": 1, "swap": 0}},
        "jobs": [],
    }
    old_site.database.mrq_workers.insert_one(document)
    worker_id: ObjectId = document["_id"]  # type: ignore[assignment]
    return worker_id


# ---- jobs that have yet to run


def test_a_queued_job_runs(old_site: Site, new_worker: CompatWorker) -> None:
    job_id = old_job(old_site, "queued", params={"word": "queued", "value": 1})
    document = finished(job_id)
    assert (document["status"], document["result"]) == ("success", 1)


def test_a_queued_job_of_a_subqueue_runs(old_site: Site, new_worker: CompatWorker) -> None:
    assert finished(old_job(old_site, "queued", queue="old/sub"))["status"] == "success"


def test_a_requeued_job_of_0_9_runs_with_its_count(old_site: Site, new_worker: CompatWorker) -> None:
    """0.9 leaves the expiry of an earlier end, the worker and the traceback on it."""
    entry = {"date": NOW, "status": "retry", "exceptiontype": "RetryInterrupt", "traceback": "Traceback ..."}
    job_id = old_job(
        old_site, "queued", retry_count=2, traceback="Traceback ...", exceptiontype="RetryInterrupt",
        traceback_history=[entry], dateexpires=NOW + timedelta(days=100), **ran(),
    )  # fmt: skip
    document = finished(job_id)
    assert (document["status"], document["retry_count"]) == ("success", 2)
    assert document["worker"] == new_worker.document["_id"]


def test_jobs_of_a_worker_of_0_9_that_is_gone_come_back(old_site: Site, new_worker: CompatWorker) -> None:
    """Its document has expired, or says that it stopped; the jobs have no claim token."""
    ended = old_worker(old_site, "stop")
    jobs = [
        old_job(old_site, "started", params={"word": "of the dead"}, datestarted=NOW, worker=worker)
        for worker in (ObjectId(), ended)
    ]
    for job_id in jobs:
        assert in_status(job_id, "success")["worker"] == new_worker.document["_id"]
    assert len(old_site.side_effects("of the dead")) == 2


def test_a_living_worker_of_0_9_keeps_its_jobs(old_site: Site, new_worker: CompatWorker) -> None:
    """Both may run side by side while one moves over: 0.9 states no lease, so it isn't judged by one."""
    alive = old_worker(old_site, "full")
    job_id = old_job(old_site, "started", datestarted=NOW, worker=alive)
    gone = old_job(old_site, "started", datestarted=NOW, worker=ObjectId())
    in_status(gone, "success")  # so the rescue has looked meanwhile
    assert in_status(job_id, "started")["worker"] == alive


def test_a_retry_comes_back_when_it_is_due(old_site: Site, new_worker: CompatWorker) -> None:
    due = old_job(old_site, "retry", dateretry=NOW - timedelta(seconds=1), retry_count=1, **ran())
    later = old_job(old_site, "retry", dateretry=NOW + timedelta(hours=5), retry_count=1, **ran())
    assert in_status(due, "success")["retry_count"] == 1
    assert in_status(later, "retry")


def test_an_interrupted_job_comes_back_by_the_cleaning_task(old_site: Site, new_worker: CompatWorker) -> None:
    job_id = old_job(old_site, "interrupt", dateexpires=NOW + timedelta(days=100), **ran())
    finished(queue_job("mrq.basetasks.cleaning.RequeueInterruptedJobs", {}, queue="cleaning"))
    assert in_status(job_id, "success")


# ---- jobs that have ended


def test_a_success_is_shown(old_site: Site) -> None:
    job_id = old_job(old_site, "success", result={"n": 1}, dateexpires=NOW + timedelta(days=7), progress=1, **ran())
    assert get_job_result(job_id) == {"result": {"n": 1}, "status": "success"}
    job = Job(str(job_id)).fetch()
    assert job.data is not None
    assert job.data["switches"] == 3
    assert Job(job_id).wait(timeout=1) == {"result": {"n": 1}, "status": "success"}


@pytest.mark.parametrize("status", ["failed", "abort", "timeout", "maxretries", "maxconcurrency", "cancel"])
def test_other_ends_are_shown_and_can_be_queued_again(old_site: Site, new_worker: CompatWorker, status: str) -> None:
    entry = {
        "date": NOW, "status": status, "exceptiontype": "ValueError", "traceback": "Traceback ...",
        "original_traceback": "Traceback of the cause ...", "worker": ObjectId(),
    }  # fmt: skip
    job_id = old_job(
        old_site, status, traceback="Traceback ...", exceptiontype="ValueError", traceback_history=[entry],
        dateexpires=NOW + timedelta(days=100), **ran(),
    )  # fmt: skip
    data = Job(job_id).fetch().data
    assert data is not None
    assert (data["status"], data["traceback_history"]) == (status, [entry])
    Job(job_id).requeue()
    document = in_status(job_id, "success")
    assert document["traceback_history"][0] == entry


def test_a_raw_job_that_failed_goes_to_its_retry_queue(old_site: Site, new_worker: CompatWorker) -> None:
    job_id = old_job(old_site, "failed", raw_queue="compat_raw", traceback="Traceback ...", **ran())
    Job(job_id).requeue()
    assert in_status(job_id, "success")["queue"] == "old"


def test_job_action_finds_them(old_site: Site, new_worker: CompatWorker) -> None:
    job_id = old_job(old_site, "failed", exceptiontype="FromTheOldDays", **ran())
    params = {"action": "requeue", "exceptiontype": "FromTheOldDays"}
    action = queue_job("mrq.basetasks.utils.JobAction", params, queue="cleaning")
    assert finished(action)["result"] == {"requeued": 1, "cancelled": 0}
    assert in_status(job_id, "success")


# ---- collections and indexes


def test_our_indexes_are_made_beside_the_old_ones(old_site: Site, new_worker: CompatWorker) -> None:
    from mrq.app import get_app

    assert get_app().jobs.missing_indexes() == []
    names = set(old_site.jobs.index_information())
    assert {"status_1", "queue_1_status_1_datequeued_1__id_1", "dateexpires_1"} <= names


def test_old_workers_are_shown(old_site: Site) -> None:
    from mrq.app import get_app

    worker = old_worker(old_site, "wait")
    app = get_app()
    shown = {document["_id"]: document for document in app.workers.alive(1000)}
    assert shown[worker]["name"] == "worker-of-0.9"


def test_the_capped_logs_are_kept_and_written_on(old_site: Site, new_worker: CompatWorker) -> None:
    logs = old_site.database.mrq_logs
    logs.insert_one({"job": ObjectId(), "logs": "of the old days\n"})
    job_id = queue_job("compat.tasks.Say", {"text": "of today"}, queue="old")
    finished(job_id)
    wait_until(lambda: logs.find_one({"job": job_id, "logs": {"$regex": "of today"}}))
    assert logs.options()["capped"] is True
    assert logs.find_one({"logs": "of the old days\n"})


# ---- Redis


def test_raw_queues_of_all_kinds_are_read(old_site: Site, new_worker: CompatWorker) -> None:
    """Payloads that a producer of 0.9 has pushed."""
    redis, prefix, word = old_site.redis, f"{old_site.prefix}:q:", token()
    redis.rpush(f"{prefix}compat_raw", f"{word}-1", f"{word}-2")
    redis.sadd(f"{prefix}compat_set", f"{word}-1")
    redis.zadd(f"{prefix}compat_sorted_set", {f"{word}-1": 1, f"{word}-2": 2})
    redis.zadd(f"{prefix}compat_timed_set", {f"{word}-1": time.time() - 1, f"{word}-2": time.time() + 5000})
    expected = {"raw": 2, "set": 1, "sorted_set": 2, "timed_set": 1}
    for kind, count in expected.items():
        wait_until(lambda kind=kind, count=count: len(old_site.side_effects(kind)) == count)
    assert Queue("compat_timed_set").list_raw_jobs() == [f"{word}-2".encode()]
    assert Queue("compat_raw").size() == 0


def test_known_subqueues_are_served(old_site: Site, new_worker: CompatWorker) -> None:
    redis, word = old_site.redis, token()
    redis.rpush(f"{old_site.prefix}:q:roots_raw/{word}", word)
    redis.sadd(f"{old_site.prefix}:ksq:roots_raw", f"roots_raw/{word}")
    wait_until(lambda: word in old_site.side_effects("roots"))


def test_paused_queues_stay_paused(old_site: Site) -> None:
    old_site.redis.sadd(f"{old_site.prefix}:s:paused", "paused-in-0.9")
    assert Queue("paused-in-0.9").is_paused()
    Queue("paused-in-0.9").resume()
    assert not old_site.redis.sismember(f"{old_site.prefix}:s:paused", "paused-in-0.9")


def test_a_drifted_size_is_put_right(old_site: Site, new_worker: CompatWorker) -> None:
    """0.9's counter drifts; ours is a copy of the truth."""
    old_site.redis.set("queuesize:cleaning", 17, ex=86400)
    assert Queue("cleaning").size() == 0
    finished(queue_job(NOTE, {"word": "sizes"}, queue="cleaning"))
    wait_until(lambda: old_site.redis.get("queuesize:cleaning") == b"0")
