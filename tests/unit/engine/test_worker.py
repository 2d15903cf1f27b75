"""The whole worker, on threads and stores in memory."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from mrq.domain.status import Status
from mrq.engine import deadlines, shutdown
from mrq.engine.maintenance import Maintenance
from mrq.engine.options import WorkerOptions
from mrq.engine.threads import ThreadRuntime
from mrq.exceptions import TimeoutInterrupt
from mrq.ports.errors import StoreUnavailableError
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mrq.app import App
    from mrq.engine.loop import Worker
    from mrq.engine.shutdown import Exit
    from unit.engine.kit import Tasks

ALL = frozenset(Status)
PATIENCE = 30


class Plant:
    """Workers of an app, each run in a thread."""

    def __init__(self, app: App, tasks: Tasks) -> None:
        self.app, self.tasks = app, tasks
        self.pool = ThreadPoolExecutor(4)
        self.running: list[tuple[Worker, Future[Exit]]] = []
        self.go = threading.Event()  # jobs made by `waiting` end

    def worker(self, **about: Any) -> Worker:
        about = {"max_latency": 0.02, "heartbeat_interval": 0.05, "lease": 5.0, "report_interval": 0.0, **about}
        about = {"greenlets": 4, "interrupt_grace": 5.0, "settle_window": 0.0, **about}
        return self.app.worker(ThreadRuntime(), options=WorkerOptions(**about))

    def start(self, worker: Worker) -> Future[Exit]:
        future = self.pool.submit(worker.run)
        self.running.append((worker, future))
        return future

    def burst(self, **about: Any) -> Exit:
        return self.start(self.worker(strategy="burst", **about)).result(PATIENCE)

    def queue(self, path: str, many: int = 1, queue: str = "default") -> list[Any]:
        return self.app.enqueuer.enqueue(path, [{"n": n} for n in range(many)], queue)

    def statuses(self, jobs: list[Any]) -> list[str]:
        return [self.app.jobs.fetch(job).status.value for job in jobs]  # type: ignore[union-attr]

    def record(self, job: Any) -> Any:
        return self.app.jobs.fetch(job)

    def waiting(self, name: str = "Waiting", **options: Any) -> str:
        """A task that runs until `go` is set; it can be interrupted."""

        def wait(params: dict[str, Any]) -> str:
            while not self.go.wait(0.005):
                pass
            return "went"

        return self.tasks.define(wait, name, **options)

    def in_task(self, worker: Worker, many: int = 1) -> None:
        """Wait until so many jobs are inside their tasks."""
        wait_until(lambda: sum(run.in_task for run in worker.state.active()) == many)

    def close(self) -> None:
        self.go.set()
        for worker, _ in self.running:
            worker.stop.interrupt("the test is over")
        for _, future in self.running:
            future.result(PATIENCE)
        self.pool.shutdown()


@pytest.fixture
def plant(memory_app: App, tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plant]:
    monkeypatch.setattr(deadlines, "INTERVAL", 0.01)
    monkeypatch.setattr(shutdown, "INTERRUPT_INTERVAL", 0.02)
    plant = Plant(memory_app, tasks)
    yield plant
    plant.close()


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


# ---- idle, limits of a loop, ids


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
