"""Section 6: mrq.exceptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from compat.kit import finished
from mrq import exceptions
from mrq.job import queue_job

if TYPE_CHECKING:
    from compat.kit import CompatWorker

INTERRUPTS = ["TimeoutInterrupt", "AbortInterrupt", "RetryInterrupt", "MaxRetriesInterrupt", "MaxConcurrencyInterrupt"]


@pytest.mark.parametrize("name", [*INTERRUPTS, "StopRequested", "JobInterrupt"])
def test_interrupts_are_not_exceptions(name: str) -> None:
    kind = getattr(exceptions, name)
    assert issubclass(kind, BaseException)
    assert not issubclass(kind, Exception)


@pytest.mark.parametrize("name", INTERRUPTS)
def test_they_carry_what_led_to_them(name: str) -> None:
    interrupt = getattr(exceptions, name)()
    assert interrupt.original_exception is None
    assert "Original exception" not in str(interrupt)
    try:
        raise ValueError("the cause")
    except ValueError as error:
        interrupt.original_exception = error
    text = str(interrupt)
    assert "---- Original exception: -----" in text
    assert "ValueError" in text.split("---- Original exception: -----")[1]


def test_a_retry_says_when_where_and_how_often() -> None:
    interrupt = exceptions.RetryInterrupt()
    assert (interrupt.delay, interrupt.queue, interrupt.retry_count) == (None, None, 0)


@pytest.mark.parametrize(
    ("task", "params", "status", "kind"),
    [
        ("Again", {"delay": 60}, "retry", "RetryInterrupt"),
        ("Abort", {}, "abort", "AbortInterrupt"),
        ("Again", {"delay": 60, "max_retries": 0}, "maxretries", "MaxRetriesInterrupt"),
    ],
)
@pytest.mark.parametrize("in_handler", [False, True])
def test_the_original_traceback_is_kept_apart(
    worker: CompatWorker, queue: str, task: str, params: dict[str, Any], status: str, kind: str, in_handler: bool
) -> None:
    job_id = queue_job(f"compat.tasks.{task}", {**params, "in_handler": in_handler}, queue=queue)
    document = finished(job_id)
    (entry,) = document["traceback_history"]
    assert (document["status"], document["exceptiontype"]) == (status, kind)
    assert (entry["status"], entry["exceptiontype"]) == (status, kind)
    assert ("Odd: the cause" in entry.get("original_traceback", "")) is in_handler
