"""Statistics of real workers: what is counted is what happened, whoever dies and however many sum up."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from mrq import app_stats
from mrq.app import App
from mrq.domain.stats import Counts, Resolution
from mrq.domain.status import Status
from mrq.job import queue_raw_jobs
from support import faulttasks
from support.rawqueues import CONFIG
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from mrq.domain.figures import Figures
    from support.faultsite import FaultSite

pytestmark = pytest.mark.faults

REPORTS = ("--report_interval", "0.3")
SHORT, LONG = timedelta(minutes=30), timedelta(days=3)


@pytest.fixture(autouse=True)
def config(tmp_path: Path) -> None:
    """What workers find in their folder."""
    (tmp_path / "mrq-config.py").write_text(CONFIG)


def totals(site: FaultSite, *, by_task: bool = False) -> dict[str, Figures]:
    """All that was counted lately, as it is read."""
    now = site.app.clock.now()
    found = site.app.stats_reader.totals(now - SHORT, now + SHORT, Resolution.MINUTE, by_task=by_task)
    return {str(each.path if by_task else each.queue): each for each in found}


def ended(site: FaultSite) -> Counter[Status]:
    total: Counter[Status] = Counter()
    for figures in totals(site).values():
        total.update(figures.ended)
    return total


def summed_up(site: FaultSite, resolution: Resolution) -> Counts:
    """All that is stored of this resolution."""
    now, total = site.app.clock.now(), Counts()
    for period in site.app.stats_store.read(resolution, now - LONG, now + LONG, limit=1000):
        total.merge(period.tally.select())
    return total


def sum_up_at_once(site: FaultSite) -> None:
    """Three processes' worth of connections, each of which does all there is to do, as if days had passed."""
    gate = threading.Barrier(3)
    later = site.app.clock.now() + LONG

    def rounds() -> None:
        app = App(site.app.config)
        upkeep = app_stats.upkeep(app)
        assert upkeep is not None
        gate.wait(30)
        for _ in range(3):
            upkeep.stats_round(later)
        app.close()

    threads = [threading.Thread(target=rounds) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def test_what_is_counted_is_what_happened(site: FaultSite) -> None:
    workers = site.workers(2, "fast_raw", "kept_raw", *REPORTS)
    faulttasks.work.queue_many([{"key": f"good{number}", "seconds": 0.05} for number in range(150)])
    faulttasks.fail.queue_many([{"key": f"bad{number}"} for number in range(30)])
    payloads = [json.dumps({"task": "work", "params": {"key": f"raw{n}", "seconds": 0.01}}) for n in range(40)]
    queue_raw_jobs("fast_raw", payloads)
    queue_raw_jobs("kept_raw", payloads)
    site.wait_for_statuses({"success": 150 + 40, "failed": 30})
    wait_until(lambda: len(site.ledger.runs()) >= 260, what="those that are not stored ran too")
    for worker in workers:
        worker.signal(signal.SIGTERM)
    assert [worker.wait() for worker in workers] == [0, 0]

    by_queue, by_task = totals(site), totals(site, by_task=True)
    assert {name: each.started for name, each in by_queue.items()} == {"default": 180, "fast_raw": 40, "kept_raw": 40}
    assert by_queue["default"].ended == {Status.SUCCESS: 150, Status.FAILED: 30}
    assert by_queue["fast_raw"].ended == by_queue["kept_raw"].ended == {Status.SUCCESS: 40}
    assert {name.rpartition(".")[2]: each.settled for name, each in by_task.items()} == {"work": 230, "fail": 30}
    work = next(each for name, each in by_task.items() if name.endswith("work"))
    assert work.run is not None
    assert work.run.count == 230
    assert work.run.p50 >= 0.05 * 0.95
    assert by_queue["default"].wait is not None

    sum_up_at_once(site)
    for resolution in (Resolution.MINUTE, Resolution.HOUR, Resolution.DAY):
        found = summed_up(site, resolution)
        assert (found.started, found.ended) == (260, {Status.SUCCESS: 230, Status.FAILED: 30}), resolution
        assert found.run.count == 260
    assert ended(site) == {Status.SUCCESS: 230, Status.FAILED: 30}, "as before it was summed up"


def test_each_worker_tells_what_it_uses(site: FaultSite) -> None:
    worker = site.worker(*REPORTS, greenlets=7)
    faulttasks.work.queue_many([{"key": f"k{number}", "seconds": 3.0} for number in range(5)])
    identity, reader = site.app.jobs.parse_id(worker.identities[0]), site.app.stats_reader

    def busiest() -> float:
        now = site.app.clock.now()
        return max((each.busy for each in reader.worker_history(identity, now - SHORT, now + SHORT)), default=0.0)

    wait_until(lambda: busiest() > 0, what="a report with busy greenlets")
    now = site.app.clock.now()
    points = reader.worker_history(identity, now - SHORT, now + SHORT)
    assert points[0].greenlets == 7
    assert points[0].rss > 10_000_000
    assert any(point.cpu > 0 for point in points)
    fleet = reader.fleet_history(now - SHORT, now + SHORT, Resolution.HOUR)
    assert fleet[-1].largest_rss > 10_000_000


def test_of_a_killed_worker_only_what_it_had_not_reported_is_missing(site: FaultSite) -> None:
    doomed = site.worker(*REPORTS)
    faulttasks.work.queue_many([{"key": f"early{number}"} for number in range(100)])
    site.wait_for_statuses({"success": 100})
    wait_until(lambda: ended(site)[Status.SUCCESS] == 100, what="the early ones are reported")
    faulttasks.work.queue_many([{"key": f"late{number}", "seconds": 2.0} for number in range(60)])
    wait_until(lambda: len(site.ledger.running(doomed.child_pid)) >= 5, what="it is in the middle")
    killed_at = time.monotonic()
    dead = doomed.kill()

    heir = site.worker(*REPORTS)
    site.wait_for_statuses({"success": 160})
    heir.signal(signal.SIGTERM)
    assert heir.wait() == 0
    unreported = [ran for ran in site.ledger.runs() if ran.pid == dead and killed_at - 5 < ran.end < killed_at]
    successes = ended(site)[Status.SUCCESS]
    assert 160 - len(unreported) <= successes <= 160
    assert ended(site)[Status.QUEUED] > 0, "what it held went back to its queue, and that was counted"
    sum_up_at_once(site)
    assert summed_up(site, Resolution.DAY).ended[Status.SUCCESS] == successes


def test_workers_sum_up_and_look_at_the_queues_without_being_told(site: FaultSite) -> None:
    """It takes them until a minute has begun that is the second after the one in which something ran."""
    worker = site.worker(*REPORTS)
    faulttasks.work.queue_many([{"key": f"k{number}"} for number in range(10)])
    site.wait_for_statuses({"success": 10})
    wait_until(lambda: site.app.stats_store.samples(site.app.clock.now() - SHORT, site.app.clock.now() + SHORT, 9),
               80, what="somebody looked at the queues")  # fmt: skip
    assert worker.running
    history = site.app.stats_reader.queue_history("default", site.app.clock.now() - SHORT, site.app.clock.now())
    assert [point.waiting for point in history] == [0] * len(history)


def test_switched_off_nothing_is_counted(site: FaultSite) -> None:
    worker = site.worker(*REPORTS, "--no_stats")
    faulttasks.work.queue("k")
    site.wait_for_statuses({"success": 1})
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    assert totals(site) == {}
