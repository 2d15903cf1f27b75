"""The whole worker: who waits until it is idle."""

from __future__ import annotations

from typing import Any

from mrq.domain.status import Status
from support.waiting import wait_until
from unit.engine.plant import PATIENCE, Plant


def test_who_waits_for_idle_is_told_after_all_that_was_queued_before(plant: Plant) -> None:
    worker = plant.worker()
    plant.start(worker)
    jobs = plant.queue(plant.waiting(), 2)
    idle = plant.pool.submit(worker.wait_for_idle)
    wait_until(lambda: plant.statuses(jobs) == ["started"] * 2)
    assert not idle.done()
    more = plant.queue(plant.waiting("More"), 1)
    plant.go.set()
    assert idle.result(PATIENCE)
    assert plant.statuses(jobs + more) == ["success"] * 3


def test_jobs_that_a_job_queues_are_waited_for_too(plant: Plant) -> None:
    child = plant.tasks.define(lambda _params: None, "Child")
    made: list[Any] = []
    parent = plant.tasks.define(lambda _params: made.extend(plant.queue(child)), "Parent")
    worker = plant.worker()
    plant.start(worker)
    for _ in range(20):
        made.clear()
        plant.queue(parent)
        assert worker.wait_for_idle(PATIENCE)
        assert plant.statuses(made) == ["success"]


def test_a_burst_does_not_end_before_the_jobs_that_its_jobs_queue(plant: Plant) -> None:
    child = plant.tasks.define(lambda _params: None, "Child")
    parent = plant.tasks.define(lambda _params: plant.queue(child), "Parent")
    plant.queue(parent, 5)
    plant.burst(greenlets=2)
    assert plant.app.jobs.count("default", frozenset({Status.QUEUED, Status.STARTED})) == 0


def test_waiting_for_idle_ends_with_the_worker_or_its_patience(plant: Plant) -> None:
    worker = plant.worker()
    ended = plant.start(worker)
    plant.queue(plant.waiting())
    wait_until(lambda: worker.state.busy)
    assert not worker.wait_for_idle(0.05)
    waiter = plant.pool.submit(worker.wait_for_idle)
    worker.stop.interrupt("enough")
    ended.result(PATIENCE)
    assert waiter.result(PATIENCE)
    assert worker.wait_for_idle()
