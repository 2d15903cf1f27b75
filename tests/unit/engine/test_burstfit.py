"""How many waiting jobs no burst would take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mrq.domain.change import MOST_OVERRUNS, JobChange, Settlement
from mrq.domain.queuefigures import QueueFigures
from mrq.domain.status import Status
from mrq.engine import burstfit
from mrq.engine.burstfit import BurstFit

if TYPE_CHECKING:
    import pytest

    from mrq.app import App

NEEDS = {"quick.T": 1.0, "slow.T": 400.0}


def looked_at(app: App, queue: str = "q", waiting: int = 0, **about: Any) -> int | None:
    fit = BurstFit(app.stats_store, NEEDS.get, 300.0, **about)
    return fit.looked_at(queue, QueueFigures(waiting=waiting), app.clock.now()).containers_only


def queue(app: App, path: str, jobs: int, name: str = "q") -> None:
    app.enqueuer.enqueue(path, [{}] * jobs, name)


def test_jobs_that_take_too_long_or_nobody_knows_how_long_are_for_containers(memory_app: App) -> None:
    assert looked_at(memory_app) == 0
    for path, jobs in (("quick.T", 3), ("slow.T", 2), ("unknown.T", 4)):
        queue(memory_app, path, jobs)
    assert looked_at(memory_app, waiting=9) == 6
    assert looked_at(memory_app, waiting=9, never=frozenset({"quick.T"})) == 9
    assert looked_at(memory_app, waiting=9, only=frozenset({"slow.T"})) == 9
    assert looked_at(memory_app, waiting=9, only=frozenset({"quick.T"})) == 6


def test_single_jobs_that_bursts_have_cut_short_too_often_are_for_containers_too(memory_app: App) -> None:
    queue(memory_app, "quick.T", 3)
    (job, *_), token = memory_app.jobs.list_ids("q", Status.QUEUED, 0, 3), memory_app.jobs.new_id()
    assert memory_app.jobs.start(job, token, token, memory_app.clock.now()) is not None
    change = JobChange(Status.QUEUED, memory_app.clock.now(), None, overruns=MOST_OVERRUNS)
    memory_app.jobs.settle([Settlement(job, token, change)])
    assert looked_at(memory_app, waiting=3) == 1


def test_the_head_of_a_long_queue_stands_for_all_of_it(memory_app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(burstfit, "SAMPLE", 4)
    for path, jobs in (("quick.T", 3), ("slow.T", 1), ("quick.T", 50)):
        queue(memory_app, path, jobs)
    assert looked_at(memory_app, waiting=54) == 14


def test_subqueues_are_looked_at_together_and_raw_queues_not_at_all(memory_app: App) -> None:
    queue(memory_app, "slow.T", 2, "main/a")
    queue(memory_app, "slow.T", 3, "main/b")
    assert looked_at(memory_app, "main/", waiting=5) == 5
    assert looked_at(memory_app, "x_raw", waiting=5) is None
