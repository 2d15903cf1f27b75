"""Workers whose end is known beforehand: what they take, and that they leave nothing behind."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mrq.domain.change import MOST_OVERRUNS
from mrq.domain.options import TaskOptions
from mrq.domain.queuename import parse_queue
from mrq.domain.status import Status
from mrq.engine import deadlines, shutdown
from mrq.engine.budget import Budget, needs_of
from mrq.engine.clock import SystemClock
from mrq.engine.options import WorkerOptions
from mrq.engine.threads import ThreadRuntime
from mrq.ports.errors import StoreUnavailableError
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mrq.app import App
    from mrq.domain.job import ClaimedJob
    from mrq.engine.loop import Worker
    from mrq.engine.shutdown import Exit
    from mrq.ports.jobs import Claim
    from unit.engine.kit import ManualClock, Tasks


# ---- the arithmetic


def budget_of(clock: ManualClock, **needs: float | None) -> Budget:
    return Budget(clock, 100.0, 10.0, lambda path: needs[path])


def test_time_runs_down_to_the_margin_and_then_to_the_end(clock: ManualClock) -> None:
    budget = budget_of(clock)
    assert (budget.left, budget.remaining) == (90, 100)
    assert budget.deadline(clock.now()) == clock.now() + timedelta(seconds=100)
    clock.pass_by(95)
    assert (budget.left, budget.remaining) == (0, 5)
    stages = [budget.turns_until, budget.interrupts_until, budget.writes_until, budget.leaves_by, budget.ends]
    assert stages == sorted(set(stages))


def test_a_margin_leaves_half_of_a_short_time_for_the_work(clock: ManualClock) -> None:
    assert Budget(clock, 4.0, 10.0, lambda _path: None).left == 2


def test_what_does_not_fit_any_more_is_left_out_and_what_never_fits_is_named(clock: ManualClock) -> None:
    budget = budget_of(clock, short=1, half=50, long=91, unknown=None)
    budget.look_at(["short", "half", "long", "unknown"])
    assert budget.unfit() == {"long", "unknown"}
    assert budget.fits("half")
    clock.pass_by(41)
    assert not budget.fits("half")
    assert budget.unfit() == {"half", "long", "unknown"}
    assert budget.too_long() == {"long": 91, "unknown": None}


@pytest.mark.parametrize(
    ("measured", "declared", "timeout", "need"),
    [
        (5.0, 30.0, 3600.0, 5.0),
        (None, 30.0, 3600.0, 30.0),
        (None, 30.0, 20.0, 20.0),
        (None, 30.0, 0.0, 30.0),
        (None, 0.0, 20.0, None),
        (0.0, 30.0, 3600.0, 0.0),
    ],
    ids=["measured", "declared", "ended by its time-out", "no time-out", "a time-out says nothing", "takes no time"],
)
def test_how_long_a_job_takes(
    tasks: Tasks, measured: float | None, declared: float, timeout: float, need: float | None
) -> None:
    path = tasks.define(lambda params: None, burst_limit=declared, timeout=timeout)
    assert needs_of(tasks.loader(TaskOptions()), lambda _path: measured)(path) == need


# ---- the worker


class Plant:
    """Workers with a budget, on stores in memory."""

    def __init__(self, app: App, tasks: Tasks) -> None:
        self.app, self.tasks = app, tasks
        self.go = threading.Event()

    def worker(self, seconds: float = 60.0, margin: float = 2.0, **about: Any) -> Worker:
        budget = Budget(SystemClock(), seconds, margin, needs_of(self.app.tasks, lambda _path: None))
        about = {"max_latency": 0.02, "heartbeat_interval": 0.05, "lease": 0.5, "report_interval": 0.0, **about}
        about = {"greenlets": 4, "settle_window": 0.0, "strategy": "burst", "interrupt_requeue_delay": 0.5, **about}
        return self.app.worker(ThreadRuntime(), options=WorkerOptions(**about), budget=budget)

    def run(self, **about: Any) -> tuple[Worker, Exit]:
        worker = self.worker(**about)
        return worker, worker.run()

    def queue(self, path: str, many: int = 1, queue: str = "default") -> list[Any]:
        return self.app.enqueuer.enqueue(path, [{"n": n} for n in range(many)], queue)

    def statuses(self, jobs: list[Any]) -> list[str]:
        return [self.app.jobs.fetch(job).status.value for job in jobs]  # type: ignore[union-attr]

    def document(self, worker: Worker) -> dict[str, Any]:
        found = self.app.workers.fetch(worker.id)
        assert found is not None
        return found

    def started(self) -> int:
        return sum(self.app.jobs.count_by_queue(Status.STARTED).values())


@pytest.fixture
def plant(memory_app: App, tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plant]:
    monkeypatch.setattr(deadlines, "INTERVAL", 0.01)
    monkeypatch.setattr(shutdown, "INTERRUPT_INTERVAL", 0.02)
    plant = Plant(memory_app, tasks)
    yield plant
    plant.go.set()


def test_a_queue_is_drained_and_the_worker_states_its_end_and_leaves(plant: Plant) -> None:
    seen: list[dict[str, Any]] = []
    worker = plant.worker()
    jobs = plant.queue(plant.tasks.define(lambda params: seen.append(plant.document(worker)), burst_limit=1), 20)
    before = plant.app.clock.now()
    ended = worker.run()
    assert (ended.reason, ended.replace) == ("its queues are empty", False)
    assert plant.statuses(jobs) == ["success"] * 20
    assert (worker.state.finished, worker.state.interrupted) == (20, 0)
    during = seen[-1]
    assert before + timedelta(seconds=59) < during["deadline"] < before + timedelta(seconds=62)
    assert (during["status"], during["beat"]) == ("started", seen[0]["beat"])  # no heartbeat is needed
    assert plant.document(worker)["status"] == "stop"


def test_an_unfit_head_neither_blocks_nor_is_read_again(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    needs = {"Heavy": {"burst_limit": 600}, "Unknown": {}, "Light": {"burst_limit": 1}}
    paths = {name: plant.tasks.define(lambda params: None, name, **need) for name, need in needs.items()}
    heavy, unknown, light = (plant.queue(path, 30) for path in paths.values())
    claimed: Counter[str] = Counter()
    claim = plant.app.jobs.claim

    def counted(wish: Claim) -> list[ClaimedJob]:
        found = claim(wish)
        claimed.update(job.path for job in found)
        return found

    monkeypatch.setattr(plant.app.jobs, "claim", counted)

    worker, ended = plant.run()

    assert ended.reason == "its queues are empty"
    assert plant.statuses(light) == ["success"] * 30
    assert plant.statuses([*heavy, *unknown]) == ["queued"] * 60
    assert worker.state.finished == 30
    assert claimed[paths["Heavy"]] == claimed[paths["Unknown"]] == 4, (
        "each was claimed once, as far as there were slots"
    )
    places = [plant.app.jobs.fetch(job).datequeued for job in heavy]  # type: ignore[union-attr]
    assert places == sorted(places)
    assert plant.app.jobs.fetch(heavy[0]).losses == 0  # type: ignore[union-attr]


def test_what_is_known_beforehand_is_not_claimed_even_once(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    path = plant.tasks.define(lambda params: None, burst_limit=600)
    plant.queue(path, 3)
    worker = plant.worker()
    budget: Any = worker._budget
    budget.look_at([path])
    worker.run()
    assert budget.given_back == 0
    assert budget.too_long() == {path: 600}


def test_at_the_margin_what_runs_is_interrupted_and_comes_back(plant: Plant) -> None:
    def wait(params: Any) -> None:
        while not plant.go.wait(0.005):
            pass

    jobs = plant.queue(plant.tasks.define(wait, burst_limit=0.5), 6)
    worker, ended = plant.run(seconds=2.5, margin=1.5)
    assert ended.reason == "its time is up"
    assert not ended.replace
    assert plant.statuses(jobs) == ["interrupt"] * 4 + ["queued"] * 2
    record = plant.app.jobs.fetch(jobs[0])
    assert record is not None
    assert record.dateretry is not None
    assert plant.started() == 0
    assert worker.state.interrupted == 4
    assert plant.document(worker)["status"] == "stop"


def test_a_job_far_longer_than_its_task_is_left_to_containers(plant: Plant) -> None:
    def wait(params: Any) -> None:
        while not plant.go.wait(0.005):
            pass

    (job,) = plant.queue(plant.tasks.define(wait, burst_limit=0.3))
    for overruns in range(1, MOST_OVERRUNS + 1):
        assert plant.run(seconds=1.6, margin=1, interrupt_requeue_delay=0)[0].state.interrupted == 1
        assert plant.app.jobs.fetch(job).overruns == overruns  # type: ignore[union-attr]
    worker, ended = plant.run()
    assert (ended.reason, worker.state.finished + worker.state.interrupted) == ("its queues are empty", 0)
    plant.go.set()
    plant.app.worker(ThreadRuntime(), options=WorkerOptions(strategy="burst", max_latency=0.02)).run()
    assert plant.statuses([job]) == ["success"]


def test_a_graceful_end_waits_no_longer_than_the_margin(plant: Plant) -> None:
    """It has taken all that it may take, and one job goes on for ever."""

    def wait(params: Any) -> None:
        while not plant.go.wait(0.005):
            pass

    jobs = plant.queue(plant.tasks.define(wait, burst_limit=0.5))
    plant.run(seconds=2.5, margin=1.5, max_jobs=1)
    assert plant.statuses(jobs) == ["interrupt"]


def stuck_in_c(plant: Plant, **options: Any) -> Callable[[], None]:
    """A task that waits inside a C call; what lets it go."""
    ours, theirs = socket.socketpair()

    def receive(params: Any) -> None:
        with theirs:
            theirs.recv(1)

    plant.queue(plant.tasks.define(receive, "Receive", burst_limit=0.5, **options))

    def let_go() -> None:
        ours.send(b"x")
        ours.close()

    return let_go


def test_a_job_that_cannot_be_interrupted_goes_back_later_and_the_process_has_to_end(plant: Plant) -> None:
    let_go = stuck_in_c(plant)
    now = plant.app.clock.now()
    worker, ended = plant.run(seconds=2.0, margin=1.5)
    assert ended.replace
    (job,) = plant.app.jobs.list_ids("default", Status.INTERRUPT, 0, 10)
    record = plant.app.jobs.fetch(job)
    assert record is not None
    assert record.dateretry is not None
    assert record.dateretry > now + timedelta(seconds=shutdown.PROCESS_ENDS)
    assert plant.started() == 0
    assert plant.document(worker)["status"] == "stop"
    let_go()
    wait_until(lambda: not worker.state.active())
    assert plant.statuses([job]) == ["interrupt"], "its late end is not written"


def test_a_job_past_its_timeout_that_cannot_be_interrupted_ends_the_process_as_well(plant: Plant) -> None:
    let_go = stuck_in_c(plant, timeout=0.05)
    worker, ended = plant.run(seconds=20.0, margin=1.0, interrupt_grace=0.2)
    assert ended.replace
    assert plant.app.jobs.count("default", frozenset({Status.TIMEOUT})) == 1
    assert plant.document(worker)["status"] == "stop"
    let_go()
    wait_until(lambda: not worker.state.active())


def test_neither_many_stuck_jobs_nor_a_silent_database_hold_it_beyond_its_end(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, released, stuck = threading.Lock(), threading.Event(), 60
    held.acquire()

    def wait(params: Any) -> None:
        with held:  # inside a C call
            pass

    def silent(*_: Any) -> Any:
        released.wait(60)
        raise StoreUnavailableError("away")

    plant.queue(plant.tasks.define(wait, burst_limit=0.2), stuck)
    worker = plant.worker(seconds=3.0, margin=2.0, greenlets=stuck)
    for name in ("settle", "started_by"):
        monkeypatch.setattr(plant.app.jobs, name, silent)
    ended = worker.run()
    budget: Any = worker._budget
    left = budget.remaining
    released.set()
    held.release()
    assert ended.replace
    assert left > -budget.margin / 4, "at most as late as this busy machine"
    wait_until(lambda: not worker.state.active())


def test_a_claim_whose_answer_was_lost_leaves_nothing_behind(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = plant.queue(plant.tasks.define(lambda params: None, burst_limit=0.1), 3)
    claim = plant.app.jobs.claim

    def lost(wish: Any) -> Any:
        claim(wish)
        raise StoreUnavailableError("the answer was lost")

    def away(*_: Any) -> Any:
        raise StoreUnavailableError("away")

    monkeypatch.setattr(plant.app.jobs, "claim", lost)
    monkeypatch.setattr(plant.app.jobs, "claimed_under", away)
    plant.run(seconds=1.5, margin=1.0)
    assert plant.statuses(jobs) == ["queued"] * 3


def test_the_end_is_stated_by_the_clock_of_the_database(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    store: Any = plant.app.workers
    ahead = timedelta(hours=2)
    clock = SystemClock()
    monkeypatch.setattr(store, "_now", lambda: clock.now() + ahead)
    worker, _ = plant.run()
    assert timedelta(seconds=58) < plant.document(worker)["deadline"] - clock.now() - ahead < timedelta(seconds=61)


def test_a_raw_queue_with_a_job_that_does_not_fit_is_left_alone(plant: Plant) -> None:
    heavy = plant.tasks.define(lambda params: None, "Heavy", burst_limit=600)
    table = {"heavy_raw": {"job_factory": lambda raw: {"path": heavy, "params": {}},
                           "statuses_no_storage": ("started", "success")}}  # fmt: skip
    queue = parse_queue("heavy_raw")
    plant.app.raw.enqueue(queue, [b"1", b"2", b"3"])
    _, ended = plant.run(queues=("heavy_raw",), raw_queues=table, greenlets=1, seconds=5.0)
    assert ended.reason == "its queues are empty"
    assert plant.app.raw.waiting(queue, 0, 10) == [b"1", b"2", b"3"]
    assert plant.started() == 0
