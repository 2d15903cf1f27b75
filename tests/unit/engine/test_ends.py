"""What the worker's log says about the ends of runs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from mrq.domain.options import TaskOptions
from mrq.domain.outcome import Failure, Outcome
from mrq.domain.status import Status
from mrq.engine.ends import tell_end
from mrq.engine.options import WorkerOptions
from mrq.engine.run import Run
from mrq.engine.settling import Settler
from mrq.engine.state import WorkerState
from mrq.engine.threads import ThreadRuntime
from mrq.stores.ids import new_id
from mrq.testing import memory_app, run_jobs
from unit.engine.kit import claimed
from unit.face import sampletasks

if TYPE_CHECKING:
    from unit.engine.kit import ManualClock, Moody

TRACE = 'Traceback (most recent call last):\n  File "tasks.py", line 3, in fetch\nValueError: no good\n'


@pytest.fixture
def run(caplog: pytest.LogCaptureFixture) -> Run:
    caplog.set_level(logging.INFO, "mrq.worker")
    return Run(claimed("tasks.fetch"), TaskOptions())


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def test_a_failure_is_an_error_with_job_path_and_traceback(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    tell_end(run, Outcome(Status.FAILED, failure=Failure("ValueError", TRACE)))
    assert lines(caplog) == [("ERROR", f"job {run.job.id} (tasks.fetch) failed\n{TRACE.rstrip()}")]


@pytest.mark.parametrize(
    ("outcome", "level", "said"),
    [
        (Outcome(Status.RETRY, failure=Failure("ValueError", TRACE), delay=6.0, retry_count=2), "WARNING",
         "is tried again in 6 s (retry 2): ValueError: no good"),
        (Outcome(Status.TIMEOUT, failure=Failure("TimeoutInterrupt", "x\nmrq.exceptions.TimeoutInterrupt: late")),
         "WARNING", "ended as timeout: mrq.exceptions.TimeoutInterrupt: late"),
        (Outcome(Status.MAXRETRIES, failure=Failure("MaxRetriesInterrupt", "T: 3 times", TRACE)), "WARNING",
         "ended as maxretries: ValueError: no good"),
        (Outcome(Status.INTERRUPT, failure=Failure("JobInterrupt", "J: stop"), delay=10.0), "WARNING",
         "ended as interrupt, and runs again in 10 s: J: stop"),
        (Outcome(Status.RETRY, failure=Failure("RetryInterrupt", "RetryInterrupt"), delay=1), "INFO",
         "is tried again in 1 s (retry 1): RetryInterrupt"),
        (Outcome(Status.RETRY, failure=Failure("RetryInterrupt", "RetryInterrupt", TRACE), delay=1), "WARNING",
         "is tried again in 1 s (retry 1): ValueError: no good"),
        (Outcome(Status.ABORT, failure=Failure("AbortInterrupt", "AbortInterrupt")), "INFO",
         "ended as abort: AbortInterrupt"),
    ],
    ids=str,
)  # fmt: skip
def test_other_ends_are_one_line(
    run: Run, caplog: pytest.LogCaptureFixture, outcome: Outcome, level: str, said: str
) -> None:
    tell_end(run, outcome)
    assert lines(caplog) == [(level, f"job {run.job.id} (tasks.fetch) {said}")]


def test_nothing_is_said_about_good_ends(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "mrq.worker")
    tell_end(run, Outcome(Status.SUCCESS, result=1))
    assert lines(caplog) == []


def test_every_end_that_is_settled_is_told(
    run: Run, caplog: pytest.LogCaptureFixture, store: Moody, clock: ManualClock
) -> None:
    runtime = ThreadRuntime()
    state = WorkerState(new_id(), 1, 1, runtime.event())
    run.decide(Outcome(Status.FAILED, failure=Failure("ValueError", TRACE)))
    Settler(store, state, runtime, clock, WorkerOptions()).put(run)
    assert [level for level, _ in lines(caplog)] == ["ERROR"]


def test_a_failing_job_leaves_a_trace_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with memory_app():
        job = sampletasks.fail.queue("no good")
        run_jobs()
    (said,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert said.startswith(f"job {job.id} (unit.face.sampletasks.fail) failed\nTraceback (most recent call last):\n")
    assert said.endswith("ValueError: no good")
