"""Whoever requeues jobs dies when they are queued and no worker has been told yet."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mrq.job import jobs_matching
from support import faulttasks
from support.requeuer import DIED
from support.waiting import wait_until

if TYPE_CHECKING:
    from support.faultsite import FaultSite

pytestmark = pytest.mark.faults

TESTS = Path(__file__).parents[1]
KEYS = [f"job{number}" for number in range(30)]


@pytest.mark.parametrize(("how", "moved"), [("one", 1), ("many", 10)])
def test_requeued_jobs_run_though_nobody_told_the_workers(site: FaultSite, how: str, moved: int) -> None:
    faulttasks.work.queue_many([{"key": key} for key in KEYS])
    assert jobs_matching(queue="default").cancel().moved == len(KEYS)
    worker = site.worker(max_latency=1.0)
    site.wait_for_listeners()

    gone = subprocess.run(
        [sys.executable, "-m", "support.requeuer", site.mongodb_url, site.redis_url, site.prefix, how],
        env={**os.environ, "PYTHONPATH": str(TESTS)}, check=False, timeout=60,
    )  # fmt: skip
    assert gone.returncode == DIED
    wait_until(lambda: site.statuses() == {"success": moved, "cancel": len(KEYS) - moved}, what="the worker saw it")

    assert jobs_matching(status="cancel").requeue().moved == len(KEYS) - moved  # it can be gone on with
    site.wait_for_statuses({"success": len(KEYS)})
    assert sorted(ran.key for ran in site.ledger.runs()) == sorted(KEYS), "each ran once"
    assert "WARNING" not in worker.log
