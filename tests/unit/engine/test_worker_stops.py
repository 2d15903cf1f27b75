"""The whole worker: stops, time-outs, and tasks that resist."""

from __future__ import annotations

from typing import Any

import pytest

from mrq.domain.status import Status
from mrq.exceptions import TimeoutInterrupt
from support.waiting import wait_until
from unit.engine.plant import PATIENCE, Plant


def test_a_graceful_stop_takes_no_more_and_lets_running_jobs_finish(plant: Plant) -> None:
    first = plant.queue(plant.waiting(), 2)
    worker = plant.worker(greenlets=2)
    future = plant.start(worker)
    plant.in_task(worker, 2)
    later = plant.queue(plant.waiting(), 2)
    worker.stop.finish("SIGINT")
    wait_until(lambda: worker.state.status.value == "join")
    assert not future.done()
    plant.go.set()
    assert future.result(PATIENCE).code == 0
    assert plant.statuses(first) == ["success"] * 2
    assert plant.statuses(later) == ["queued"] * 2


def test_a_stop_says_how_many_jobs_it_waits_for_and_what_became_of_them(
    plant: Plant, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "mrq.worker")
    plant.queue(plant.waiting(), 3)
    worker = plant.worker(greenlets=3, stop_timeout=0.05)
    future = plant.start(worker)
    plant.in_task(worker, 3)
    worker.stop.finish("interrupted (SIGINT)")
    future.result(PATIENCE)
    assert "3 jobs still running; Ctrl-C again interrupts what runs" in caplog.messages
    assert caplog.messages[-1] == f"worker {worker.state.worker} stopped: no job done, 3 interrupted"


def test_a_worker_says_in_the_end_how_many_jobs_it_has_done(plant: Plant, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "mrq.worker")
    plant.queue(plant.tasks.define(lambda params: 1 / params["n"]), 3)  # one fails: it is done too
    plant.burst()
    assert caplog.messages[-1].endswith("stopped: 3 jobs done")
    assert "still run" not in caplog.text


def test_a_worker_that_breaks_says_what_it_has_done_and_handed_back(
    plant: Plant, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "mrq.worker")
    worker = plant.worker(greenlets=2)
    future = plant.start(worker)
    plant.queue(plant.tasks.define(lambda params: 1, "Short"))
    wait_until(lambda: worker.state.done_jobs == 1)
    plant.queue(plant.waiting(), 2)
    plant.in_task(worker, 2)
    worker.stop.fail("its heartbeat loop died")
    future.result(PATIENCE)
    assert caplog.messages[-1].endswith("stopped: 1 job done, 2 handed back")


def test_a_graceful_stop_interrupts_after_its_timeout(plant: Plant) -> None:
    jobs = plant.queue(plant.waiting())
    worker = plant.worker(stop_timeout=0.05)
    future = plant.start(worker)
    plant.in_task(worker)
    worker.stop.finish("SIGINT")
    future.result(PATIENCE)
    assert plant.statuses(jobs) == ["interrupt"]


def test_a_stop_at_once_interrupts_jobs_which_come_back_later(plant: Plant) -> None:
    jobs = plant.queue(plant.waiting(), 3)
    worker = plant.worker(interrupt_requeue_delay=60.0)
    future = plant.start(worker)
    plant.in_task(worker, 3)
    worker.stop.interrupt("SIGTERM")
    assert future.result(PATIENCE).code == 0
    assert plant.statuses(jobs) == ["interrupt"] * 3
    record = plant.record(jobs[0])
    assert 55 < (record.dateretry - plant.app.clock.now()).total_seconds() <= 60
    assert record.exceptiontype == "JobInterrupt"
    assert "in wait" in record.traceback
    assert "execute.py" not in record.traceback.replace("test_", "")


def test_a_job_past_its_timeout_is_ended(plant: Plant) -> None:
    jobs = plant.queue(plant.waiting(timeout=0.05))
    plant.burst()
    record = plant.record(jobs[0])
    assert (record.status, record.exceptiontype) == (Status.TIMEOUT, "TimeoutInterrupt")
    lines = record.traceback.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert "tests/unit/engine" in lines[1]  # the task's own frame
    assert lines[-1] == "mrq.exceptions.TimeoutInterrupt: the job ran longer than its timeout of 0.05 s"


def test_a_task_that_swallows_its_timeout_once_is_still_ended(plant: Plant) -> None:
    swallowed: list[BaseException] = []

    def stubborn(params: Any) -> None:
        for _ in range(2):
            try:
                while not plant.go.wait(0.005):
                    pass
            except BaseException as error:
                swallowed.append(error)
                if len(swallowed) > 1:
                    raise

    jobs = plant.queue(plant.tasks.define(stubborn, timeout=0.05))
    assert plant.burst().code == 0
    assert len(swallowed) == 2
    assert plant.statuses(jobs) == ["timeout"]


def test_a_task_that_cannot_be_interrupted_makes_its_worker_give_way(plant: Plant) -> None:
    def deaf(params: Any) -> None:
        while not plant.go.is_set():
            try:
                plant.go.wait(0.005)
            except BaseException:
                continue

    bad = plant.queue(plant.tasks.define(deaf, "Deaf", timeout=0.05))
    good = plant.queue(plant.waiting("Good"))
    ended = plant.start(plant.worker(interrupt_grace=0.2)).result(PATIENCE)
    assert (ended.code, ended.replace) == (1, True)
    assert plant.statuses(bad) == ["timeout"]
    assert plant.statuses(good) == ["queued"]


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_a_task_cannot_end_its_worker(plant: Plant, kind: type[BaseException]) -> None:
    def leave(params: Any) -> None:
        if params["n"] == 2:
            raise kind

    jobs = plant.queue(plant.tasks.define(leave), 5)
    assert plant.burst().code == 0
    assert plant.statuses(jobs) == ["success", "success", "failed", "success", "success"]


@pytest.mark.parametrize("options", [{"timeout": "60"}, {"result_ttl": "60"}], ids=str)
def test_a_job_whose_own_options_are_wrong_ends_all_the_same(plant: Plant, options: dict[str, Any]) -> None:
    path = plant.tasks.define(lambda params: 1, "Wrong")
    plant.tasks.module.Wrong.mrq_options = options  # past the check that a class goes through
    jobs = plant.queue(path, 2)
    jobs += plant.queue(plant.tasks.define(lambda params: 1, "Right"), 2)
    assert plant.burst().code == 0
    assert plant.statuses(jobs) == ["failed", "failed", "success", "success"]
    assert plant.record(jobs[0]).exceptiontype == "TypeError"


def test_an_interruption_that_comes_when_the_task_is_over_still_ends_the_job(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mrq.engine import execute

    def interrupted(exc: BaseException) -> Any:
        monkeypatch.undo()
        raise TimeoutInterrupt("while its failure is put into words")

    def fail(params: Any) -> None:
        raise ValueError

    monkeypatch.setattr(execute, "failure_of", interrupted)
    jobs = plant.queue(plant.tasks.define(fail), 1)
    assert plant.burst().code == 0
    assert plant.statuses(jobs) == ["timeout"]
