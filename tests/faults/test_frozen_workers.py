"""Workers that stand still: those that are only busy keep their jobs, those that were suspended lose them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import faulttasks
from support.waiting import wait_until
from support.workers import LEASE

if TYPE_CHECKING:
    from support.faultsite import FaultSite

pytestmark = pytest.mark.faults


def test_a_job_that_holds_the_gil_for_twice_the_lease_is_not_rescued(site: FaultSite) -> None:
    busy = site.worker()
    job = faulttasks.hold_the_gil_with_a_regex.queue("regex", 2 * LEASE)
    site.wait_for_runs(1)
    site.worker()

    site.wait_for_statuses({"success": 1}, timeout=60)
    (ran,) = site.ledger.runs_of("regex")
    assert ran.end - ran.start > 1.5 * LEASE, "it was not long enough to show anything"
    assert ran.pid == busy.child_pid
    assert site.job(job)["result"] == {"key": "regex", "pid": ran.pid}
    assert site.job(job).get("losses", 0) == 0
    busy.wait_for_log("its lease is kept for it")
    assert "lost" not in site.worker_statuses().values()
    assert len(busy.identities) == 1


@pytest.mark.parametrize("guard", [True, False], ids=["guard and child", "only the child"])
def test_what_a_resumed_worker_writes_late_is_refused(site: FaultSite, guard: bool) -> None:
    frozen = site.worker()
    jobs = [faulttasks.work.queue(f"job{number}", 2) for number in range(3)]
    site.wait_for_runs(3)
    first = frozen.child_pid
    frozen.freeze(guard=guard)
    other = site.worker()

    site.wait_for_statuses({"success": 3})
    assert site.worker_statuses()[frozen.identities[0]] == "lost"
    assert {site.job(job)["result"]["pid"] for job in jobs} == {other.child_pid}
    frozen.thaw()

    frozen.wait_for_log("was taken for dead")
    frozen.wait_ready(times=2)
    assert frozen.child_pid == first, "the same process goes on"
    wait_until(lambda: frozen.log.count("was not written") == 3, what="each late end is refused, and that is said")
    assert {site.job(job)["result"]["pid"] for job in jobs} == {other.child_pid}, "what the rescued runs wrote stands"
    assert all(site.job(job)["losses"] == 1 for job in jobs)

    other.close()
    faulttasks.work.queue("next")
    wait_until(lambda: site.ledger.runs_of("next"), what="the resumed worker takes jobs again")
    assert site.ledger.runs_of("next")[0].pid == first
    site.wait_for_statuses({"success": 4})
