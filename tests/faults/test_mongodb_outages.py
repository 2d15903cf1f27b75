"""MongoDB dies, hangs and comes back under running workers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from support import faulttasks
from support.producer import Producer
from support.waiting import wait_until
from support.workers import LEASE

if TYPE_CHECKING:
    from mrq.embedded import EmbeddedServers
    from support.faultsite import FaultSite

pytestmark = pytest.mark.faults

OUTAGE = 2.5 * LEASE


def finish(site: FaultSite, count: int) -> None:
    """Wait until so many runs have ended."""
    wait_until(lambda: site.ledger.finished() >= count, 60, what=f"{count} runs finished")


def test_no_job_is_lost_when_mongod_is_killed_and_restarted(
    fragile_site: FaultSite, servers_to_kill: EmbeddedServers
) -> None:
    worker = fragile_site.worker()
    child = worker.child_pid
    keys = [f"job{number}" for number in range(2000)]
    faulttasks.work.queue_many([{"key": key, "seconds": 0.04} for key in keys])
    finish(fragile_site, 300)
    servers_to_kill.mongo.kill()  # a short outage: some drivers hardly notice
    servers_to_kill.mongo.start()
    finish(fragile_site, 1000)
    servers_to_kill.mongo.kill()  # and one that can't be overlooked
    worker.wait_for_log("written yet, MongoDB is away")
    servers_to_kill.mongo.start()

    fragile_site.wait_for_statuses({"success": len(keys)})
    fragile_site.assert_all_ran(keys)
    assert worker.child_pid == child
    assert len(worker.identities) == 1
    worker.wait_for_log("MongoDB is back")
    assert "CRITICAL" not in worker.log
    assert "Traceback" not in worker.log


def test_every_acknowledged_job_survives_the_death_of_mongod(
    fragile_site: FaultSite, servers_to_kill: EmbeddedServers
) -> None:
    fragile_site.worker()
    producer = Producer(2000)
    producer.start()
    for acknowledged in (400, 800, 1200):  # what is not yet in the journal is lost each time
        producer.wait_until_amidst(acknowledged)
        servers_to_kill.mongo.kill()
        servers_to_kill.mongo.start()
    producer.join(60)
    producer.assert_done()
    fragile_site.assert_all_succeed(producer.acknowledged)


@pytest.mark.parametrize("kind", ["hangs", "is gone"])
def test_an_outage_longer_than_the_lease_costs_no_living_worker_its_jobs(
    fragile_site: FaultSite, servers_to_kill: EmbeddedServers, kind: str
) -> None:
    workers = fragile_site.workers(3, greenlets=10)
    keys = [f"job{number}" for number in range(30)]
    faulttasks.work.queue_many([{"key": key, "seconds": OUTAGE + 4} for key in keys])
    fragile_site.wait_for_runs(len(keys))
    children = [worker.child_pid for worker in workers]

    if kind == "hangs":
        servers_to_kill.mongo.pause()
    else:
        servers_to_kill.mongo.kill()
    time.sleep(OUTAGE)  # the length of the outage is what matters here
    if kind == "hangs":
        servers_to_kill.mongo.resume()
    else:
        servers_to_kill.mongo.start()

    fragile_site.wait_for_statuses({"success": len(keys)})
    runs = fragile_site.ledger.runs()
    assert sorted(ran.key for ran in runs) == sorted(keys), "each job ran once"
    assert {ran.pid for ran in runs} == set(children), "all three had taken jobs"
    # Whoever would take another for dead does so at the latest a lease after the first heartbeats that came through.
    time.sleep(LEASE + 1)
    assert "lost" not in fragile_site.worker_statuses().values()
    assert len(fragile_site.worker_statuses()) == 3
    assert [worker.child_pid for worker in workers] == children
