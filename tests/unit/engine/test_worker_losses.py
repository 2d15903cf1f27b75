"""The whole worker: parts of it that die, jobs that come back, jobs that must run alone."""

from __future__ import annotations

from typing import Any

import pytest

from mrq.domain.status import Status
from support.waiting import wait_until
from unit.engine.plant import PATIENCE, Plant


def test_retries_come_back_by_themselves(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    from mrq.engine import maintenance

    monkeypatch.setattr(maintenance, "INTERVAL", 0.01)
    tries: list[int] = []

    def third_time_lucky(params: Any) -> int:
        tries.append(1)
        if len(tries) < 3:
            raise ValueError(len(tries))
        return len(tries)

    (job,) = plant.queue(plant.tasks.define(third_time_lucky, retries=5, retry_delay=0.01))
    plant.start(plant.worker())
    wait_until(lambda: plant.record(job).status is Status.SUCCESS)
    record = plant.record(job)
    assert (record.result, record.retry_count, len(record.traceback_history)) == (3, 2, 2)


def test_a_dying_side_loop_stops_the_worker_with_an_error(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = plant.queue(plant.waiting())
    worker = plant.worker()
    future = plant.start(worker)
    plant.in_task(worker)

    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(worker._heartbeat.workers, "beat", broken)
    ended = future.result(PATIENCE)
    assert (ended.code, ended.reason) == (1, "its heartbeat loop died")
    assert plant.statuses(jobs) == ["queued"]


def test_a_dying_main_loop_stops_the_worker_with_an_error(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = plant.worker()

    def broken(free: int) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(worker._claimer, "claim", broken)
    ended = plant.start(worker).result(PATIENCE)
    assert (ended.code, ended.reason) == (1, "its main loop died")


def test_a_worker_taken_for_dead_takes_a_new_identity_and_hands_its_jobs_back(plant: Plant) -> None:
    jobs = plant.queue(plant.waiting(), 2)
    worker = plant.worker(greenlets=2)
    plant.start(worker)
    plant.in_task(worker, 2)
    former = worker.state.worker
    wait_until(lambda: plant.app.workers.mark_lost(former, plant.app.workers.fetch(former)["beat"]))  # type: ignore[index]
    wait_until(lambda: worker.state.worker != former)
    wait_until(lambda: all(plant.record(job).worker == worker.state.worker for job in jobs))
    plant.go.set()
    wait_until(lambda: plant.statuses(jobs) == ["success"] * 2)
    assert [plant.record(job).losses for job in jobs] == [0, 0]
    assert plant.app.workers.gone([former, worker.state.worker]) == {former}


@pytest.mark.parametrize("hanging", ["suspects", "gone"])
def test_a_rescue_that_hangs_does_not_stop_the_heartbeat(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, hanging: str
) -> None:
    monkeypatch.setattr(plant.app.workers, hanging, lambda *_: plant.go.wait(PATIENCE) and [])
    worker = plant.worker()
    plant.start(worker)

    def beats() -> int:
        return int((plant.app.workers.fetch(worker.state.worker) or {"beat": 0})["beat"])

    wait_until(lambda: beats() > 10)
    plant.go.set()
    wait_until(lambda: plant.app.workers.fetch(worker.state.worker) is not None)


def test_a_job_with_two_losses_runs_alone(plant: Plant) -> None:
    beside: list[int] = []
    suspicious = plant.tasks.define(lambda params: beside.append(len(worker.state.active())), "Suspicious")
    normal = plant.tasks.define(lambda params: None, "Normal")
    (job,) = plant.queue(suspicious)
    plant.app.jobs._documents[job]["losses"] = 2  # type: ignore[attr-defined]
    others = plant.queue(normal, 30)
    worker = plant.worker(strategy="burst")
    assert plant.start(worker).result(PATIENCE).code == 0
    assert beside == [1]
    assert plant.statuses([job, *others]) == ["success"] * 31
    assert plant.record(job).document["alone"] is True


def test_several_jobs_that_must_run_alone_do_so_one_after_the_other(plant: Plant) -> None:
    together: list[int] = []
    inside: set[int] = set()

    def suspicious(params: Any) -> None:
        inside.add(params["n"])
        together.append(len(inside))
        inside.discard(params["n"])

    jobs = plant.queue(plant.tasks.define(suspicious), 5)
    for job in jobs:
        plant.app.jobs._documents[job]["losses"] = 2  # type: ignore[attr-defined]
    assert plant.burst().code == 0
    assert together == [1] * 5
    assert plant.statuses(jobs) == ["success"] * 5


def test_the_last_job_of_max_jobs_may_be_one_that_must_run_alone(plant: Plant) -> None:
    jobs = plant.queue(plant.tasks.define(lambda params: None, "Suspicious"), 3)
    for job in jobs:
        plant.app.jobs._documents[job]["losses"] = 2  # type: ignore[attr-defined]
    assert plant.start(plant.worker(max_jobs=2)).result(PATIENCE).reason == "it has taken its 2 jobs"
    assert sorted(plant.statuses(jobs)) == ["queued", "success", "success"]


def test_jobs_waiting_to_run_alone_are_given_back_at_a_stop(plant: Plant) -> None:
    running = plant.queue(plant.waiting("Normal"))
    worker = plant.worker()
    future = plant.start(worker)
    plant.in_task(worker)
    (job,) = plant.queue(plant.waiting("Suspicious"))
    plant.app.jobs._documents[job]["losses"] = 2  # type: ignore[attr-defined]
    wait_until(lambda: len(worker._performer.alone) == 1)
    worker.stop.interrupt("SIGTERM")
    future.result(PATIENCE)
    assert plant.statuses(running) == ["interrupt"]
    assert plant.statuses([job]) == ["queued"]
    assert plant.record(job).losses == 2
