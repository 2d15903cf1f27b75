"""The whole worker: what it takes, and when it ends by itself."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from mrq.domain.status import Status
from mrq.engine import heavy
from mrq.engine.maintenance import Maintenance
from mrq.engine.options import WorkerOptions
from mrq.engine.threads import ThreadRuntime
from mrq.ports.errors import StoreUnavailableError
from support.waiting import wait_until
from unit.engine.plant import PATIENCE, Plant


def test_a_burst_runs_all_jobs_and_ends(plant: Plant) -> None:
    jobs = plant.queue(plant.tasks.define(lambda params: params["n"] * 2), 50)
    ended = plant.burst()
    assert (ended.code, ended.replace, ended.reason) == (0, False, "its queues are empty")
    assert plant.statuses(jobs) == ["success"] * 50
    assert [plant.record(job).result for job in jobs] == [n * 2 for n in range(50)]


def test_jobs_that_leave_slots_free_start_before_the_next_look(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    did: list[str] = []
    runtime = ThreadRuntime()
    monkeypatch.setattr(runtime, "sleep", lambda seconds: did.append(f"sleep {seconds:g}"))
    claim = plant.app.jobs.claim
    monkeypatch.setattr(plant.app.jobs, "claim", lambda wish: did.append("claim") or claim(wish))
    worker = plant.app.worker(runtime, options=WorkerOptions(greenlets=4, strategy="burst", settle_window=0.0))
    plant.queue(plant.tasks.define(lambda params: None), 3)
    worker.begin()
    worker.loop()
    worker.end()
    assert did[:3] == ["claim", "sleep 0", "claim"]


@pytest.mark.parametrize("greenlets", [1, 4])
def test_jobs_that_compute_start_when_nothing_else_is_to_be_had(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, greenlets: int
) -> None:
    monkeypatch.setattr(heavy, "LONGEST_HELD_BACK", 2.0 * PATIENCE)
    ran: list[str] = []
    burns = plant.tasks.define(lambda params: ran.append("burns"), "Burns")
    light = plant.tasks.define(lambda params: ran.append("light"), "Light")
    worker = plant.worker(greenlets=greenlets, strategy="burst")
    worker._heavy._until[burns] = worker._heavy._latest = float("inf")
    plant.queue(burns)
    plant.queue(light, 20)
    assert plant.start(worker).result(PATIENCE).code == 0
    assert Counter(ran) == {"burns": 1, "light": 20}
    if greenlets == 1:
        assert ran[0] == "burns", "one greenlet keeps the order"
    else:
        assert ran[-1] == "burns"


def test_who_takes_jobs_himself_starts_also_those_that_compute(plant: Plant) -> None:
    burns = plant.tasks.define(lambda params: None, "Burns")
    worker = plant.worker()
    worker._heavy._until[burns] = worker._heavy._latest = float("inf")
    (job,) = plant.queue(burns)
    worker.begin()
    assert worker.take(1) == 1
    wait_until(lambda: plant.record(job).status is Status.SUCCESS)
    worker.end()


def test_jobs_that_compute_and_have_not_started_go_back_at_a_stop(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heavy, "LONGEST_HELD_BACK", 2.0 * PATIENCE)
    burns = plant.tasks.define(lambda params: None, "Burns")
    waiting = plant.queue(plant.waiting())
    worker = plant.worker(greenlets=2)
    worker._heavy._until[burns] = worker._heavy._latest = float("inf")
    ended = plant.start(worker)
    plant.in_task(worker)
    (job,) = plant.queue(burns)
    wait_until(lambda: plant.record(job).status is Status.STARTED)
    worker.stop.finish("the test wants it")
    wait_until(lambda: plant.record(job).status is Status.QUEUED)
    plant.go.set()
    assert ended.result(PATIENCE).code == 0
    assert plant.statuses(waiting) == ["success"]


def test_a_burst_waits_for_its_jobs_and_what_they_queue(plant: Plant) -> None:
    leaf = plant.tasks.define(lambda params: "leaf", "Leaf")
    jobs = plant.queue(plant.tasks.define(lambda params: str(plant.queue(leaf, 3)[0]), "Root"), 2)
    plant.burst(greenlets=1)
    assert plant.statuses(jobs) == ["success"] * 2
    assert plant.app.jobs.count("default", frozenset({Status.SUCCESS})) == 8


def test_a_burst_brings_back_what_is_due_before_it_ends(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    def second_time_lucky(params: Any) -> int:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError
        return len(tries)

    (job,) = plant.queue(plant.tasks.define(second_time_lucky, retries=1, retry_delay=60))
    assert plant.burst().code == 0
    assert plant.statuses([job]) == ["retry"]  # a burst doesn't wait for what is due later
    due = plant.record(job).dateretry
    monkeypatch.setattr(plant.app.clock, "now", lambda: due)
    assert plant.burst().code == 0
    assert plant.statuses([job]) == ["success"]


def test_a_burst_does_not_call_its_queues_empty_while_it_cannot_know(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = plant.worker(strategy="burst")
    asked: list[int] = []

    def away_at_first(self: Maintenance) -> int:
        asked.append(1)
        if len(asked) < 3:
            raise StoreUnavailableError("away")
        return 0

    monkeypatch.setattr(Maintenance, "round", away_at_first)
    monkeypatch.setattr(Maintenance, "loop", lambda _self, stopped: stopped.wait())  # which asks as well, each second
    assert plant.start(worker).result(PATIENCE).code == 0
    assert len(asked) == 3


def test_jobs_run_side_by_side_up_to_the_number_of_slots(plant: Plant) -> None:
    plant.queue(plant.waiting(), 10)
    worker = plant.worker(greenlets=3)
    plant.start(worker)
    plant.in_task(worker, 3)
    assert plant.app.jobs.count("default", frozenset({Status.STARTED})) == 3


def test_a_worker_leaves_a_report_when_it_stops(plant: Plant) -> None:
    plant.queue(plant.tasks.define(lambda params: None), 3)
    worker = plant.worker(strategy="burst", name="one")
    plant.start(worker).result(PATIENCE)
    document = plant.app.workers.fetch(worker.state.worker)
    assert document is not None
    assert (document["status"], document["name"], document["done_jobs"], document["jobs"]) == ("stop", "one", 3, [])


@pytest.mark.parametrize("greenlets", [1, 4, 20])
def test_max_jobs_is_strict(plant: Plant, greenlets: int) -> None:
    plant.queue(plant.tasks.define(lambda params: None), 20)
    ended = plant.start(plant.worker(max_jobs=7, greenlets=greenlets)).result(PATIENCE)
    assert (ended.code, ended.reason) == (0, "it has taken its 7 jobs")
    assert plant.app.jobs.count("default", frozenset({Status.SUCCESS})) == 7
    assert plant.app.jobs.count("default", frozenset({Status.QUEUED})) == 13


def test_a_worker_ends_after_its_max_time(plant: Plant) -> None:
    ended = plant.start(plant.worker(max_time=0.1)).result(PATIENCE)
    assert (ended.code, ended.reason) == (0, "its 0.1 s are over")


def test_max_time_lets_running_jobs_finish(plant: Plant) -> None:
    jobs = plant.queue(plant.waiting())
    worker = plant.worker(max_time=0.1)
    future = plant.start(worker)
    wait_until(lambda: worker.stop.graceful)
    plant.go.set()
    future.result(PATIENCE)
    assert plant.statuses(jobs) == ["success"]


def test_the_queues_of_a_worker_are_served_and_no_others(plant: Plant) -> None:
    path = plant.tasks.define(lambda params: None)
    mine, others = plant.queue(path, 2, "mine"), plant.queue(path, 2, "others")
    plant.burst(queues=("mine",))
    assert plant.statuses([*mine, *others]) == ["success", "success", "queued", "queued"]


def test_an_idle_worker_is_woken_by_a_producer(plant: Plant) -> None:
    path = plant.tasks.define(lambda params: None)
    worker = plant.worker(max_latency=3600.0)
    plant.start(worker)
    wait_until(lambda: worker.state.status.value == "wait" and "1 listeners" in plant.app.wakeups.ping())
    jobs = plant.queue(path)
    wait_until(lambda: plant.statuses(jobs) == ["success"], timeout=20)


def test_who_names_queues_to_be_woken_for_has_the_others_polled(plant: Plant) -> None:
    path = plant.tasks.define(lambda params: None)
    worker = plant.worker(queues=("quiet", "loud"), max_latency=3600.0, woken=frozenset({"loud"}))
    plant.start(worker)
    wait_until(lambda: worker.state.status.value == "wait" and "1 listeners" in plant.app.wakeups.ping())
    quiet, loud = plant.queue(path, queue="quiet"), plant.queue(path, queue="loud")
    wait_until(lambda: plant.statuses(loud) == ["success"], timeout=20)
    assert plant.statuses(quiet) == ["success"]  # once awake it looks at all of its queues


def test_a_producer_of_a_queue_that_is_not_named_wakes_nobody(plant: Plant) -> None:
    path = plant.tasks.define(lambda params: None)
    worker = plant.worker(queues=("quiet", "loud"), max_latency=3600.0, woken=frozenset({"loud"}))
    plant.start(worker)
    wait_until(lambda: worker.state.status.value == "wait" and "1 listeners" in plant.app.wakeups.ping())
    (ear,) = plant.app.wakeups._ears  # type: ignore[attr-defined]
    plant.queue(path, queue="quiet")
    assert ear.roots == {"loud"}
    assert not ear.called.is_set()


def test_workers_beside_one_another_run_each_job_once(plant: Plant) -> None:
    ran: list[int] = []
    plant.queue(plant.tasks.define(lambda params: ran.append(params["n"])), 200)
    workers = [plant.start(plant.worker(strategy="burst")) for _ in range(3)]
    for future in workers:
        assert future.result(PATIENCE).code == 0
    assert sorted(ran) == list(range(200))


def test_progress_reaches_the_job(plant: Plant) -> None:
    from mrq.context import get_current_job, set_current_job_progress

    seen: list[Any] = []

    def half(params: Any) -> None:
        set_current_job_progress(0.5, save=True)
        job = get_current_job()
        assert job is not None
        seen.append(job.fetch().data["progress"])  # type: ignore[index]

    (job,) = plant.queue(plant.tasks.define(half))
    plant.burst()
    assert seen == [0.5]
    assert plant.record(job).progress == 1.0


def test_a_loop_can_be_gone_through_again(plant: Plant) -> None:
    jobs = plant.queue(plant.tasks.define(lambda _params: None), 5)
    worker = plant.worker(greenlets=1)
    worker.begin()
    worker.loop(max_jobs=2)
    worker.join()
    assert plant.statuses(jobs) == ["success"] * 2 + ["queued"] * 3
    worker.loop(max_jobs=1)
    worker.join()
    worker.loop(max_time=0.05)
    worker.join()
    wait_until(lambda: plant.statuses(jobs) == ["success"] * 5)
    ended = worker.end()
    assert (ended.code, ended.replace) == (0, False)
    assert worker.state.done_jobs == 5


def test_the_id_that_is_asked_for_is_had_once(plant: Plant) -> None:
    wanted = str(plant.app.jobs.new_id())
    first, second = plant.worker(worker_id=wanted, strategy="burst"), plant.worker(worker_id=wanted, strategy="burst")
    for worker in (first, second):
        plant.start(worker).result(PATIENCE)
    assert str(first.state.worker) == wanted
    assert str(second.state.worker) != wanted


def test_an_id_that_is_none_is_refused(plant: Plant) -> None:
    from mrq.exceptions import ConfigError

    with pytest.raises(ConfigError, match="worker_id 'x' is no id"):
        plant.worker(worker_id="x")


def test_too_much_memory_ends_a_worker_gracefully_for_a_successor(plant: Plant) -> None:
    from mrq.engine.fittings import Fittings

    options = WorkerOptions(max_memory=100, max_latency=0.02, heartbeat_interval=0.05, lease=5.0)
    worker = plant.app.worker(ThreadRuntime(), options=options, fittings=Fittings(memory=lambda: 500 * 2**20))
    ended = plant.start(worker)
    (job,) = plant.queue(plant.tasks.define(lambda _params: None))
    exit_ = ended.result(PATIENCE)
    assert (exit_.code, exit_.replace) == (0, True)
    assert plant.statuses([job]) == ["success"]
