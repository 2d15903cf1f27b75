"""Limits of queues in a whole worker."""

from __future__ import annotations

from typing import Any

import pytest

from mrq.domain.queuename import parse_queue
from mrq.domain.status import Status
from mrq.ports.errors import StoreUnavailableError
from mrq.stores.ids import new_id
from unit.engine.plant import PATIENCE, Counting


def test_a_queue_with_a_limit_is_taken_from_no_faster(plant: Counting) -> None:
    path = plant.counted()
    jobs = [*plant.queue(path, 20, "few"), *plant.queue(path, 5, "few/sub")]
    for _ in range(2):
        plant.start(plant.worker(queues=("few", "few/"), greenlets=5, queue_limits={"few": 2}))
    plant.all_end(jobs)
    assert plant.most == 2
    assert all("datedue" not in plant.record(job).document for job in jobs)
    for worker, _ in plant.running:
        worker.stop.finish("done")
    for _, future in plant.running:
        future.result(PATIENCE)
    assert plant.semaphores.count("queue:few") == 0


@pytest.mark.parametrize("no_storage", [(), ("started", "success")], ids=["stored", "not stored"])
def test_payloads_of_a_raw_queue_with_a_limit_wait_in_it(plant: Counting, no_storage: tuple[str, ...]) -> None:
    path = plant.counted()
    entry = {"job_factory": lambda payload: {"path": path, "params": {}}, "statuses_no_storage": no_storage}
    plant.app.raw.enqueue(parse_queue("few_raw"), [b"%d" % n for n in range(20)])
    plant.app.raw.enqueue(parse_queue("few_raw/sub"), [b"sub"])
    about: dict[str, Any] = {"queue_limits": {"few_raw": 2}, "raw_queues": {"few_raw": entry}}
    burst = [
        plant.start(plant.worker(queues=("few_raw", "few_raw/"), greenlets=5, strategy="burst", **about))
        for _ in range(2)
    ]
    assert [each.result(PATIENCE).code for each in burst] == [0, 0]
    assert plant.most == 2
    assert plant.app.jobs.count("default", frozenset({Status.SUCCESS})) == (0 if no_storage else 21)
    assert plant.app.raw.size(parse_queue("few_raw")) == plant.app.raw.size(parse_queue("few_raw/")) == 0
    assert plant.semaphores.count("queue:few_raw") == 0


def test_a_burst_waits_for_a_queue_that_is_at_its_limit(plant: Counting) -> None:
    plant.semaphores.acquire("queue:few", 1, new_id(), ["theirs"], 0.5)
    jobs = plant.queue(plant.counted(), 3, "few")
    ended = plant.burst(queues=("few",), queue_limits={"few": 1})
    assert ended.reason == "its queues are empty"
    assert plant.statuses(jobs) == ["success"] * 3


def test_other_queues_are_served_while_one_is_at_its_limit(plant: Counting) -> None:
    plant.semaphores.acquire("queue:few", 1, new_id(), ["theirs"], 600)
    path = plant.counted()
    waits, runs = plant.queue(path, 1, "few"), plant.queue(path, 3, "free")
    plant.start(plant.worker(queues=("few", "free"), queue_limits={"few": 1}))
    plant.all_end(runs)
    assert plant.statuses(waits) == ["queued"]


def test_without_redis_queues_with_limits_wait(plant: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    path = plant.counted()
    waits, runs = plant.queue(path, 1, "few"), plant.queue(path, 3, "free")
    with monkeypatch.context() as patches:
        plant.away(patches, plant.semaphores, "acquire", "release")
        plant.start(plant.worker(queues=("few", "free"), queue_limits={"few": 1}))
        plant.all_end(runs)
        assert plant.statuses(waits) == ["queued"]
    plant.all_end(waits)


def test_jobs_whose_claim_was_never_answered_have_their_permits(
    plant: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    store: Any = plant.app.jobs
    real, lost = store.claim, []

    def losing(claim: Any) -> Any:
        answer = real(claim)
        if answer and not lost:
            lost.append(plant.semaphores.count("queue:few"))
            raise StoreUnavailableError("the answer was lost")
        return answer

    monkeypatch.setattr(store, "claim", losing)
    path = plant.waiting()
    jobs = plant.queue(path, 5, "few")
    worker = plant.worker(queues=("few",), queue_limits={"few": 2}, greenlets=5)
    plant.start(worker)
    plant.in_task(worker, 2)
    assert lost == [2]
    assert all(run.permits for run in worker.state.active())
    plant.go.set()
    plant.all_end(jobs)


def test_a_limit_that_is_set_at_run_time_goes_before_the_configuration(plant: Counting) -> None:
    store = plant.app.queue_limits
    assert store is not None
    store.limit("few", 2)
    jobs = plant.queue(plant.counted(), 12, "few/x")
    about: dict[str, Any] = {"queue_limits": {"few": 1}, "paused_queues_refresh_interval": 0.01}
    plant.start(plant.worker(queues=("few/",), greenlets=6, **about))
    plant.all_end(jobs)
    assert plant.most == 2
    store.limit("few", 0)
    jobs = plant.queue(plant.waiting(), 5, "few/x")
    worker, _ = plant.running[0]
    plant.in_task(worker, 5)  # all at once
    plant.go.set()
    plant.all_end(jobs)


def test_what_was_said_stands_while_mongodb_is_away(plant: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    store = plant.app.queue_limits
    assert store is not None
    store.limit("few", 1)
    worker = plant.worker(queues=("few",), greenlets=4, paused_queues_refresh_interval=0.001)
    plant.start(worker)
    plant.all_end(plant.queue(plant.counted(), 2, "few"))
    plant.away(monkeypatch, store, "limits")
    plant.all_end(plant.queue(plant.counted(), 6, "few"))
    assert plant.most == 1
