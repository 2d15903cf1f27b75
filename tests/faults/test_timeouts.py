"""Jobs past their time-outs end, however stubborn they are, and take nobody along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support import faulttasks

if TYPE_CHECKING:
    from mrq.task import TaskFunction
    from support.faultsite import FaultSite

pytestmark = pytest.mark.faults


@pytest.mark.parametrize(
    ("stubborn", "replaced"),
    [
        (faulttasks.sleep_too_long, False),
        (faulttasks.swallow_everything, True),
        (faulttasks.burn, False),
        (faulttasks.hold_the_gil_in_native_code, True),
    ],
    ids=["sleeps", "swallows everything", "burns CPU", "holds the GIL in native code"],
)
def test_a_job_past_its_time_out_ends_and_its_neighbours_are_not_lost(
    site: FaultSite, stubborn: TaskFunction[[str], Any], replaced: bool
) -> None:
    worker = site.worker(greenlets=6)
    first = worker.child_pid
    neighbours = [f"neighbour{number}" for number in range(4)]
    faulttasks.work.queue_many([{"key": key, "seconds": 3} for key in neighbours])
    if replaced:  # one that is certainly in the middle when the process ends
        neighbours.append("long-neighbour")
        faulttasks.endless_at_first.queue(neighbours[-1])
    job = stubborn.queue("stubborn")

    site.wait_for_statuses({"success": len(neighbours), "timeout": 1}, timeout=60)
    assert site.job(job)["exceptiontype"] == "TimeoutInterrupt"
    assert len(site.ledger.runs_of("stubborn")) == 1
    site.assert_all_ran(neighbours)
    assert (worker.child_pid != first) == replaced

    faulttasks.work.queue("next")
    site.wait_for_statuses({"success": len(neighbours) + 1, "timeout": 1})
    assert "lost" not in site.worker_statuses().values()
    assert all(document.get("losses", 0) == 0 for document in site.jobs()), "nobody but the stubborn one is to blame"
