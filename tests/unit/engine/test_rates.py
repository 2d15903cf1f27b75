"""Rates of tasks in a whole worker."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from mrq.domain.status import Status
from mrq.stores.memory_limits import MemoryRates, MemorySemaphores
from support.waiting import wait_until

if TYPE_CHECKING:
    from mrq.ports.rates import Turn
    from unit.engine.plant import Counting


def test_starts_keep_their_distance(plant: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[float] = []
    path = plant.tasks.define(lambda params: starts.append(time.monotonic()), rate="20/s")
    jobs = plant.queue(path, 30)
    for _ in range(2):
        plant.start(plant.worker(greenlets=10))
    plant.all_end(jobs)
    starts.sort()
    assert max(sum(start <= other < start + 1 for other in starts) for start in starts) <= 20
    assert starts[-1] - starts[0] < 10
    assert [plant.record(job).retry_count for job in jobs] == [0] * 30


def test_each_job_is_claimed_at_most_twice(plant: Counting) -> None:
    path = plant.tasks.define(lambda params: None, rate="20/s")
    jobs = plant.queue(path, 30)
    worker = plant.worker(greenlets=30)
    claims: list[Any] = []
    accept = worker._claimer._regular.source._accept  # type: ignore[attr-defined]
    worker._claimer._regular.source._accept = lambda found: (claims.extend(found), accept(found))  # type: ignore[attr-defined]
    plant.start(worker)
    plant.all_end(jobs)
    by_job = [sum(claim.id == job for claim in claims) for job in jobs]
    assert max(by_job) <= 2
    assert all(not claim.has_slot or by_job[jobs.index(claim.id)] == 2 for claim in claims)


def test_a_job_that_has_to_wait_long_waits_in_its_queue(plant: Counting) -> None:
    path = plant.tasks.define(lambda params: None, rate="2/m")
    jobs = plant.queue(path, 3)
    plant.start(plant.worker())
    wait_until(
        lambda: (
            sorted(plant.statuses(jobs)) == ["queued", "queued", "success"]
            and not any(worker.state.busy for worker, _ in plant.running)
        )
    )
    records = [plant.record(job) for job in jobs if plant.record(job).status is Status.QUEUED]
    dues = sorted(record.due for record in records)
    assert (dues[1] - dues[0]).total_seconds() == pytest.approx(30.25, abs=0.5)
    assert all(record.datequeued == record.due and record.document["rateslot"] for record in records)


def test_a_start_whose_grant_came_late_is_asked_for_again(plant: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    real = MemoryRates.turn

    def slow(self: Any, name: str, ask: str, interval: float, patience: float, *, returns: bool) -> Turn:
        answer = real(self, name, ask, interval, patience, returns=returns)
        asked.append(returns)
        if len(asked) == 1:
            time.sleep(0.2)
        return answer

    monkeypatch.setattr(MemoryRates, "turn", slow)
    plant.start(plant.worker())
    plant.all_end(plant.queue(plant.tasks.define(lambda params: None, rate="10/s")))
    assert asked == [False, True]


def test_a_job_that_came_back_for_its_turn_takes_its_permit_first(
    plant: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    turn, acquire = MemoryRates.turn, MemorySemaphores.acquire

    def noted_turn(*args: Any, **kwargs: Any) -> Turn:
        asked.append("returns" if kwargs["returns"] else "turn")
        return turn(*args, **kwargs)

    def noted_acquire(*args: Any) -> frozenset[str]:
        asked.append("permit")
        return acquire(*args)

    monkeypatch.setattr(MemoryRates, "turn", noted_turn)
    monkeypatch.setattr(MemorySemaphores, "acquire", noted_acquire)
    plant.start(plant.worker(greenlets=1))
    plant.all_end(plant.queue(plant.tasks.define(lambda params: None, rate="5/s", max_concurrency=1), 2))
    assert asked == ["turn", "permit", "turn", "permit", "returns"]
