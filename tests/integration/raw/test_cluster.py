"""A real worker on a Redis in cluster mode, with TLS: as on ElastiCache serverless."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mrq.domain.queuename import parse_queue
from mrq.job import queue_raw_jobs
from support import faulttasks
from support.faultsite import FaultSite
from support.rawqueues import CONFIG, KINDS
from support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("prefix", ["kept", "fast"])
def test_a_worker_serves_all_kinds_of_queues(
    mongodb_url: str, redis_cluster_url: str, tmp_path: Path, prefix: str
) -> None:
    (tmp_path / "mrq-config.py").write_text(CONFIG)
    names = [f"{prefix}_{kind}{sub}" for kind in KINDS for sub in ("", "/x", "/y")]
    served = [f"{prefix}_{kind}{slash}" for kind in KINDS for slash in ("", "/")]
    with FaultSite(mongodb_url, redis_cluster_url, tmp_path, f"mrq_{prefix}") as site:
        for name in names[:6]:
            put(name)
        worker = site.worker(*served)
        for name in names[6:]:
            put(name)
        keys = [name.replace("/", "-") for name in names]
        wait_until(lambda: set(keys) <= site.ledger.keys(), 60, what="all payloads ran")
        raw = site.app.raw
        wait_until(
            lambda: not any(raw.held_ids(r, w) for r in raw.roots() for w in raw.holders(r)), what="none is held"
        )
        assert not any(raw.size(parse_queue(name)) for name in names)
        faulttasks.work.queue("regular")
        wait_until(lambda: site.ledger.runs_of("regular"), what="regular queues work as well")
        site.wait_for_statuses({"success": 1 + (len(names) if prefix == "kept" else 0)})
        site.assert_all_ran(keys)
        assert "(cluster)" in worker.log
        assert "WARNING" not in worker.log


def put(name: str) -> None:
    """One payload, which is the key of its job."""
    key = name.replace("/", "-")
    queue_raw_jobs(name, {key: 1.0} if "sorted" in name or "timed" in name else [key])
