"""Settler: the ends of runs are kept until they are written."""

from __future__ import annotations

from typing import Any

import pytest

from mrq.domain.options import TaskOptions
from mrq.domain.outcome import Failure, Outcome
from mrq.domain.status import Status
from mrq.domain.task import Task
from mrq.engine.options import WorkerOptions
from mrq.engine.run import Run
from mrq.engine.settling import Settler
from mrq.engine.state import WorkerState
from mrq.engine.threads import ThreadRuntime
from mrq.stores.ids import new_id
from unit.engine.kit import NOW, ManualClock, Moody, new_job, start, statuses


class HandTurned(ThreadRuntime):
    """Sleeping turns the clock, and lets something happen after so many sleeps."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.slept: list[float] = []
        self.after: dict[int, Any] = {}

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.pass_by(seconds)
        self.after.pop(len(self.slept), lambda: None)()


class Bench:
    def __init__(self, store: Moody, clock: ManualClock) -> None:
        self.store, self.runtime = store, HandTurned(clock)
        options = WorkerOptions(settle_window=0)
        self.state = WorkerState(new_id(), 100, 1000, self.runtime.event())
        self.settler = Settler(store, self.state, self.runtime, clock, options)

    def runs(self, many: int) -> list[Run]:
        jobs = start(self.store, *(new_job() for _ in range(many)), worker=self.state.worker)
        runs = [Run(job, TaskOptions()) for job in jobs]
        self.state.hold(runs)
        return runs

    def end(self, *runs: Run, outcome: Outcome | None = None) -> None:
        for run in runs:
            run.decide(outcome or Outcome(Status.SUCCESS, result=1))
            self.settler.put(run)

    def write(self) -> None:
        """Write all that waits; returns only when that is done."""
        self.settler.close()
        self.settler.loop()

    def statuses(self, runs: list[Run]) -> list[str]:
        return statuses(self.store, [run.job.id for run in runs])


@pytest.fixture
def bench(store: Moody, clock: ManualClock) -> Bench:
    return Bench(store, clock)


def test_ends_are_written_together(bench: Bench) -> None:
    runs = bench.runs(5)
    bench.end(*runs)
    bench.write()
    assert bench.statuses(runs) == ["success"] * 5
    assert bench.store.calls.count("settle") == 1
    assert not bench.state.busy
    assert bench.state.done_jobs == 5


def test_a_run_without_an_outcome_cannot_be_settled(bench: Bench) -> None:
    with pytest.raises(RuntimeError):
        bench.settler.put(bench.runs(1)[0])


def test_while_the_database_is_away_ends_are_kept_and_tried_again(bench: Bench) -> None:
    runs = bench.runs(3)
    bench.store.away.add("settle")
    bench.runtime.after[4] = bench.store.away.clear
    bench.end(*runs)
    bench.write()
    assert bench.statuses(runs) == ["success"] * 3
    assert bench.store.calls.count("settle") == 5
    assert bench.runtime.slept == [0.05, 0.1, 0.2, 0.4]
    assert not bench.state.busy


def test_while_the_database_is_away_the_slots_stay_taken(bench: Bench) -> None:
    runs, seen = bench.runs(3), []
    bench.store.away.add("settle")

    def back() -> None:
        seen.append(len(bench.state.held()))
        bench.store.away.clear()

    bench.runtime.after[2] = back
    bench.end(*runs)
    bench.write()
    assert seen == [3]


def test_an_answer_that_was_lost_does_not_end_a_job_twice(bench: Bench) -> None:
    runs = bench.runs(3)
    bench.store.lose.add("settle")
    bench.end(*runs, outcome=Outcome(Status.FAILED, failure=Failure("Error", "text")))
    bench.write()
    assert bench.statuses(runs) == ["failed"] * 3
    assert [len(bench.store.fetch(run.job.id).traceback_history) for run in runs] == [1, 1, 1]
    assert bench.state.done_jobs == 3


def test_a_refused_end_is_let_go(bench: Bench) -> None:
    stolen, good = bench.runs(2)
    bench.store.move(stolen.job.id, Status.CANCEL, NOW, {})
    bench.end(stolen, good)
    bench.write()
    assert bench.statuses([stolen, good]) == ["cancel", "success"]
    assert not bench.state.busy


def test_a_result_that_cannot_be_stored_fails_its_job_and_no_other(bench: Bench) -> None:
    runs = bench.runs(20)
    for n, run in enumerate(runs):
        bench.end(run, outcome=Outcome(Status.SUCCESS, result=object() if n == 9 else n))
    bench.write()
    expected = ["success"] * 20
    expected[9] = "failed"
    assert bench.statuses(runs) == expected
    record = bench.store.fetch(runs[9].job.id)
    assert record.exceptiontype == "UnstorableResult"
    assert "its result is a object" in record.traceback
    assert not bench.state.busy


def test_a_failure_that_cannot_be_stored_ends_the_job_as_failed(bench: Bench) -> None:
    (run,) = bench.runs(1)
    bench.end(run, outcome=Outcome(Status.FAILED, failure=Failure("Error", "\ud800")))
    bench.write()
    assert bench.statuses([run]) == ["failed"]
    assert not bench.state.busy


def test_a_retry_that_cannot_be_stored_ends_the_job_as_failed(bench: Bench) -> None:
    (run,) = bench.runs(1)
    bench.end(run, outcome=Outcome(Status.RETRY, failure=Failure("Error", "x", "\ud800"), delay=5))
    bench.write()
    assert bench.statuses([run]) == ["failed"]


def test_a_success_may_ask_for_another_write_concern(bench: Bench) -> None:
    asked: list[Any] = []
    runs = bench.runs(2)
    bench.store.fail = lambda name, args: asked.extend(args[0]) if name == "settle" else False  # type: ignore[assignment,func-returns-value,return-value]
    for run in runs:
        run.task = Task()
        run.task.status_success_update_w, run.task.status_success_update_j = 1, False
    bench.end(runs[0])
    bench.end(runs[1], outcome=Outcome(Status.FAILED))
    bench.write()
    assert [(each.write_concern, each.journal) for each in asked] == [(1, False), (None, None)]


def test_new_ends_are_written_while_others_wait(bench: Bench) -> None:
    first, second = bench.runs(2)
    bench.store.away.add("settle")

    def more() -> None:
        bench.end(second)
        bench.store.away.clear()

    bench.runtime.after[1] = more
    bench.end(first)
    bench.write()
    assert bench.statuses([first, second]) == ["success", "success"]


def test_a_decision_stands(bench: Bench) -> None:
    (run,) = bench.runs(1)
    assert run.decide(Outcome(Status.TIMEOUT))
    assert not run.decide(Outcome(Status.SUCCESS))
    bench.settler.put(run)
    bench.write()
    assert bench.statuses([run]) == ["timeout"]
