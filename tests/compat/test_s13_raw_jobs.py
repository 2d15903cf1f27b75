"""Sections 2, 10, 11 and 13: jobs of raw queues."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from compat.kit import finished, in_status, token
from mrq import context
from mrq.job import Job, queue_job, queue_jobs, queue_raw_jobs
from mrq.queue import Queue
from support.waiting import wait_until

if TYPE_CHECKING:
    from compat.kit import CompatWorker, Site

ECHO, NOTE = "compat.tasks.Echo", "compat.tasks.Note"


@pytest.fixture
def queue() -> str:
    """A queue of the case's own, which `raw_worker` serves."""
    return f"beside/{token()}"


def test_jobs_can_be_queued_from_the_context_module(site: Site, raw_worker: CompatWorker, queue: str) -> None:
    first = queue_job("compat.tasks.Echo", {"n": 1}, queue=queue)
    more = queue_jobs("compat.tasks.Echo", [{"n": 2}, {"n": 3}], queue=queue)
    assert [finished(job)["result"]["n"] for job in [first, *more]] == [1, 2, 3]
    word = token()
    context.queue_raw_jobs("compat_raw", [word])
    raw_worker.wait_idle()
    assert word in site.side_effects("raw")


def test_a_stored_raw_job(site: Site, raw_worker: CompatWorker) -> None:
    word = token()
    queue_raw_jobs("compat_raw", [word])
    wait_until(lambda: word in site.side_effects("raw"))
    raw_worker.wait_idle()
    document = site.jobs.find_one({"raw_queue": "compat_raw", "params.value": word})
    assert document["status"] == "success"
    assert document["queue"] == "case/retries"
    assert document["worker"] == raw_worker.document["_id"]
    assert isinstance(document["datequeued"], datetime)


@pytest.mark.parametrize(
    ("suffix", "kind"), [("_raw", "list"), ("_set", "set"), ("_sorted_set", "zset"), ("_timed_set", "zset")]
)
def test_raw_queues(site: Site, own: str, suffix: str, kind: str) -> None:
    name = f"{own}{suffix}"
    queue_raw_jobs(name, {"a": 1} if kind == "zset" else ["a"])
    assert site.redis.type(f"{site.prefix}:q:{name}").decode() == kind
    queue_raw_jobs(f"{name}/sub", {"a": 1} if kind == "zset" else ["a"])
    assert site.redis.type(f"{site.prefix}:q:{name}/sub").decode() == kind


def test_what_others_push_is_taken(site: Site, raw_worker: CompatWorker) -> None:
    """An MRQ 0.9 producer writes the same keys."""
    word = token()
    site.redis.rpush(f"{site.prefix}:q:compat_raw", word)
    wait_until(lambda: word in site.side_effects("raw"))


def test_known_subqueues(site: Site) -> None:
    name = token()
    queue_raw_jobs(f"roots_raw/{name}", ["a"])
    members = site.redis.smembers(f"{site.prefix}:ksq:roots_raw")
    assert f"roots_raw/{name}".encode() in members
    Queue(f"roots_raw/{name}").empty()


@pytest.mark.parametrize("kind", ["raw", "set", "sorted_set", "timed_set"])
def test_raw_jobs_run(site: Site, raw_worker: CompatWorker, kind: str) -> None:
    words = [f"{kind}-{token()}" for _ in range(3)]
    scored = {word: time.time() - 10 + place for place, word in enumerate(words)}
    queue_raw_jobs(f"compat_{kind}", scored if "ed_set" in kind else words)
    wait_until(lambda: set(words) <= set(site.side_effects(kind)))
    raw_worker.wait_idle()
    assert Queue(f"compat_{kind}").size() == 0


def test_a_list_and_a_sorted_set_leave_in_their_order(site: Site) -> None:
    """The list is a subqueue that the worker finds by its root."""
    name = token()
    queue_raw_jobs(f"roots_raw/{name}", [f"{name}-1", f"{name}-2", f"{name}-3"])
    queue_raw_jobs("in_order_sorted_set", {f"{name}-last": 3, f"{name}-first": 1, f"{name}-second": 2})
    with site.worker("roots_raw/", "in_order_sorted_set") as worker:
        worker.wait_idle()
    assert site.side_effects("roots") == [f"{name}-1", f"{name}-2", f"{name}-3"]
    assert site.side_effects("in_order") == [f"{name}-first", f"{name}-second", f"{name}-last"]


def test_what_is_not_due_stays_in_a_timed_set(site: Site, raw_worker: CompatWorker) -> None:
    due, later = f"due-{token()}", f"later-{token()}"
    queue_raw_jobs("compat_timed_set", {due: time.time() - 1, later: time.time() + 1000})
    wait_until(lambda: due in site.side_effects("timed_set"))
    raw_worker.wait_idle()
    assert later not in site.side_effects("timed_set")
    assert later.encode() in Queue("compat_timed_set").list_raw_jobs()
    Queue("compat_timed_set").remove_raw_jobs([later])


def test_pushback_keeps_the_members(site: Site) -> None:
    word = token()
    with site.worker("push_timed_set") as worker:
        queue_raw_jobs("push_timed_set", {word: time.time() - 1})
        wait_until(lambda: word in site.side_effects("push"))
        worker.wait_idle()
    queue = Queue("push_timed_set")
    assert word.encode() in queue.list_raw_jobs()
    assert queue.count_jobs_to_dequeue() == 0
    score = site.redis.zscore(f"{site.prefix}:q:push_timed_set", word)
    assert time.time() + 3500 < score < time.time() + 3601
    queue.empty()


def test_a_failed_raw_job_stands_in_its_retry_queue(site: Site) -> None:
    word = token()
    with site.worker("fails_raw") as worker:
        queue_raw_jobs("fails_raw", [word])
        document = wait_until(lambda: site.jobs.find_one({"params.message": word, "status": "failed"}))
        worker.wait_idle()
    assert document["queue"] == "nobody-serves-this"
    Job(document["_id"]).requeue()
    assert in_status(document["_id"], "queued")["queue"] == "nobody-serves-this"
    assert Queue("fails_raw").size() == 0


def test_a_raw_job_that_is_retried_at_once_goes_to_its_retry_queue(site: Site) -> None:
    with site.worker("again_raw") as worker:
        queue_raw_jobs("again_raw", ["0"])
        document = wait_until(lambda: site.jobs.find_one({"params.delay": 0, "queue": "nobody-serves-this"}))
        worker.wait_idle()
    assert in_status(document["_id"], "queued")
    assert Queue("again_raw").size() == 0


def test_no_storage(site: Site) -> None:
    """Neither the start nor the success is stored; a failure and a retry are."""
    word = token()
    with site.worker("unstored_raw", "case/unstored") as worker:
        queue_raw_jobs("unstored_raw", [f"Note {word}"])
        wait_until(lambda: site.side_effects(f"Note {word}"))
        worker.wait_idle()
        assert site.jobs.find_one({"params.word": f"Note {word}"}) is None
        queue_raw_jobs("unstored_raw", [f"Fail {word}", f"Again {word}"])
        failed = wait_until(lambda: site.jobs.find_one({"params.word": f"Fail {word}"}))
        again = wait_until(lambda: site.jobs.find_one({"params.word": f"Again {word}"}))
        assert (failed["status"], again["status"]) == ("failed", "retry")
        # requeued into a regular queue, it is stored as any job
        site.jobs.update_one({"_id": failed["_id"]}, {"$set": {"path": NOTE}})
        Job(failed["_id"]).requeue()
        assert in_status(failed["_id"], "success")


def test_jobs_of_raw_and_regular_queues_mix(site: Site, raw_worker: CompatWorker, queue: str) -> None:
    word = token()
    queue_raw_jobs("compat_raw", [word, f"{word}-2"])
    (regular,) = queue_jobs(NOTE, [{"word": word, "value": "regular"}], queue=queue)
    finished(regular)
    wait_until(lambda: {word, f"{word}-2"} <= set(site.side_effects("raw")))
    assert site.side_effects(word) == ["regular"]
