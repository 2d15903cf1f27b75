"""Section 13: how workers behave."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from compat.kit import finished, in_status, in_task, token
from mrq.job import Job, queue_job, queue_jobs
from mrq.queue import Queue
from support.waiting import wait_until

if TYPE_CHECKING:
    from compat.kit import CompatWorker, Site

ECHO, NOTE, HELD = "compat.tasks.Echo", "compat.tasks.Note", "compat.tasks.WaitForFlag"


def note(word: str, *values: Any, queue: str) -> list[Any]:
    """Queue jobs that each note a value."""
    return list(queue_jobs(NOTE, [{"word": word, "value": value} for value in values], queue=queue))


# ---- strategies


def test_sequential_drains_the_queues_in_their_order(site: Site, own: str) -> None:
    note(own, 1, 2, queue=f"{own}-a")
    note(own, 3, 4, queue=f"{own}-b")
    with site.worker(f"{own}-b", f"{own}-a") as worker:
        worker.wait_idle()
    assert site.side_effects(own) == [3, 4, 1, 2]


def test_parallel_takes_from_each_in_turn(site: Site, own: str) -> None:
    note(own, 1, 2, queue=f"{own}-a")
    note(own, 3, 4, queue=f"{own}-b")
    with site.worker(f"{own}-a", f"{own}-b", flags=("--dequeue_strategy", "parallel")) as worker:
        worker.wait_idle()
    order = site.side_effects(own)
    assert {order[0], order[1]} == {1, 3}
    assert {order[2], order[3]} == {2, 4}


def test_burst_stops_when_all_queues_are_empty(site: Site, own: str) -> None:
    note(own, 1, 2, queue=own)
    done = site.run("mrq-worker", "--config", "compat/site_config.py", "--dequeue_strategy", "burst", own)
    assert done.returncode == 0, done.stderr
    assert site.side_effects(own) == [1, 2]


def test_a_burst_worker_that_ends_never_says_that_it_is_idle(site: Site, own: str) -> None:
    job_id = queue_job(HELD, {"flag": own}, queue=own)
    with site.worker(own, flags=("--dequeue_strategy", "burst")) as worker:
        threading.Timer(0.5, site.flag, [own]).start()
        with pytest.raises(OSError):  # HTTP 503, or nobody is there any more
            worker.get("/wait_for_idle")
        assert worker.wait() == 0
    assert in_status(job_id, "success")


def test_newest_first_from_a_reverse_queue(site: Site, own: str) -> None:
    note(own, 1, 2, 3, queue=own)
    with site.worker(f"{own}_reverse") as worker:
        worker.wait_idle()
    assert site.side_effects(own) == [3, 2, 1]


# ---- ends of a worker


@pytest.mark.parametrize("flags", [(), ("--processes", "1"), ("--greenlets", "2")])
def test_sigint_lets_jobs_finish_and_takes_no_more(site: Site, own: str, flags: tuple[str, ...]) -> None:
    with site.worker(own, flags=flags, admin="--processes" not in flags) as worker:
        first = queue_job(HELD, {"flag": own}, queue=own)
        in_task(first)
        worker.signal(signal.SIGINT)
        time.sleep(0.5)
        second = queue_job(ECHO, {}, queue=own)
        site.flag(own)
        assert worker.wait() == 0
    assert in_status(first, "success")
    assert in_status(second, "queued")


@pytest.mark.parametrize("numbers", [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM,)])
@pytest.mark.parametrize("flags", [(), ("--processes", "1")])
def test_a_forced_stop_interrupts_jobs(site: Site, own: str, numbers: tuple[int, ...], flags: tuple[str, ...]) -> None:
    with site.worker(own, flags=flags, admin="--processes" not in flags) as worker:
        job_id = queue_job(HELD, {"flag": own}, queue=own)
        in_task(job_id)
        for number in numbers:
            worker.signal(number)
            time.sleep(0.5)
        assert worker.wait() == 0
    document = in_status(job_id, "interrupt")
    assert document["exceptiontype"] == "JobInterrupt"
    assert Queue(own).size() == 0


def test_sigkill_leaves_jobs_started(site: Site, own: str) -> None:
    with site.worker(own) as worker:
        job_id = queue_job(HELD, {"flag": own}, queue=own)
        in_task(job_id)
        worker.kill()
        assert in_status(job_id, "started")
        assert Queue(own).size() == 1


def test_max_jobs_is_strict(site: Site, own: str) -> None:
    note(own, 1, 2, 3, queue=own)
    flags = ("--max_jobs", "2", "--greenlets", "5")
    done = site.run("mrq-worker", "--config", "compat/site_config.py", *flags, own)
    assert done.returncode == 0, done.stderr
    assert len(site.side_effects(own)) == 2
    assert Queue(own).size() == 1


def test_max_time_ends_the_taking_of_jobs(site: Site, own: str) -> None:
    done = site.run("mrq-worker", "--config", "compat/site_config.py", "--max_time", "1", own)
    assert done.returncode == 0, done.stderr


def test_white_and_black_lists(site: Site, own: str) -> None:
    taken, left = queue_job(NOTE, {"word": own}, queue=own), queue_job(ECHO, {}, queue=own)
    with site.worker(own, flags=("--task_whitelist", f"{NOTE},compat.tasks.Say")) as worker:
        worker.wait_idle()
    assert in_status(taken, "success")
    assert in_status(left, "queued")
    with site.worker(own, flags=("--task_blacklist", f"{ECHO},{NOTE}")) as worker:
        worker.wait_idle()
    assert in_status(left, "queued")


# ---- timeouts


@pytest.mark.parametrize("swallow", [False, True])
def test_a_timeout_ends_a_job_that_catches_exceptions(worker: CompatWorker, queue: str, swallow: bool) -> None:
    document = finished(queue_job("compat.tasks.Impatient", {"swallow": swallow}, queue=queue))
    assert document["status"] == "timeout"
    assert 0.9 < document["totaltime"] < 8


def test_a_timeout_ends_the_sub_pool_too(site: Site, worker: CompatWorker, queue: str) -> None:
    params = {"size": 3, "items": [30.0, 30.5, 31.0]}
    assert finished(queue_job("compat.tasks.ImpatientPool", params, queue=queue))["status"] == "timeout"
    worker.wait_idle()


# ---- retries


def test_a_retry_without_delay_is_queued_at_once(worker: CompatWorker, queue: str, own: str) -> None:
    job_id = queue_job("compat.tasks.Again", {"delay": 0, "queue": own}, queue=queue)
    document = wait_until(lambda: _in_queue(job_id, own))
    assert (document["status"], document["retry_count"]) == ("queued", 1)
    assert Queue(own).list_job_ids() == [str(job_id)]
    assert Queue(queue).size() == 0


def _in_queue(job_id: Any, queue: str) -> dict[str, Any] | None:
    document = Job(job_id).fetch().data or {}
    return document if document.get("queue") == queue else None


def test_a_retry_comes_back_to_its_queue(worker: CompatWorker, queue: str) -> None:
    job_id = queue_job("compat.tasks.Again", {"delay": 0.2, "max_retries": 1}, queue=queue)
    document = in_status(job_id, "maxretries")
    assert document["queue"] == queue
    dates = [entry["date"] for entry in document["traceback_history"]]
    assert len(dates) == 2
    assert dates == sorted(dates)


# ---- raw queues


# ---- subqueues and pauses


def test_a_root_serves_its_subqueues_and_not_itself(site: Site, own: str) -> None:
    served = [f"{own}/", f"{own}/x", f"{own}/x/y"]
    others = [own, f"{own}_", f"{own}2/x", f"/{own}"]
    with site.worker(f"{own}/", flags=("--subqueues_refresh_interval", "0.1")) as worker:
        ids = {name: queue_job(ECHO, {}, queue=name) for name in [*served, *others]}
        for name in served:
            assert finished(ids[name])["status"] == "success"
        worker.wait_idle()
    assert {in_status(ids[name], "queued")["queue"] for name in others} == set(others)


def test_a_paused_queue_gives_nothing_until_it_is_resumed(site: Site, worker: CompatWorker, queue: str) -> None:
    Queue(queue).pause()
    time.sleep(0.5)
    paused = queue_job(ECHO, {}, queue=queue)
    assert finished(queue_job(ECHO, {}, queue=f"case/{token()}"))["status"] == "success"
    assert in_status(paused, "queued")
    Queue(queue).resume()
    assert finished(paused)["status"] == "success"


def test_pausing_a_root_pauses_its_subqueues(site: Site, own: str) -> None:
    flags = ("--paused_queues_refresh_interval", "0.1", "--subqueues_refresh_interval", "0.1")
    Queue(f"{own}/").pause()
    with site.worker(own, f"{own}/", flags=flags) as worker:
        ids = [queue_job(ECHO, {}, queue=own), queue_job(ECHO, {}, queue=f"{own}/sub")]
        worker.wait_idle()
        assert [in_status(job_id, "queued")["queue"] for job_id in ids] == [own, f"{own}/sub"]
        Queue(f"{own}/").resume()
        assert [finished(job_id)["status"] for job_id in ids] == ["success"] * 2


def test_without_a_refresh_interval_pauses_are_not_looked_at(site: Site, own: str) -> None:
    Queue(own).pause()
    with site.worker(own, flags=("--paused_queues_refresh_interval", "0")):
        assert finished(queue_job(ECHO, {}, queue=own))["status"] == "success"
    Queue(own).resume()


# ---- wake-ups, metrics, connections, processes


def test_a_notification_wakes_an_idle_worker(site: Site, own: str) -> None:
    """With a latency of a minute, only a notification explains a quick start."""
    with site.worker(own, flags=("--max_latency", "60")) as worker:
        worker.wait_idle()
        assert finished(queue_job(ECHO, {}, queue=own), timeout=15)["status"] == "success"


def test_metrics_of_queues_and_statuses(site: Site, worker: CompatWorker, queue: str) -> None:
    def counted() -> dict[str, int]:
        import json

        found: dict[str, int] = json.loads(finished(queue_job("compat.tasks.Counted", {}, queue=queue))["result"])
        return found

    before = counted()
    finished(queue_job("compat.tasks.Fail", {}, queue=queue))
    after = counted()
    grown = {name: after[name] - before.get(name, 0) for name in after}
    assert grown["jobs.status.failed"] == 1
    assert grown["jobs.status.started"] == 2
    assert grown[f"queues.{queue}.dequeued"] == 2
    assert grown["queues.all.dequeued"] == 2


def test_several_processes(site: Site, own: str) -> None:
    """The parent starts the children again that die, and hands on SIGINT."""
    with site.worker(own, flags=("--processes", "2"), admin=False) as worker:
        note(own, *range(10), queue=own)
        wait_until(lambda: len(site.side_effects(own)) == 10)
        assert worker.stop() == 0
        assert worker.processes() == []


def test_connections_are_limited_and_closed_at_the_end(site: Site, own: str) -> None:
    def clients() -> int:  # of this worker alone: others that serve the site open connections when they like
        return sum(client["name"] == own for client in site.redis.client_list())

    ids = queue_jobs(ECHO, [{}] * 20, queue=own)
    named = ("--redis", f"{site.redis_url}?client_name={own}")
    with site.worker(own, flags=(*named, "--redis_max_connections", "5", "--greenlets", "10")) as worker:
        for job_id in ids:
            finished(job_id)
        assert 0 < clients() <= 5 + 5  # the guard has its own
        worker.stop()
    wait_until(lambda: clients() == 0)


# ---- the admin port (section 12)


def test_the_admin_port(site: Site, worker: CompatWorker, queue: str) -> None:
    flag = token()
    job_id = queue_job(HELD, {"flag": flag}, queue=queue)
    in_task(job_id)
    report = worker.get("/")
    assert report["_id"] == str(worker.document["_id"])
    (job,) = [job for job in report["jobs"] if job["id"] == str(job_id)]
    assert "compat/tasks.py" in "\n".join(job["stack"])
    assert worker.get("/report")["status"] in ("spawn", "wait", "full")
    assert worker.get("/report_mem")["process"]["mem"]["rss"] > 0
    site.flag(flag)
    finished(job_id)
    assert worker.get("/wait_for_idle") == "idle"
    assert worker.get("/report")["status"] == "wait"


def test_a_worker_whose_greenlets_are_all_busy_is_full(site: Site, own: str) -> None:
    with site.worker(own) as worker:
        job_id = queue_job(HELD, {"flag": own}, queue=own)
        in_status(job_id, "started")
        assert wait_until(lambda: worker.get("/report")["status"] == "full")
        site.flag(own)
        finished(job_id)
        worker.wait_idle()
        report = worker.get("/report")
        assert (report["status"], report["jobs"], report["done_jobs"]) == ("wait", [], 1)


def test_idle_means_that_brand_new_subqueues_are_empty_too(site: Site, worker: CompatWorker) -> None:
    ids = [queue_job(ECHO, {}, queue=f"case/{token()}/new") for _ in range(5)]
    worker.wait_idle()
    assert [in_status(job_id, "success", timeout=0.1)["status"] for job_id in ids] == ["success"] * 5


# ---- tracing


def test_with_trace_greenlets_every_job_has_its_own_time_and_its_switches(site: Site, own: str) -> None:
    job = queue_job("support.tracedtasks.Sleeper", {"seconds": 1}, queue=own)
    with site.worker(own, flags=("--trace_greenlets",)) as worker:
        worker.wait_idle()
        document = finished(job)
    assert 0 <= document["time"] < 0.5
    assert document["switches"] >= 1
