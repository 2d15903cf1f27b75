"""Limits of tasks in a whole worker; the moods of Redis are played by the stores."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from mrq.domain.status import Status
from mrq.engine import limits
from mrq.ports.errors import StoreUnavailableError
from mrq.stores.ids import new_id
from mrq.stores.memory_limits import MemorySemaphores
from support.waiting import wait_until
from unit.engine.plant import PATIENCE, Counting


def name_of(path: str) -> str:
    return f"task:{path}"


@pytest.mark.parametrize("limit", [1, 3])
def test_jobs_above_the_limit_wait_if_the_task_says_so(plant: Counting, limit: int) -> None:
    path = plant.counted(max_concurrency=limit, on_limit="wait")
    jobs = plant.queue(path, 20)
    for _ in range(2):
        plant.start(plant.worker(greenlets=5))
    plant.all_end(jobs)
    assert plant.most == limit
    assert [plant.record(job).retry_count for job in jobs] == [0] * 20
    wait_until(lambda: plant.semaphores.count(name_of(path)) == 0)


def test_jobs_above_the_limit_end_as_maxconcurrency_by_default(plant: Counting) -> None:
    path = plant.waiting(max_concurrency=2)
    jobs = plant.queue(path, 5)
    plant.start(plant.worker(greenlets=5))
    wait_until(lambda: plant.statuses(jobs).count("maxconcurrency") == 3)
    assert plant.semaphores.count(name_of(path)) == 2
    ended = next(plant.record(job) for job in jobs if plant.record(job).status is Status.MAXCONCURRENCY)
    assert ended.exceptiontype == "MaxConcurrencyInterrupt"
    assert "MaxConcurrencyInterrupt: max_concurrency: 2 jobs of" in ended.traceback
    assert len(ended.traceback_history) == 1
    plant.go.set()
    wait_until(lambda: plant.statuses(jobs).count("success") == 2)
    plant.all_end(plant.queue(path))


@pytest.mark.parametrize("on_limit", ["end", "wait"])
@pytest.mark.parametrize("rate", [None, "1000/s"])
@pytest.mark.parametrize("greenlets", [1, 3])
def test_jobs_that_have_ended_here_refuse_none_that_comes_after_them(
    plant: Counting, greenlets: int, rate: str | None, on_limit: str
) -> None:
    path = plant.counted(max_concurrency=greenlets, seconds=0.0, rate=rate, on_limit=on_limit)
    jobs = plant.queue(path, 30)
    plant.start(plant.worker(greenlets=greenlets))
    plant.all_end(jobs)
    assert [plant.record(job).retry_count for job in jobs] == [0] * 30


@pytest.mark.parametrize("gone", [False, True], ids=["their permits are not released yet", "they are, meanwhile"])
def test_jobs_that_came_and_ended_while_another_one_asked_do_not_refuse_it(
    plant: Counting, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    asking, ask, refused, answer, leave = (threading.Event() for _ in range(5))
    acquire, release = MemorySemaphores.acquire, MemorySemaphores.release

    def slowly(*args: Any) -> Any:
        if asking.is_set():
            return acquire(*args)
        asking.set()
        ask.wait(PATIENCE)
        granted = acquire(*args)
        assert not granted
        refused.set()
        answer.wait(PATIENCE)
        return granted

    monkeypatch.setattr(MemorySemaphores, "acquire", slowly)
    monkeypatch.setattr(MemorySemaphores, "release", lambda *args: leave.wait(PATIENCE) and release(*args))
    path = plant.counted(max_concurrency=2, seconds=0.0)
    jobs = plant.queue(path, 3)
    worker = plant.worker(greenlets=2)
    plant.start(worker)
    wait_until(lambda: plant.statuses(jobs).count("success") == 2)
    ask.set()
    assert refused.wait(PATIENCE)
    if gone:
        leave.set()
        wait_until(lambda: not worker._permits._leaving)
        answer.set()
    else:
        answer.set()
        leave.set()
    plant.all_end(jobs)
    assert [plant.record(job).retry_count for job in jobs] == [0] * 3


def test_where_the_end_of_a_job_can_t_be_written_the_next_comes_back_and_does_not_end(
    plant: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UNTIL_FREED", 0.05)
    gate = threading.Event()
    release = MemorySemaphores.release
    monkeypatch.setattr(MemorySemaphores, "release", lambda *args: gate.wait(PATIENCE) and release(*args))
    path = plant.counted(max_concurrency=1, seconds=0.0)
    first, second = plant.queue(path, 2)
    plant.start(plant.worker(greenlets=1))
    wait_until(lambda: plant.record(second).datestarted is not None and plant.record(second).status is Status.QUEUED)
    assert plant.record(first).status is Status.SUCCESS
    gate.set()
    plant.all_end([first, second])


def test_a_job_that_was_given_back_asks_for_no_permit(plant: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, asked = threading.Event(), []
    release, acquire = MemorySemaphores.release, MemorySemaphores.acquire
    monkeypatch.setattr(MemorySemaphores, "release", lambda *args: gate.wait(PATIENCE) and release(*args))
    monkeypatch.setattr(MemorySemaphores, "acquire", lambda *args: asked.append(1) or acquire(*args))
    path = plant.counted(max_concurrency=1, seconds=0.0)
    first, second = plant.queue(path, 2)
    worker = plant.worker(greenlets=1)
    ended = plant.start(worker)
    wait_until(lambda: plant.record(first).status is Status.SUCCESS and len(asked) == 2)
    worker.stop.interrupt("the test wants it")
    wait_until(lambda: plant.record(second).status is Status.QUEUED)
    gate.set()
    ended.result(PATIENCE)
    assert len(asked) == 2
    assert plant.semaphores.count(name_of(path)) == 0


def test_the_class_attribute_of_0_9_is_kept_to(plant: Counting) -> None:
    path = plant.waiting()
    plant.tasks.module.Waiting.max_concurrency = 1
    jobs = plant.queue(path, 2)
    plant.start(plant.worker())
    wait_until(lambda: sorted(plant.statuses(jobs)) == ["maxconcurrency", "started"])


def test_tasks_without_limits_touch_neither_semaphores_nor_rates(
    plant: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant.away(monkeypatch, plant.semaphores, "acquire", "release", "renew", "drop")
    plant.away(monkeypatch, plant.app.rates, "turn")
    jobs = plant.queue(plant.counted(), 10)
    worker = plant.worker(strategy="burst")
    assert plant.start(worker).result(PATIENCE).code == 0
    assert plant.statuses(jobs) == ["success"] * 10
    assert not worker._permits.used


def test_without_redis_jobs_with_limits_wait_and_don_t_fail(plant: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patches:
        plant.away(patches, plant.semaphores, "acquire", "release", "renew")
        asked: list[int] = []
        patches.setattr(limits, "pause_for_server", lambda chance: asked.append(1) or 0.02)
        (job,) = plant.queue(plant.counted(max_concurrency=1))
        worker = plant.worker()
        plant.start(worker)
        wait_until(lambda: len(asked) >= 3)
        assert plant.most == 0
    wait_until(lambda: plant.record(job).status is Status.SUCCESS)
    assert not plant.record(job).traceback_history


def test_a_permit_whose_answer_was_lost_is_released(plant: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    real, lost = plant.semaphores.acquire, []

    def losing(*args: Any) -> Any:
        answer = real(*args)
        if not lost:
            lost.append(answer)
            raise StoreUnavailableError("the answer was lost")
        return answer

    monkeypatch.setattr(plant.semaphores, "acquire", losing)
    path = plant.counted(max_concurrency=1, on_limit="wait")
    jobs = plant.queue(path, 2)
    plant.start(plant.worker(heartbeat_interval=0.01, lease=600.0))
    plant.all_end(jobs)
    assert len(lost[0]) == 1
    wait_until(lambda: plant.semaphores.count(name_of(path)) == 0)


def test_permits_are_renewed_while_jobs_run(plant: Counting) -> None:
    path = plant.waiting(max_concurrency=1)
    plant.queue(path)
    worker = plant.worker(lease=0.2)  # so a permit lasts 0.4 s
    plant.start(worker)
    plant.in_task(worker)
    time_is_up = time.monotonic() + 1.0
    wait_until(lambda: time.monotonic() > time_is_up)
    assert plant.semaphores.count(name_of(path)) == 1


def test_a_permit_is_kept_until_the_end_is_written(plant: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    path = plant.counted(max_concurrency=1)
    with monkeypatch.context() as patches:
        plant.away(patches, plant.app.jobs, "settle")
        (job,) = plant.queue(path)
        worker = plant.worker()
        plant.start(worker)
        wait_until(lambda: [run for run in worker.state.held() if run.ended])
        assert plant.semaphores.count(name_of(path)) == 1
    wait_until(lambda: plant.record(job).status is Status.SUCCESS)
    wait_until(lambda: plant.semaphores.count(name_of(path)) == 0)


def test_a_permit_is_kept_until_a_job_that_timed_out_is_out_of_its_task(plant: Counting) -> None:
    out = threading.Event()

    def stubborn(params: dict[str, Any]) -> None:
        while not out.is_set():
            try:
                out.wait(0.01)
            except BaseException:
                continue

    path = plant.tasks.define(stubborn, timeout=0.05, max_concurrency=1)
    (job,) = plant.queue(path)
    plant.start(plant.worker())
    wait_until(lambda: plant.record(job).status is Status.TIMEOUT)
    assert plant.semaphores.count(name_of(path)) == 1
    out.set()
    wait_until(lambda: plant.semaphores.count(name_of(path)) == 0)


def test_the_permits_of_a_lost_worker_are_dropped(plant: Counting) -> None:
    plant.start(plant.worker())
    dead = new_id()
    plant.semaphores.acquire("name", 1, dead, ["p"], 600)
    plant.running[0][0]._permits.bury(dead)
    wait_until(lambda: plant.semaphores.count("name") == 0)


def test_an_orderly_stop_leaves_nothing_behind(plant: Counting) -> None:
    path = plant.counted(max_concurrency=1, on_limit="wait")
    jobs = plant.queue(path)
    worker = plant.worker()
    ended = plant.start(worker)
    plant.all_end(jobs)
    plant.semaphores.acquire("left", 1, worker.state.worker, ["p"], 600)
    worker.stop.finish("enough")
    assert ended.result(PATIENCE).code == 0
    assert plant.semaphores.count("left") == 0
    assert plant.semaphores.count(name_of(path)) == 0


@pytest.mark.parametrize("exclusive", [True, False])
def test_when_permits_can_t_be_renewed_only_exclusive_jobs_are_interrupted(
    plant: Counting, monkeypatch: pytest.MonkeyPatch, exclusive: bool
) -> None:
    (job,) = plant.queue(plant.waiting(max_concurrency=1, exclusive=exclusive))
    worker = plant.worker(lease=0.2, max_jobs=1)
    ended = plant.start(worker)
    plant.in_task(worker)
    with monkeypatch.context() as patches:
        overdue: list[int] = []
        seen = worker._permits._overdue
        patches.setattr(worker._permits, "_overdue", lambda: overdue.append(1) or seen())
        plant.away(patches, plant.semaphores, "renew", "release")
        wait_until(lambda: overdue, PATIENCE)
        if exclusive:
            ended.result(PATIENCE)
            assert plant.record(job).status is Status.QUEUED
        else:
            plant.go.set()
            wait_until(lambda: plant.record(job).status is Status.SUCCESS)


def test_a_worker_that_may_take_one_job_more_waits_for_one_that_may_start(
    plant: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = MemorySemaphores.acquire

    def slow(*args: Any) -> Any:
        time.sleep(0.05)
        return ask(*args)

    monkeypatch.setattr(MemorySemaphores, "acquire", slow)
    path = plant.counted(max_concurrency=1, on_limit="wait")
    (job,) = plant.queue(path)
    other = new_id()
    assert plant.semaphores.acquire(name_of(path), 1, other, ["theirs"], 60.0)
    worker = plant.worker(max_jobs=1)
    ended = plant.start(worker)
    wait_until(lambda: worker.state.done_jobs > 1, what="the job came back")
    plant.semaphores.drop(other)
    assert ended.result(PATIENCE).reason == "it has taken its 1 jobs"
    assert plant.statuses([job]) == ["success"]


def test_jobs_that_may_not_start_don_t_count_as_taken(plant: Counting) -> None:
    path = plant.counted(max_concurrency=1, on_limit="wait", seconds=0.05)
    plant.queue(path, 10)
    ended = plant.start(plant.worker(max_jobs=5)).result(PATIENCE)
    assert ended.reason == "it has taken its 5 jobs"
    assert plant.app.jobs.count("default", frozenset({Status.SUCCESS})) == 5


def test_a_stop_gives_back_a_job_that_waits_for_its_start(plant: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answer = threading.Event(), threading.Event()
    real = plant.semaphores.acquire

    def slow(*args: Any) -> Any:
        asked.set()
        answer.wait(PATIENCE)
        return real(*args)

    monkeypatch.setattr(plant.semaphores, "acquire", slow)
    path = plant.counted(max_concurrency=1)
    (job,) = plant.queue(path)
    worker = plant.worker()
    ended = plant.start(worker)
    assert asked.wait(PATIENCE)
    (run,) = worker.state.active()
    worker.stop.interrupt("now")
    wait_until(lambda: plant.record(job).status is Status.QUEUED)
    answer.set()
    ended.result(PATIENCE)
    assert run.fiber is not None
    assert run.fiber.join(PATIENCE)
    assert plant.most == 0
