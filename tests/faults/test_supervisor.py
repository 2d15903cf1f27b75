"""`--processes N`: children that die, are stuck, are replaced or can't start; a supervisor that is killed."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import psutil
import pytest

from support import faulttasks
from support.waiting import wait_until

if TYPE_CHECKING:
    from support.faultsite import FaultSite
    from support.workers import WorkerProcess

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

SLOWLY = 90.0  # seconds, on a busy machine


def up(site: FaultSite, processes: int, *flags: str, **options: str) -> tuple[WorkerProcess, list[int]]:
    """A supervisor and its workers, all of which serve."""
    supervisor = site.start_worker("--processes", str(processes), *flags, **options)
    supervisor.wait_ready(times=processes)
    return supervisor, supervisor.child_pids()


def others(supervisor: WorkerProcess, gone: list[int], count: int) -> list[int]:
    """Wait until there are so many children that are not these; they."""

    def found() -> list[int]:
        now = supervisor.child_pids()
        return now if len(now) == count and not set(now) & set(gone) else []

    return wait_until(found, SLOWLY, what=f"{count} other children")


@pytest.mark.parametrize("guard", [(), ("--no_guard",)], ids=["guarded", "not guarded"])
def test_a_child_that_is_killed_is_replaced_and_its_jobs_run_again(site: FaultSite, guard: tuple[str, ...]) -> None:
    supervisor, children = up(site, 2, *guard, greenlets=2)
    assert len(children) == 2
    assert len(supervisor.processes()) == 3
    faulttasks.endless_at_first.queue("one")
    faulttasks.endless_at_first.queue("two")
    site.wait_for_runs(2)
    doomed = next(pid for pid in children if site.ledger.running(pid))
    held = {ran.key for ran in site.ledger.running(doomed)}
    os.kill(doomed, signal.SIGKILL)
    supervisor.wait_for_log(f"worker {doomed} died (killed by SIGKILL")

    for key in held:
        wait_until(lambda key=key: len(site.ledger.runs_of(key)) == 2, SLOWLY, what="it runs again")  # type: ignore[misc]
    supervisor.wait_ready(times=3)
    assert len(set(supervisor.child_pids()) - {doomed}) == 2
    supervisor.signal(signal.SIGTERM)
    assert supervisor.wait() == 0
    assert supervisor.processes() == []
    site.assert_all_ran(["one", "two"])


def test_a_supervisor_that_is_killed_takes_all_with_it_and_no_job_is_lost(site: FaultSite) -> None:
    doomed, children = up(site, 2, greenlets=2)
    for number in range(4):
        faulttasks.endless_at_first.queue(f"job{number}")
    site.wait_for_runs(4)
    for pid in children:
        site.ledger.note_death(pid)
    os.kill(doomed.guard_pid, signal.SIGKILL)
    wait_until(lambda: not doomed.processes(), what="nothing is left of it")
    site.worker()
    site.wait_for_statuses({"success": 4})
    site.assert_all_ran([f"job{number}" for number in range(4)])


def test_a_child_that_burns_cpu_keeps_its_jobs_and_one_that_is_stuck_is_replaced(site: FaultSite) -> None:
    supervisor, _ = up(site, 2, greenlets=1)
    busy = faulttasks.burn_for.queue("busy", 9)  # three leases
    stuck = faulttasks.hold_the_gil_in_native_code.queue("stuck")
    site.wait_for_runs(2)
    supervisor.wait_for_log("is killed", SLOWLY)
    wait_until(lambda: site.job(stuck)["status"] == "timeout", SLOWLY, what="the stuck job has timed out")
    wait_until(lambda: site.job(busy)["status"] == "success", SLOWLY, what="the busy job has ended")
    assert len(site.ledger.runs_of("busy")) == 1, "it was not rescued"
    supervisor.wait_ready(times=3)
    faulttasks.work.queue("after")
    site.wait_for_statuses({"timeout": 1, "success": 2})


def test_told_once_all_finish_their_jobs(site: FaultSite) -> None:
    supervisor, _ = up(site, 2, greenlets=1)
    faulttasks.work.queue_many([{"key": f"job{number}", "seconds": 3} for number in range(4)])
    site.wait_for_runs(2)
    supervisor.signal(signal.SIGINT)
    assert supervisor.wait(SLOWLY) == 0
    assert site.statuses() == {"success": 2, "queued": 2}
    assert set(site.worker_statuses().values()) == {"stop"}
    assert supervisor.processes() == []


def test_told_twice_all_interrupt_their_jobs(site: FaultSite) -> None:
    supervisor, _ = up(site, 2, greenlets=1)
    faulttasks.work.queue_many([{"key": f"job{number}", "seconds": 600} for number in range(2)])
    site.wait_for_runs(2)
    supervisor.signal(signal.SIGINT)
    wait_until(lambda: supervisor.log.count("stops: interrupted") == 2, what="both know")
    supervisor.signal(signal.SIGINT)
    assert supervisor.wait(SLOWLY) == 0
    assert site.statuses() == {"interrupt": 2}


def test_replaced_one_by_one_under_load_no_job_is_lost_and_none_interrupted(site: FaultSite) -> None:
    supervisor, children = up(site, 2, greenlets=5)
    keys = [f"job{number}" for number in range(120)]
    faulttasks.work.queue_many([{"key": key, "seconds": 0.5} for key in keys[:60]])
    site.wait_for_runs(5)
    supervisor.signal(signal.SIGHUP)
    faulttasks.work.queue_many([{"key": key, "seconds": 0.5} for key in keys[60:]])
    most = 0

    def replaced() -> bool:
        nonlocal most
        now = supervisor.child_pids()
        most = max(most, len(now))
        return len(now) == 2 and not set(now) & set(children)

    wait_until(replaced, SLOWLY, what="both are replaced")
    site.wait_for_statuses({"success": len(keys)}, SLOWLY)
    site.assert_all_ran(keys)
    assert len(site.ledger.runs()) == len(keys), "none ran twice"
    assert most == 3
    assert "died" not in supervisor.log


def test_new_settings_that_can_not_be_used_stop_the_replacement(site: FaultSite) -> None:
    config = site.folder / "mrq-config.py"
    config.write_text("GREENLETS = 1\nPROCESSES = 2\n")  # not a flag: it is found in the file too
    supervisor = site.start_worker()
    supervisor.wait_ready(times=2)
    children = supervisor.child_pids()
    config.write_text("DEQUEUE_STRATEGY = 'no.Such'\nPROCESSES = 2\n")
    supervisor.signal(signal.SIGHUP)
    supervisor.wait_for_log("are not replaced and work on", SLOWLY)
    assert supervisor.child_pids() == children
    faulttasks.work.queue("job")
    site.wait_for_statuses({"success": 1})


@pytest.mark.parametrize("flags", [("--dequeue_strategy", "no.Such"), ("--max_jobs", "many")])
def test_settings_that_can_not_be_used_are_said_once_and_end_it(site: FaultSite, flags: tuple[str, ...]) -> None:
    supervisor = site.start_worker("--processes", "3", *flags)
    assert supervisor.wait(SLOWLY) == 2
    assert supervisor.log.count(flags[1]) == 1, supervisor.log


def test_children_that_have_done_their_jobs_are_followed_by_others(site: FaultSite) -> None:
    supervisor, children = up(site, 1, "--max_jobs", "2", greenlets=1)
    faulttasks.work.queue_many([{"key": f"job{number}"} for number in range(6)])
    site.wait_for_statuses({"success": 6}, SLOWLY)
    pids = {document["result"]["pid"] for document in site.jobs()}
    assert len(pids) == 3
    assert children[0] in pids
    supervisor.wait_for_log("has ended (on purpose, exit code 0)")


def test_the_reports_of_children_say_how_many_there_are(site: FaultSite) -> None:
    supervisor, children = up(site, 2)
    parents = {psutil.Process(pid).ppid() for pid in children}
    assert parents == {supervisor.guard_pid}
    assert [document["config"]["processes"] for document in site.app.workers.alive(10)] == [2, 2]
