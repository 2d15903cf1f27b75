"""The primary of a replica set dies under a producer and its workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.faultsite import FaultSite
from support.producer import Producer

if TYPE_CHECKING:
    from pathlib import Path

    from mrq.embedded import EmbeddedReplicaSet, EmbeddedServers

pytestmark = pytest.mark.faults

JOBS = 2000


def test_every_acknowledged_job_survives_the_death_of_the_primary(
    replica_set_to_kill: EmbeddedReplicaSet, lasting_servers: EmbeddedServers, tmp_path: Path
) -> None:
    with FaultSite(replica_set_to_kill.url, lasting_servers.redis_url, tmp_path, "mrq_failover") as site:
        workers = site.workers(2)
        producer = Producer(JOBS)
        producer.start()
        producer.wait_until_amidst(JOBS // 4)
        replica_set_to_kill.primary().kill()
        producer.join(60)
        producer.assert_done()
        site.assert_all_succeed(producer.acknowledged)
        for worker in workers:
            assert len(worker.identities) == 1
            assert "CRITICAL" not in worker.log
            assert "Traceback" not in worker.log
