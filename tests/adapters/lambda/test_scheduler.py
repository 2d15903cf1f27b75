"""The scheduler's handler."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mrq import testing
from mrq.domain.status import Status
from mrq.domain.worker import WorkerRecord
from mrq_lambda import scheduler
from support.lambdacontext import FakeContext

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.app import App


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler works on the current app."""
    from mrq.app import get_app

    def invocation(work: Callable[[App], Any], _context: Any) -> Any:
        return work(get_app())

    monkeypatch.setattr(scheduler.sandbox, "invocation", invocation)


def test_a_tick_queues_what_is_due_and_takes_the_jobs_of_bursts_whose_time_is_over() -> None:
    every = [{"path": "support.bursttasks.work", "params": {"key": "x"}, "interval": 60}]
    with testing.memory_app(scheduler_tasks=every) as app:
        burst, now = app.jobs.new_id(), app.clock.now()
        app.workers.register(WorkerRecord(burst, "burst", now, 15.0, deadline=now - timedelta(seconds=60)))
        (job,) = app.enqueuer.enqueue("support.bursttasks.work", [{"key": "y"}], "default")
        app.jobs.start(job, burst, app.jobs.new_id(), now)
        told = scheduler.handler({}, FakeContext())
        assert told["upkeep"]["jobs rescued"] == 1
        record = app.jobs.fetch(job)
        assert record is not None
        assert (record.status, record.losses) == (Status.QUEUED, 1)


def test_it_watches_silent_workers_no_longer_than_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []
    tick = scheduler.tick
    monkeypatch.setattr(scheduler, "tick", lambda app, longest: given.append(longest) or tick(app, longest=longest))
    with testing.memory_app():
        for seconds in (3.0, 30.0, 900.0):
            scheduler.handler({}, FakeContext(seconds))
    assert given[0] == 0
    assert 20 < given[1] <= 30 - scheduler.MARGIN
    assert given[2] == scheduler.LONGEST_TICK


def test_it_says_to_cloudwatch_how_many_jobs_it_queued(capsys: pytest.CaptureFixture[str]) -> None:
    every = [{"path": "support.bursttasks.work", "params": {"key": "x"}, "interval": 60}]
    with testing.memory_app(scheduler_tasks=every, emf=True):
        queued = scheduler.handler({}, FakeContext())["queued"]
    assert json.loads(capsys.readouterr().out)["ScheduledJobs"] == queued
