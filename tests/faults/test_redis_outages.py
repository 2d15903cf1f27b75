"""Redis only makes jobs start at once: without it they start by polling, and with it back at once again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from support import faulttasks
from support.waiting import wait_until

if TYPE_CHECKING:
    from mrq.embedded import EmbeddedServers
    from support.faultsite import FaultSite

pytestmark = pytest.mark.faults

AT_ONCE = 5.0  # seconds; far below the polling of a worker that must be woken
NEVER_POLLS = 60.0


def seconds_until_started(site: FaultSite, key: str, timeout: float) -> float:
    """Queue a job and measure how long its start takes."""
    queued = time.monotonic()
    faulttasks.work.queue(key)
    wait_until(lambda: site.ledger.runs_of(key), timeout, what=f"{key} started")
    return site.ledger.runs_of(key)[0].start - queued


def test_an_idle_worker_starts_a_queued_job_at_once(site: FaultSite) -> None:
    site.worker(max_latency=30)
    site.wait_for_listeners()
    waits = [seconds_until_started(site, f"job{number}", timeout=20) for number in range(5)]
    assert min(waits) < 0.5
    assert max(waits) < 2
    site.wait_for_statuses({"success": 5})


def test_without_redis_jobs_start_by_polling(fragile_site: FaultSite, servers_to_kill: EmbeddedServers) -> None:
    worker = fragile_site.worker(max_latency=2)
    servers_to_kill.redis.kill()
    worker.wait_for_log("no wake-ups")
    assert seconds_until_started(fragile_site, "one", timeout=20) < 2 + AT_ONCE
    assert seconds_until_started(fragile_site, "two", timeout=20) < 2 + AT_ONCE
    fragile_site.wait_for_statuses({"success": 2})
    assert worker.running


def test_an_idle_worker_is_woken_again_after_a_restart_of_redis(
    fragile_site: FaultSite, servers_to_kill: EmbeddedServers
) -> None:
    worker = fragile_site.worker(max_latency=NEVER_POLLS)
    fragile_site.wait_for_listeners()
    assert seconds_until_started(fragile_site, "before", timeout=20) < AT_ONCE
    servers_to_kill.redis.kill()
    worker.wait_for_log("no wake-ups")
    servers_to_kill.redis.start()
    worker.wait_for_log("Redis is back")
    assert seconds_until_started(fragile_site, "after", timeout=20) < AT_ONCE
    fragile_site.wait_for_statuses({"success": 2})


def test_a_redis_that_hangs_holds_up_neither_producers_nor_workers(
    fragile_site: FaultSite, servers_to_kill: EmbeddedServers
) -> None:
    fragile_site.worker(max_latency=1)
    fragile_site.wait_for_listeners()
    assert seconds_until_started(fragile_site, "before", timeout=20) < AT_ONCE
    servers_to_kill.redis.pause()
    queueing = time.monotonic()
    faulttasks.work.queue("meanwhile")
    assert time.monotonic() - queueing < 2 * fragile_site.app.settings.server_timeout
    fragile_site.wait_for_statuses({"success": 2}, timeout=20)
    servers_to_kill.redis.resume()
    assert seconds_until_started(fragile_site, "after", timeout=20) < AT_ONCE
