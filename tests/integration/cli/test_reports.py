"""JobReports: the same answers from MongoDB and from memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mrq.domain.change import JobChange, Settlement
from mrq.domain.job import NewJob
from mrq.domain.outcome import Failure
from mrq.domain.queuename import parse_queue
from mrq.domain.status import Status
from mrq.ports.jobs import Claim
from mrq.ports.reports import Lately
from mrq.stores.memory import MemoryJobStore
from mrq.stores.memory_reports import MemoryJobReports

if TYPE_CHECKING:
    from mrq.app import App
    from mrq.ports.jobs import JobStore
    from mrq.ports.reports import JobReports

NOW = datetime(2026, 1, 5, 12, 0, 0)
TRACEBACK = "Traceback (most recent call last):\n  ...\nValueError: no {}\n"


@pytest.fixture(params=["memory", "mongodb"])
def stores(request: pytest.FixtureRequest) -> tuple[JobStore, JobReports]:
    if request.param == "memory":
        memory = MemoryJobStore()
        return memory, MemoryJobReports(lambda: list(memory._documents.values()))
    app: App = request.getfixturevalue("app")
    return app.jobs, app.reports


def end(store: JobStore, path: str, status: Status, seconds: float | None = None, about: str = "", **more: Any) -> Any:
    """Queue a job, run it to this end; its id."""
    job = NewJob(store.new_id(), path, {"about": about}, "q", NOW)
    store.insert([job])
    token = store.new_id()
    store.claim(Claim(parse_queue("q"), 1, store.new_id(), token, NOW))
    failure = Failure("ValueError", TRACEBACK.format(about), None) if status is not Status.SUCCESS else None
    store.settle([Settlement(job.id, token, JobChange(status, NOW, None, totaltime=seconds, failure=failure, **more))])
    return job.id


def test_nothing_is_reported_of_nothing(stores: tuple[JobStore, JobReports]) -> None:
    _, reports = stores
    assert reports.by_status() == {}
    assert reports.by_task() == reports.slowest() == reports.failures() == []


def test_sums(stores: tuple[JobStore, JobReports]) -> None:
    store, reports = stores
    end(store, "t.A", Status.SUCCESS, 1.0)
    slow = end(store, "t.A", Status.SUCCESS, 3.0, "slow")
    first = end(store, "t.A", Status.FAILED, 9.0, "first")
    end(store, "t.A", Status.FAILED, 9.0, "second")
    end(store, "t.B", Status.TIMEOUT, 9.0, "late")
    store.insert([NewJob(store.new_id(), "t.B", {}, "q", NOW)])

    assert reports.by_status() == {Status.SUCCESS: 2, Status.FAILED: 2, Status.TIMEOUT: 1, Status.QUEUED: 1}

    a, b = reports.by_task()
    assert (a.path, a.jobs, a.mean, a.longest, a.total) == ("t.A", 4, 2.0, 3.0, 4.0)
    assert a.by_status == {Status.SUCCESS: 2, Status.FAILED: 2}
    assert (b.path, b.jobs, b.mean, b.longest, b.total) == ("t.B", 2, None, None, 0.0)
    assert [report.path for report in reports.by_task(limit=1)] == ["t.A"]

    assert [(job.id, job.seconds, job.params) for job in reports.slowest(limit=1)] == [(slow, 3.0, {"about": "slow"})]
    assert len(reports.slowest()) == 2

    ours, late = reports.failures()
    assert (ours.path, ours.exceptiontype, ours.jobs, ours.example) == ("t.A", "ValueError", 2, first)
    assert ours.params == {"about": "first"}
    assert ours.message == "ValueError: no first"
    assert (late.path, late.jobs) == ("t.B", 1)
    assert [group.path for group in reports.failures(limit=1)] == ["t.A"]


def test_the_databases_clock(app: App) -> None:
    assert abs(app.reports.now() - app.clock.now()) < timedelta(minutes=1)
    assert app.reports.now().tzinfo is None


def test_what_became_of_the_jobs_of_the_last_hours(stores: tuple[JobStore, JobReports]) -> None:
    store, reports = stores
    since = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=1)
    assert reports.lately(since) == Lately(0, None, 0)
    end(store, "t.A", Status.SUCCESS, 1.0)
    end(store, "t.B", Status.TIMEOUT, 9.0, "late")
    end(store, "t.A", Status.FAILED, 9.0, "first")
    newest = end(store, "t.A", Status.FAILED, 9.0, "second")
    end(store, "t.C", Status.RETRY, 1.0, dateretry=NOW + timedelta(hours=1))
    end(store, "t.C", Status.RETRY, 1.0)  # this one doesn't come back by itself

    lately = reports.lately(since)
    assert (lately.failed, lately.returning) == (3, 1)
    assert lately.example is not None
    assert (lately.example.path, lately.example.jobs, lately.example.example) == ("t.A", 2, newest)
    assert lately.example.message == "ValueError: no second"
    assert reports.lately(since, limit=2).failed == 2
    later = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=1)
    assert reports.lately(later) == Lately(0, None, 1)
