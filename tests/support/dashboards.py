"""Dashboards for tests, and short words for what is done with them."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from fastapi.testclient import TestClient

from mrq.domain.fingerprint import Signature, fingerprint
from mrq.domain.stats import Counts, Period, Resolution, Tally, period_id
from mrq.domain.status import Status
from mrq.domain.worker import WorkerRecord
from mrq.ports.reports import FAILED
from mrq.stores.ids import new_id
from mrq_dashboard.application import create_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from mrq.app import App

HOST, API = "http://127.0.0.1:5555", "/api/v1"
TASKS = "support.dashboardtasks"
ADD = f"{TASKS}.add"


@contextmanager
def client_of(app: App, **about: Any) -> Iterator[TestClient]:
    """A browser before a dashboard of this app."""
    application = create_app(app, **{"local_only": True, **about})
    with TestClient(application, base_url=HOST, raise_server_exceptions=False) as client:
        yield client


def put(app: App, status: str, **about: Any) -> str:
    """A job in a status, as its document would be; its id."""
    now = about.pop("now", None) or app.clock.now()
    if status in FAILED and "exceptiontype" in about:
        about = failed(now=now, **{"path": ADD, **about})
    document = {
        "_id": new_id(), "path": ADD, "params": {}, "queue": "default", "datequeued": now, "status": status, **about,
    }  # fmt: skip
    app._database.mrq_jobs.insert_one(document)
    return str(document["_id"])


def counted(app: App, minutes: int, seconds: float, runs: int, path: str = ADD, grown: int | None = None) -> None:
    """Runs that were counted so many minutes ago. `grown`: bytes by which all of them made their process grow."""
    start = app.clock.now().replace(second=0, microsecond=0) - timedelta(minutes=minutes)
    counts = Counts(runs, {Status.SUCCESS: runs}, measured=0 if grown is None else runs, grown=grown or 0)
    for _ in range(runs):
        counts.run.add(seconds)
    name = period_id(Resolution.MINUTE, start, None)
    period = Period(name, Resolution.MINUTE, start, 1, Tally({("mail", path): counts}))
    assert app.stats_store.put(period, start + timedelta(days=9))


def failed(path: str, now: datetime, **about: Any) -> dict[str, Any]:
    """What the document of a job has besides when its last run has failed. `message`: of its exception."""
    group, said = fingerprint(path, Signature(about["exceptiontype"])), about.pop("message", None)
    run = {"datestarted": now, "end": "failed", "fingerprint": group, "message": said}
    runs = {} if said is None else {"attempts": [run]}
    return {"path": path, "fingerprint": group, "datefailed": now, **runs, **about}


def serve(app: App, *names: str, lease: float = 30.0) -> Any:
    """A worker that serves queues, by its document."""
    worker = new_id()
    config = {"queues": list(names), "greenlets": 10}
    app.workers.register(WorkerRecord(worker, "eu-01", app.clock.now(), lease, config))
    return worker


def raises(error: Exception) -> Callable[..., Any]:
    """Something to be called in place of a method that fails."""

    def call(*_: Any) -> Any:
        raise error

    return call
