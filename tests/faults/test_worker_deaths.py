"""Workers that die in the middle of their jobs: nothing is lost, nothing runs twice at once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from support import faulttasks
from support.waiting import wait_until
from support.workers import LEASE

if TYPE_CHECKING:
    from support.faultsite import FaultSite

pytestmark = pytest.mark.faults

MARGIN = 12.0  # seconds beyond the lease until lost jobs are back at work, on a busy machine


@pytest.mark.parametrize(
    ("guard", "child"),
    [(True, True), (False, True), (True, False)],
    ids=["guard and child", "only the child", "only the guard"],
)
def test_the_jobs_of_a_killed_worker_run_again_within_the_lease(site: FaultSite, guard: bool, child: bool) -> None:
    doomed, _other = site.workers(2)
    keys = [f"job{number}" for number in range(80)]
    faulttasks.work.queue_many([{"key": key, "seconds": 2} for key in keys])
    wait_until(lambda: len(site.ledger.running(doomed.child_pid)) >= 5, what="the first worker is in the middle")

    interrupted = {ran.key for ran in site.ledger.running(doomed.child_pid)}
    killed_at = time.monotonic()
    dead = doomed.kill(guard=guard, child=child)

    site.wait_for_statuses({"success": len(keys)})
    site.assert_all_ran(keys)
    for key in interrupted:
        again = [ran for ran in site.ledger.runs_of(key) if ran.pid != dead]
        assert again, f"{key} was interrupted and is said to have succeeded, but didn't run again"
        assert again[0].start - killed_at < LEASE + MARGIN
    if guard:
        wait_until(lambda: not doomed.processes(), what="nothing is left of the killed worker")
    else:
        assert doomed.running
        assert len(doomed.wait_ready(times=2).identities) == 2, "a new child serves under a new identity"
        assert site.worker_statuses()[doomed.identities[0]] == "stop", "the guard saw to its jobs, no rescue was needed"


def test_a_job_that_kills_its_worker_each_time_takes_no_other_job_along(site: FaultSite) -> None:
    worker = site.worker()
    faulttasks.work.queue_many([{"key": f"before{number}", "seconds": 0.2} for number in range(50)])
    poison = faulttasks.die.queue("poison")
    faulttasks.work.queue_many([{"key": f"after{number}", "seconds": 0.2} for number in range(49)])

    site.wait_for_statuses({"success": 99, "failed": 1}, timeout=90)
    job = site.job(poison)
    assert job["status"] == "failed"
    assert job["exceptiontype"] == "WorkerLost"
    assert job["losses_alone"] == site.app.settings.max_losses
    assert len(site.ledger.runs_of("poison")) == job["losses"]
    site.assert_all_ran([f"before{number}" for number in range(50)] + [f"after{number}" for number in range(49)])
    assert worker.running
