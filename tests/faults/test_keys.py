"""The primary of a replica set dies under producers that all queue the same keys."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from mrq.job import queue_jobs
from support.faultsite import FaultSite
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from mrq.embedded import EmbeddedReplicaSet, EmbeddedServers

pytestmark = pytest.mark.faults

PRODUCERS, KEYS, CALL = 4, 4000, 20


def test_keys_stay_single_through_the_death_of_the_primary(
    replica_set_to_kill: EmbeddedReplicaSet, lasting_servers: EmbeddedServers, tmp_path: Path
) -> None:
    with FaultSite(replica_set_to_kill.url, lasting_servers.redis_url, tmp_path, "mrq_keys") as site:
        told: dict[str, set[str]] = defaultdict(set)
        errors: list[BaseException] = []

        def produce() -> None:
            try:
                for start in range(0, KEYS, CALL):
                    keys = [f"key{n}" for n in range(start, start + CALL)]
                    ids = queue_jobs("support.faulttasks.work", [{"key": key} for key in keys], keys=keys)
                    for key, job in zip(keys, ids, strict=True):
                        told[key].add(str(job))
            except BaseException as error:
                errors.append(error)

        producers = [threading.Thread(target=produce, daemon=True) for _ in range(PRODUCERS)]
        for producer in producers:
            producer.start()
        wait_until(lambda: len(told) >= KEYS // 4, 60, what="a quarter of the keys is queued")
        assert all(producer.is_alive() for producer in producers)
        replica_set_to_kill.primary().kill()
        for producer in producers:
            producer.join(60)
        assert errors == []
        assert len(told) == KEYS
        assert {len(ids) for ids in told.values()} == {1}
        stored = {document["params"]["key"]: str(document["_id"]) for document in site.jobs()}
        assert len(list(site.jobs())) == KEYS
        assert {key: {job} for key, job in stored.items()} == told
