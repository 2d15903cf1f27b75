"""Worker groups for a dispatcher, on stores in memory, and a round of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mrq.domain.worker import WorkerRecord
from mrq_lambda.dispatcher import dispatch
from support.cloud import CLUSTER, Cloud
from support.lambdacontext import FakeContext

if TYPE_CHECKING:
    from mrq.app import App

WORK = "support.bursttasks.work"  # declares a burst_limit of a second
SIZING = {"queues": ["default"], "target": {"backlog_per_worker": 10}, "scale_in_patience": 0, "start_up": 1}
BURSTS = {**SIZING, "max_bursts": 5, "jobs_per_burst": 4}


def group(app: App, name: str = "g", **document: Any) -> None:
    """Keep one."""
    app.agents.put_group(name, document)


def ecs(service: str = "workers") -> dict[str, str]:
    """What a group says of its service."""
    return {"cluster": CLUSTER, "service": service}


def queue(app: App, jobs: int, path: str = WORK, name: str = "default") -> None:
    """Queue so many jobs."""
    app.enqueuer.enqueue(path, [{"key": f"k{n}"} for n in range(jobs)], name)


def run(app: App, cloud: Cloud, event: Any = None, seconds: float = 60.0) -> dict[str, Any]:
    """One round; what it answers."""
    return dispatch(app, event or {}, FakeContext(seconds), cloud.client)


def burst_runs(app: App, group: str, minutes: float = 5.0) -> None:
    """As if one had begun, with so much time left."""
    now = app.clock.now()
    about: Any = {"config": {"worker_group": group}, "deadline": now + timedelta(minutes=minutes)}
    app.workers.register(WorkerRecord(app.jobs.new_id(), "burst", now, 15.0, **about))
