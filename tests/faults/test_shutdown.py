"""How a worker ends when it is told to: jobs finish or come back by themselves, and no process stays behind."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from support import faulttasks
from support.waiting import wait_until

if TYPE_CHECKING:
    from mrq.embedded import EmbeddedServers
    from support.faultsite import FaultSite
    from support.workers import WorkerProcess

pytestmark = pytest.mark.faults

LONG = 600
PROMPTLY = 8.0  # seconds, for a worker that interrupts its jobs


def interrupt_twice(worker: WorkerProcess) -> None:
    """As an impatient person does."""
    worker.signal(signal.SIGINT)
    worker.wait_for_log("stops: interrupted")
    worker.signal(signal.SIGINT)


def terminate(worker: WorkerProcess) -> None:
    """As a container's host does."""
    worker.signal(signal.SIGTERM)


def assert_nothing_is_left(worker: WorkerProcess) -> None:
    """Neither guard nor child nor helper."""
    wait_until(lambda: not worker.processes(), what=f"nothing is left of {worker.name}")


def test_interrupted_once_a_worker_lets_its_jobs_finish_and_starts_no_new_ones(site: FaultSite) -> None:
    worker = site.worker(greenlets=2)
    faulttasks.work.queue_many([{"key": f"running{number}", "seconds": 3} for number in range(2)])
    site.wait_for_runs(2)
    faulttasks.work.queue_many([{"key": f"waiting{number}"} for number in range(5)])
    worker.signal(signal.SIGINT)

    assert worker.wait() == 0
    assert site.statuses() == {"success": 2, "queued": 5}
    assert site.ledger.keys() == {"running0", "running1"}
    assert set(site.worker_statuses().values()) == {"stop"}
    assert_nothing_is_left(worker)


@pytest.mark.parametrize("stop", [interrupt_twice, terminate], ids=["SIGINT twice", "SIGTERM"])
def test_interrupted_jobs_come_back_by_themselves(site: FaultSite, stop: Any) -> None:
    worker = site.worker("--interrupt_requeue_delay", "1")
    jobs = [faulttasks.work.queue(f"job{number}", LONG) for number in range(3)]
    site.wait_for_runs(3)
    began = time.monotonic()
    stop(worker)

    assert worker.wait() == 0
    assert time.monotonic() - began < PROMPTLY
    assert_nothing_is_left(worker)
    for job in jobs:
        document = site.job(job)
        assert document["status"] == "interrupt"
        assert document["exceptiontype"] == "JobInterrupt"
        assert (document["dateretry"] - document["dateupdated"]).total_seconds() == pytest.approx(1)
    assert set(site.worker_statuses().values()) == {"stop"}

    site.worker()
    site.wait_for_runs(6)
    site.wait_for_statuses({"started": 3})
    site.assert_all_ran([f"job{number}" for number in range(3)])


def test_interrupted_jobs_stay_when_they_are_not_to_be_requeued(site: FaultSite) -> None:
    worker = site.worker(MRQ_REQUEUE_INTERRUPTED="0", MRQ_INTERRUPT_REQUEUE_DELAY="0")
    job = faulttasks.work.queue("job", LONG)
    site.wait_for_runs(1)
    terminate(worker)
    assert worker.wait() == 0
    assert site.job(job)["status"] == "interrupt"
    assert "dateretry" not in site.job(job)

    site.worker()
    time.sleep(3)  # three rounds of the maintenance that would bring it back
    assert site.job(job)["status"] == "interrupt"
    assert len(site.ledger.runs()) == 1


def test_a_graceful_stop_interrupts_what_runs_after_the_stop_time_out(site: FaultSite) -> None:
    worker = site.worker("--stop_timeout", "2")
    faulttasks.work.queue("long", LONG)
    faulttasks.work.queue("short", 1)
    site.wait_for_runs(2)
    began = time.monotonic()
    worker.signal(signal.SIGINT)

    assert worker.wait() == 0
    assert 2 <= time.monotonic() - began < 2 + PROMPTLY
    assert site.statuses() == {"success": 1, "interrupt": 1}
    assert_nothing_is_left(worker)


def test_no_helper_outlives_a_worker_that_was_busy_without_yielding(site: FaultSite) -> None:
    worker = site.worker()
    faulttasks.hold_the_gil_with_a_regex.queue("busy", 4)
    worker.wait_for_log("its lease is kept for it")
    assert len(worker.processes()) == 3, "guard, child and the one that stands in"
    worker.signal(signal.SIGINT)

    assert worker.wait(60) == 0
    assert site.statuses() == {"success": 1}
    assert_nothing_is_left(worker)


def test_a_worker_told_to_stop_while_mongodb_is_away_writes_the_ends_of_its_jobs_first(
    fragile_site: FaultSite, servers_to_kill: EmbeddedServers
) -> None:
    worker = fragile_site.worker()
    faulttasks.work.queue_many([{"key": f"job{number}", "seconds": 2} for number in range(10)])
    fragile_site.wait_for_runs(10)
    servers_to_kill.mongo.kill()
    worker.signal(signal.SIGINT)
    worker.wait_for_log("written yet, MongoDB is away")
    servers_to_kill.mongo.start()

    assert worker.wait(40) == 0
    assert fragile_site.statuses() == {"success": 10}
    assert_nothing_is_left(worker)


def test_a_job_that_swallows_interruptions_holds_no_worker_up_and_runs_again(site: FaultSite) -> None:
    worker = site.worker()
    faulttasks.swallow_at_first.queue("stubborn")
    site.wait_for_runs(1)
    terminate(worker)
    worker.wait(30)
    assert_nothing_is_left(worker)

    site.worker()
    site.wait_for_statuses({"success": 1})
    site.assert_all_ran(["stubborn"])


@pytest.mark.parametrize("task", [faulttasks.burn_for, faulttasks.hold_the_gil_with_a_regex], ids=["Python", "native"])
def test_a_job_that_never_yields_does_not_hold_up_a_worker_that_is_told_to_end(site: FaultSite, task: Any) -> None:
    worker = site.worker()
    job = task.queue("busy", LONG)
    neighbour = faulttasks.work.queue("neighbour", LONG)
    site.wait_for_runs(1)
    terminate(worker)

    assert worker.wait(30) == 0
    assert_nothing_is_left(worker)
    for given_back in (job, neighbour):
        assert site.job(given_back)["status"] in ("queued", "interrupt")
        assert site.job(given_back).get("losses", 0) == 0, "it is not to blame"


def test_no_job_is_lost_when_workers_are_replaced_under_load(site: FaultSite) -> None:
    keys: list[str] = []
    worker = site.worker("--interrupt_requeue_delay", "0")
    for stop in (terminate, interrupt_twice, terminate):
        successor = site.worker("--interrupt_requeue_delay", "0")
        more = [f"job{number}" for number in range(len(keys), len(keys) + 200)]
        faulttasks.work.queue_many([{"key": key, "seconds": 0.3} for key in more])
        keys += more
        site.wait_for_runs(len(site.ledger.runs()) + 60)
        stop(worker)
        assert worker.wait() == 0
        worker = successor

    site.wait_for_statuses({"success": len(keys)})
    site.assert_all_ran(keys)


@pytest.mark.parametrize("what", ["a thread", "a pool of threads", "an exit handler"])
@pytest.mark.parametrize("guarded", [True, False], ids=["guarded", "alone"])
def test_what_tasks_leave_running_does_not_keep_an_ended_worker(site: FaultSite, what: str, guarded: bool) -> None:
    worker = site.worker(*([] if guarded else ["--no_guard"]))
    faulttasks.leave_something_running.queue("job", what)
    site.wait_for_statuses({"success": 1})
    worker.signal(signal.SIGINT)
    assert worker.wait(15) == 0
    assert set(site.worker_statuses().values()) == {"stop"}
    assert_nothing_is_left(worker)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_that_is_stopped_before_it_serves_ends_quietly(site: FaultSite, number: signal.Signals) -> None:
    worker = site.start_worker()
    assert worker.child_pid  # it has only just been started, and imports what it needs
    worker.signal(number)
    assert worker.wait() == 0
    assert "Traceback" not in worker.log
    assert_nothing_is_left(worker)
