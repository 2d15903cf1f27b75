"""Limits over several worker processes: kept to, and never stuck, whoever dies."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from support import limitedtasks
from support.waiting import wait_until
from support.workers import LEASE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mrq.embedded import EmbeddedServers
    from support.faultsite import FaultSite
    from support.ledger import Ran

pytestmark = pytest.mark.faults

MARGIN = 20.0  # seconds, on a busy machine


def most_at_once(runs: Iterable[Ran]) -> int:
    """The largest number of runs that were under way together."""
    moments = sorted((at, step) for ran in runs for at, step in ((ran.start, 1), (ran.end, -1)))
    now = most = 0
    for _, step in moments:
        now += step
        most = max(most, now)
    return most


def most_within(starts: list[float], seconds: float) -> int:
    """The largest number of starts in any stretch of so many seconds."""
    starts = sorted(starts)
    return max(sum(start <= other < start + seconds for other in starts) for start in starts)


def semaphore(site: FaultSite, name: str) -> str:
    return f"task:support.limitedtasks.{name}"


def test_no_more_than_the_limit_run_over_all_workers(site: FaultSite) -> None:
    site.workers(3, greenlets=8)
    limitedtasks.at_most_three.queue_many([{"key": f"job{n}", "seconds": 0.1} for n in range(60)])
    site.wait_for_statuses({"success": 60}, timeout=90)
    assert most_at_once(site.ledger.runs()) == 3
    assert len(site.ledger.runs()) == 60, "each ran once"
    assert site.app.semaphores.count(semaphore(site, "at_most_three")) == 0
    assert all(document.get("retry_count", 0) == 0 for document in site.jobs())


def test_those_above_the_limit_end_as_in_0_9(site: FaultSite) -> None:
    site.workers(3, greenlets=8)
    limitedtasks.three_or_end.queue_many([{"key": f"job{n}", "seconds": 3} for n in range(12)])
    site.wait_for_statuses({"success": 3, "maxconcurrency": 9})
    assert most_at_once(site.ledger.runs()) == 3
    for document in site.jobs():
        if document["status"] == "maxconcurrency":
            assert document["exceptiontype"] == "MaxConcurrencyInterrupt"
            assert "MaxConcurrencyInterrupt" in document["traceback"]
            assert document["dateexpires"]
    limitedtasks.three_or_end.queue("afterwards", 0)
    site.wait_for_statuses({"success": 4, "maxconcurrency": 9})


@pytest.mark.parametrize("rescued", [True, False], ids=["a worker is left", "nobody is left"])
def test_a_worker_killed_between_the_end_and_the_release_blocks_nobody_for_long(site: FaultSite, rescued: bool) -> None:
    doomed = site.worker(**{limitedtasks.NO_RELEASE: "1"})
    limitedtasks.one.queue("first")
    site.wait_for_statuses({"success": 1})
    assert site.app.semaphores.count(semaphore(site, "one")) == 1, "it was not released"
    if rescued:
        site.worker()
    doomed.kill()
    killed = time.monotonic()
    if rescued:
        limitedtasks.one.queue("second")
        site.wait_for_statuses({"success": 2})
        assert site.ledger.runs_of("second")[0].start - killed < LEASE + MARGIN
        assert most_at_once(site.ledger.runs()) == 1
    else:
        wait_until(lambda: site.app.semaphores.count(semaphore(site, "one")) == 0, 2 * LEASE + MARGIN)


def test_the_guard_frees_the_permits_of_a_child_that_died(site: FaultSite) -> None:
    doomed = site.worker()
    limitedtasks.one.queue("first", 1)
    wait_until(lambda: site.ledger.running(doomed.child_pid))
    doomed.kill(guard=False)
    site.wait_for_statuses({"success": 1})
    assert len(site.ledger.runs_of("first")) == 2
    assert most_at_once(site.ledger.runs()) == 1


def test_a_frozen_worker_blocks_nobody_for_long(site: FaultSite) -> None:
    doomed = site.worker(greenlets=3)
    limitedtasks.three_that_hold_once.queue_many([{"key": f"held{n}", "seconds": 600} for n in range(3)])
    site.wait_for_runs(3)
    doomed.freeze()
    site.worker()
    frozen = time.monotonic()
    limitedtasks.three_that_hold_once.queue("next", 0)  # it may wait for those again, which are older
    wait_until(lambda: site.ledger.runs_of("next"), 3 * LEASE + MARGIN)
    assert site.ledger.runs_of("next")[0].start - frozen < 2 * LEASE + MARGIN
    doomed.kill()


def test_a_permit_is_kept_for_a_worker_that_burns_cpu(site: FaultSite) -> None:
    lease = 8.0  # longer than usual, so that a busy machine has started the guard's helper by then
    burning, other = site.workers(2, "--lease", f"{lease:g}", greenlets=1)
    seconds = 2.5 * lease
    limitedtasks.one_burning.queue("burns", seconds)
    site.wait_for_runs(1)
    limitedtasks.one_burning.queue("waits", 0)
    wait_until(lambda: "its lease is kept for it" in burning.log + other.log)
    site.wait_for_statuses({"success": 2}, timeout=seconds + 30)
    assert len(site.ledger.runs()) == 2
    assert most_at_once(site.ledger.runs()) == 1
    assert burning.running
    assert other.running


def test_limits_hold_while_redis_is_restarted(fragile_site: FaultSite, servers_to_kill: EmbeddedServers) -> None:
    workers = fragile_site.workers(3, greenlets=4)
    limitedtasks.at_most_three.queue_many([{"key": f"job{n}", "seconds": 2.0} for n in range(24)])
    fragile_site.wait_for_runs(6)
    servers_to_kill.redis.kill()
    wait_until(lambda: any("can be neither renewed" in worker.log for worker in workers), 20)
    servers_to_kill.redis.start()
    fragile_site.wait_for_statuses({"success": 24}, timeout=90)
    assert len(fragile_site.ledger.runs()) == 24, "each ran once"
    assert most_at_once(fragile_site.ledger.runs()) == 3
    assert fragile_site.app.semaphores.count(semaphore(fragile_site, "at_most_three")) == 0


def test_without_redis_jobs_with_limits_wait_and_others_run(
    fragile_site: FaultSite, servers_to_kill: EmbeddedServers
) -> None:
    fragile_site.worker()
    servers_to_kill.redis.kill()
    limitedtasks.one.queue("limited")
    limitedtasks.twenty_a_second.queue("paced")
    from support import faulttasks

    faulttasks.work.queue("free")
    fragile_site.wait_for_statuses({"success": 1, "queued": 2})
    assert fragile_site.ledger.keys() == {"free"}
    servers_to_kill.redis.start()
    fragile_site.wait_for_statuses({"success": 3})
    assert all("traceback_history" not in document for document in fragile_site.jobs())


def test_no_more_start_in_any_second_than_the_rate_allows(site: FaultSite) -> None:
    site.workers(2, greenlets=10)
    site.wait_for_listeners(2)
    queued = time.monotonic()
    limitedtasks.twenty_a_second.queue_many([{"key": f"job{n}"} for n in range(120)])
    site.wait_for_statuses({"success": 120}, timeout=60)
    starts = [ran.start for ran in site.ledger.runs()]
    assert len(starts) == 120
    assert most_within(starts, 1.0) <= 20
    assert max(starts) - queued < 120 / 20 * 1.05 + MARGIN, "and not many fewer"
    assert len({ran.pid for ran in site.ledger.runs()}) == 2


QUEUE_LIMIT = """
QUEUES_CONFIG = {"few": {"max_concurrency": 2}}
"""


def test_jobs_of_a_queue_with_a_limit_wait_in_their_queue(site: FaultSite) -> None:
    from support import faulttasks

    (site.folder / "mrq-config.py").write_text(QUEUE_LIMIT)
    first, *_ = site.workers(3, "few", "few/", greenlets=5)
    params = [{"key": f"job{n}", "seconds": 0.2} for n in range(20)]
    site.app.enqueuer.enqueue(faulttasks.work.path, params, "few")
    site.app.enqueuer.enqueue(faulttasks.work.path, [{"key": f"sub{n}", "seconds": 0.2} for n in range(10)], "few/sub")
    site.app.enqueuer.enqueue(faulttasks.work.path, [{"key": "free", "seconds": 3}], "default")
    wait_until(lambda: len(site.ledger.runs()) >= 3)
    started = time.monotonic()
    first.kill()
    site.wait_for_statuses({"success": 31}, timeout=60)
    runs = [ran for ran in site.ledger.runs() if ran.key != "free"]
    assert most_at_once(runs) == 2
    assert time.monotonic() - started < 30 * 0.2 / 2 + 2 * LEASE + 2 * MARGIN
    assert all("datedue" not in document for document in site.jobs())
    wait_until(lambda: site.app.semaphores.count("queue:few") == 0, LEASE + MARGIN, what="the permits are given back")
