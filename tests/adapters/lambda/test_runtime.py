"""Bursts in the runtime that AWS runs, on real servers: true deadlines, kills, and freezes between invocations."""

from __future__ import annotations

import os
import resource
import signal
import statistics
from typing import TYPE_CHECKING

import psutil
import pytest

from mrq.domain.change import MOST_OVERRUNS
from mrq.domain.status import Status
from support import bursttasks
from support.waiting import wait_until

if TYPE_CHECKING:
    from support.burstsite import BurstSite

INVOCATIONS = 1000


def test_a_cold_and_warm_sandbox_drain_the_queue_over_the_same_connections(site: BurstSite) -> None:
    sandbox = site.sandbox()
    for round_ in range(3):
        jobs = bursttasks.work.queue_many([{"key": f"{round_}-{n}"} for n in range(20)])
        answer = sandbox.invoke({"concurrency": 4})
        assert answer.error is None, sandbox.log
        assert (answer.payload["jobs"], answer.payload["reason"]) == (20, "its queues are empty")
        assert site.statuses() == {"success": 20 * (round_ + 1)}
        assert jobs[0].result()["pid"] == sandbox.pid
    assert len(set(site.worker_statuses().values())) == 1
    assert site.worker_statuses() == dict.fromkeys(site.worker_statuses(), "stop")
    assert len(site.worker_statuses()) == 3, "one identity an invocation"
    assert sandbox.log.count("connecting anew") == 0


def test_a_bad_event_gets_a_clear_error_and_touches_nothing(site: BurstSite) -> None:
    bursttasks.work.queue(key="a")
    answer = site.sandbox().invoke({"queue": ["default"]})
    assert answer.error is not None
    assert answer.error["errorType"] == "BadEventError"
    assert answer.error["errorMessage"].startswith("a burst's event has no key 'queue'; did you mean 'queues'?")
    assert site.statuses() == {"queued": 1}
    assert site.worker_statuses() == {}


def test_at_the_margin_jobs_are_handed_back_before_the_deadline(site: BurstSite) -> None:
    sandbox = site.warm_sandbox()
    bursttasks.spin.queue_many([{"key": f"spin{n}", "seconds": 600} for n in range(2)])
    bursttasks.work.queue(key="slept", seconds=600)
    answer = sandbox.invoke({"concurrency": 2, "margin": 3}, seconds=8)
    assert not answer.killed
    assert answer.payload["reason"] == "its time is up"
    assert answer.payload["interrupted"] == 2
    assert site.statuses() == {"interrupt": 2, "queued": 1}
    assert set(site.worker_statuses().values()) == {"stop"}
    assert sandbox.alive
    assert site.ledger.running(sandbox.pid) == []


def test_a_timeout_ends_code_that_never_yields(site: BurstSite) -> None:
    bursttasks.spin.queue(key="spin", seconds=600)
    bursttasks.work.queue(key="next")
    site.write_config("TASKS = {'support.bursttasks.spin': {'timeout': 1, 'burst_limit': 1}}")
    sandbox = site.sandbox()
    answer = sandbox.invoke({})
    assert answer.error is None, sandbox.log
    assert site.statuses() == {"timeout": 1, "success": 1}


def test_a_sandbox_that_is_killed_at_its_deadline_needs_no_guess(site: BurstSite) -> None:
    """A regex holds the interpreter: nothing in the process can hand the jobs back."""
    sandbox = site.warm_sandbox()
    bursttasks.hold_the_gil.queue(key="held")
    answer = sandbox.invoke({"margin": 1}, seconds=6)
    assert answer.killed
    assert site.statuses() == {"started": 1}
    (worker,) = site.app.workers.alive(10)
    assert abs((worker["deadline"] - site.app.clock.now()).total_seconds()) < 10
    site.ledger.note_death(sandbox.pid)
    other = site.container()
    site.wait_for_statuses({"success": 1}, timeout=60)
    assert site.worker_statuses()[str(worker["_id"])] == "lost"
    assert "its time is over" in other.log


def test_a_thread_in_a_c_call_does_not_go_on_beside_its_successor_after_a_thaw(site: BurstSite) -> None:
    port = site.silent_peer()
    sandbox = site.warm_sandbox()
    bursttasks.receive.queue(key="stuck", port=port)
    answer = sandbox.invoke({"margin": 3}, seconds=8)
    assert answer.exit_code == 1, "the sandbox is given up"
    assert not answer.killed
    assert "this sandbox is given up" in sandbox.log
    assert site.statuses() == {"interrupt": 1}
    assert set(site.worker_statuses().values()) == {"stop"}
    site.ledger.note_death(sandbox.pid)
    successor = site.sandbox()
    wait_until(lambda: successor.invoke({}).payload["jobs"], 30, what="the job came back", interval=0.5)
    assert site.statuses() == {"success": 1}
    assert site.ledger.at_once() == []
    assert len(site.ledger.runs_of("stuck")) == 2


def test_connections_that_died_while_frozen_are_made_again(site: BurstSite) -> None:
    environment, proxies = site.proxied()
    sandbox = site.sandbox(**environment)
    bursttasks.work.queue(key="before")
    assert sandbox.invoke({}).payload["jobs"] == 1
    assert all(proxy.drop_all() for proxy in proxies)
    bursttasks.work.queue(key="after")
    answer = sandbox.invoke({}, seconds=90)
    assert answer.error is None, sandbox.log
    assert answer.payload["jobs"] == 1
    assert site.statuses() == {"success": 2}


def test_a_frozen_sandbox_does_nothing_and_holds_nothing(site: BurstSite) -> None:
    sandbox = site.sandbox()
    bursttasks.work.queue(key="a")
    sandbox.invoke({})
    wait_until(lambda: psutil.Process(sandbox.pid).status() == psutil.STATUS_STOPPED, what="it is frozen")
    assert sum(site.app.jobs.count_by_queue(Status.STARTED).values()) == 0
    assert site.app.workers.alive(10) == []


def test_an_answer_over_6_mb_is_an_error_of_the_platform(site: BurstSite) -> None:
    answer = site.sandbox("support.bursttasks.large_answer").invoke({})
    assert answer.error == {"errorType": "Function.ResponseSizeTooLarge"}


def test_memory_does_not_grow_with_the_number_of_invocations(site: BurstSite) -> None:
    sandbox = site.sandbox(MRQ_LOG_LEVEL="WARNING")
    process = psutil.Process(sandbox.pid)
    rss: list[int] = []
    for n in range(INVOCATIONS):
        bursttasks.work.queue(key=f"job{n}")
        assert sandbox.invoke({"concurrency": 2}).error is None, sandbox.log
        rss.append(int(process.memory_info().rss))
    assert growth(rss[INVOCATIONS // 5 :]) < resource.getpagesize(), "less than the least that a process can grow by"


def growth(rss: list[int]) -> float:
    """Bytes an invocation, given the memory after each: the middle one of the slopes over half of them, so that neither
    a step of the allocator counts nor the peak of a moment."""
    half = len(rss) // 2
    return statistics.median((rss[n + half] - rss[n]) / half for n in range(len(rss) - half))


@pytest.mark.parametrize("server", ["MongoDB", "Redis"])
def test_a_server_that_falls_silent_does_not_hold_a_burst_beyond_its_end(site: BurstSite, server: str) -> None:
    """Claims ask both: this one has a raw queue too."""
    site.write_config("RAW_QUEUES = {'other_raw': {'job_factory': lambda payload: {'path': 't.T', 'params': {}}}}")
    environment, proxies = site.proxied()
    sandbox = site.sandbox(**environment, MRQ_SERVER_TIMEOUT="60")
    assert sandbox.invoke({}).payload["jobs"] == 0
    bursttasks.work.queue(key="long", seconds=600)
    sandbox.begin({"queues": ["default", "other_raw"], "concurrency": 2, "margin": 3}, seconds=8)
    site.wait_for_runs(1)
    proxies[["MongoDB", "Redis"].index(server)].fall_silent()
    answer = sandbox.finish()
    assert not answer.killed, "it has left by itself"
    site.ledger.note_death(sandbox.pid)
    if server == "Redis":
        assert site.statuses() == {"interrupt": 1}, "what could be written was"
    else:
        assert answer.exit_code == 1, "nothing goes on in it after a thaw"
        assert site.statuses() == {"started": 1}
        (worker,) = site.app.workers.alive(10)
        site.container()
        wait_until(lambda: site.worker_statuses()[str(worker["_id"])] == "lost", 30, what="the stated end has passed")


def test_a_job_far_longer_than_its_task_goes_to_a_container_after_two_bursts(site: BurstSite) -> None:
    sandbox = site.warm_sandbox()
    bursttasks.work.queue(key="long", seconds=600)

    def cut_short() -> bool:
        return bool(sandbox.invoke({"margin": 1}, seconds=4).payload["interrupted"])

    def left_alone() -> bool:
        assert sandbox.invoke({}).payload["jobs"] == 0
        return site.statuses() == {"queued": 1}

    for _ in range(MOST_OVERRUNS):
        wait_until(cut_short, 30, what="its turn has come again")
    assert "bursts leave it to containers" in sandbox.log
    wait_until(left_alone, 30, what="it waits again")
    container = site.container()
    site.wait_for_runs(MOST_OVERRUNS + 1)
    assert [run.key for run in site.ledger.running(container.child_pid)] == ["long"]


@pytest.mark.parametrize("when", ["claimed", "running"])
def test_a_sandbox_that_is_killed_at_any_moment_loses_nothing(site: BurstSite, when: str) -> None:
    sandbox = site.warm_sandbox()
    bursttasks.work.queue_many([{"key": f"job{n}", "seconds": 0.5} for n in range(8)])
    sandbox.begin({"concurrency": 4, "margin": 1}, seconds=10)
    if when == "running":
        site.wait_for_runs(2)
    else:
        wait_until(lambda: site.statuses().get("started", 0) > 0, what="jobs are claimed")
    os.kill(sandbox.pid, signal.SIGKILL)
    assert sandbox.finish().exit_code == -signal.SIGKILL
    site.ledger.note_death(sandbox.pid)
    site.container()
    site.wait_for_statuses({"success": 8}, timeout=60)
    assert site.ledger.at_once() == []


def test_a_burst_on_gevent(site: BurstSite) -> None:
    (site.folder / "gevent_burst.py").write_text(
        "from gevent import monkey\nmonkey.patch_all()\nfrom mrq_lambda.burst import handler\n"
    )
    bursttasks.work.queue_many([{"key": f"job{n}", "seconds": 0.5} for n in range(40)])
    sandbox = site.sandbox("gevent_burst.handler")
    for jobs in (40, 0):
        answer = sandbox.invoke({"concurrency": 40})
        assert answer.error is None, sandbox.log
        assert answer.payload["jobs"] == jobs
    assert site.statuses() == {"success": 40}


def test_the_scheduler_and_the_producer_in_the_real_runtime(site: BurstSite) -> None:
    site.write_config(
        "SCHEDULER_TASKS = [{'path': 'support.bursttasks.work', 'params': {'key': 'often'}, 'interval': 1}]\n"
        "EVENT_JOBS = [{'source': 'sqs', 'task': 'support.bursttasks.work'}]\n"
    )
    message = {"messageId": "m1", "body": '{"key": "told"}', "eventSource": "aws:sqs",
               "eventSourceARN": "arn:aws:sqs:eu-west-1:1:q"}  # fmt: skip
    producer = site.sandbox("mrq_lambda.events.handler")
    for _ in range(2):
        answer = producer.invoke({"Records": [message]})
        assert answer.payload == {"batchItemFailures": []}, producer.log
    scheduler = site.sandbox("mrq_lambda.scheduler.handler")
    wait_until(lambda: (scheduler.invoke({}).payload or {}).get("queued"), 30, what="the schedule is due", interval=0.5)
    told = site.sandbox().invoke({})
    assert told.payload["jobs"] >= 2
    assert site.ledger.keys() == {"often", "told"}
    assert len(site.ledger.runs_of("told")) == 1
