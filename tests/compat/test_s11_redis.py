"""Section 11: what stands in Redis, under the names that MRQ 0.9 gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from compat.kit import finished, token
from mrq.helpers import ratelimit
from mrq.job import Job, queue_job, queue_jobs
from mrq.queue import Queue
from support.waiting import wait_until

if TYPE_CHECKING:
    from compat.kit import CompatWorker, Site

ECHO = "compat.tasks.Echo"


def test_paused_queues(site: Site, own: str) -> None:
    Queue(own).pause()
    assert site.redis.sismember(f"{site.prefix}:s:paused", own)
    Queue(own).resume()
    assert not site.redis.sismember(f"{site.prefix}:s:paused", own)


def test_notifications_for_a_queue_that_wants_them(site: Site) -> None:
    from mrq.context import set_current_config

    set_current_config(site.client_config(raw_queues={}, max_latency=30))
    key = f"{site.prefix}:notify:notified"
    queue_jobs(ECHO, [{}] * 3, queue="notified")
    assert 1 <= site.redis.llen(key) <= 100
    assert 0 < site.redis.ttl(key) <= 60
    Queue("notified").empty()


@pytest.mark.parametrize(("part", "served"), [("", ""), ("/sub", "/")])
def test_the_size_of_a_queue(site: Site, own: str, part: str, served: str) -> None:
    key = f"queuesize:{own}{part}"
    job_id = queue_job(ECHO, {}, queue=own + part)
    assert wait_until(lambda: site.redis.get(key)) == b"1"
    assert 0 < site.redis.ttl(key) <= 86400
    with site.worker(own + served) as worker:
        finished(job_id)
        worker.wait_idle()
        assert site.redis.get(key) == b"0"


def test_the_size_after_a_requeue(site: Site, worker: CompatWorker, queue: str, own: str) -> None:
    job_id = queue_job("compat.tasks.Fail", {}, queue=queue)
    finished(job_id)
    Job(job_id).requeue(queue=own)
    assert wait_until(lambda: site.redis.get(f"queuesize:{own}")) == b"1"


def test_ratelimit_counters(site: Site) -> None:
    key = token()
    ratelimit(key, 5, per=60)
    (name,) = site.redis.keys(f"ratelimit:{key}:*")
    assert 0 < site.redis.ttl(name) <= 70
