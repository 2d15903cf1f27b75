"""What jobs log while MongoDB is away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mrq.job import get_job_logs, queue_job
from support.waiting import wait_until

if TYPE_CHECKING:
    from mrq.embedded import EmbeddedServers
    from support.faultsite import FaultSite

pytestmark = pytest.mark.faults


def test_lines_that_are_written_during_an_outage_come_later(
    servers_to_kill: EmbeddedServers, fragile_site: FaultSite
) -> None:
    """The job goes on, its worker lives, and its log is whole."""
    worker = fragile_site.worker("--report_interval", "0.2", greenlets=1)
    job = queue_job("support.workertasks.Chatter", {"lines": 40, "pause": 0.1})
    wait_until(lambda: get_job_logs(job), what="the first lines")
    servers_to_kill.mongo.kill()
    worker.wait_for_log("line 30")
    servers_to_kill.mongo.start()
    fragile_site.wait_for_statuses({"success": 1})

    def text() -> str:
        return "".join(piece.text for piece in get_job_logs(job))

    wait_until(lambda: "line 39" in text(), 20, what="the last line")
    said = [line.rsplit(" ", 1)[1] for line in text().splitlines() if "line" in line]
    assert said == [str(n) for n in range(40)], "each once and in order"
    assert worker.running
