"""Queue names, retry delays, task options, tasks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrq.domain.options import TaskOptions
from mrq.domain.queuename import QueueType, parse_queue
from mrq.domain.retry import MAX_DELAY, delay_before
from mrq.domain.task import Task
from mrq.exceptions import InvalidQueueError


@pytest.mark.parametrize(
    ("name", "queue_id", "root", "kind", "reverse", "is_sub", "serves"),
    [
        ("default", "default", "default", QueueType.REGULAR, False, False, False),
        ("default_reverse", "default", "default", QueueType.REGULAR, True, False, False),
        ("_reverse", "_reverse", "_reverse", QueueType.REGULAR, False, False, False),
        ("main/", "main/", "main", QueueType.REGULAR, False, True, True),
        ("main/x", "main/x", "main", QueueType.REGULAR, False, True, False),
        ("main/x/y", "main/x/y", "main", QueueType.REGULAR, False, True, False),
        ("main/x_reverse", "main/x", "main", QueueType.REGULAR, True, True, False),
        ("q_raw", "q_raw", "q_raw", QueueType.RAW, False, False, False),
        ("q_set", "q_set", "q_set", QueueType.SET, False, False, False),
        ("q_sorted_set", "q_sorted_set", "q_sorted_set", QueueType.SORTED_SET, False, False, False),
        ("q_timed_set", "q_timed_set", "q_timed_set", QueueType.TIMED_SET, False, False, False),
        ("q_raw/x", "q_raw/x", "q_raw", QueueType.RAW, False, True, False),
        ("q_raw_reverse", "q_raw", "q_raw", QueueType.RAW, True, False, False),
        ("main/x_raw", "main/x_raw", "main", QueueType.REGULAR, False, True, False),
        ("raw", "raw", "raw", QueueType.REGULAR, False, False, False),
        ("ünïcode", "ünïcode", "ünïcode", QueueType.REGULAR, False, False, False),
    ],
)
def test_a_queue_name_is_taken_apart(
    name: str, queue_id: str, root: str, kind: QueueType, reverse: bool, is_sub: bool, serves: bool
) -> None:
    queue = parse_queue(name)
    assert (queue.id, queue.root, queue.type, queue.is_reverse) == (queue_id, root, kind, reverse)
    assert (queue.is_subqueue, queue.serves_subqueues, queue.is_raw) == (is_sub, serves, kind is not QueueType.REGULAR)


@pytest.mark.parametrize("name", ["", "a\0b", None, 7, b"bytes", ("a",)])
def test_what_is_no_queue_name_is_refused(name: object) -> None:
    with pytest.raises(InvalidQueueError, match="must be text"):
        parse_queue(name)


@given(st.text(min_size=1).filter(lambda text: "\0" not in text))
def test_the_id_of_a_queue_is_a_name_of_the_same_queue(name: str) -> None:
    queue = parse_queue(name)
    assert name in (queue.id, queue.id + "_reverse")
    assert queue.id.startswith(queue.root)
    assert queue.serves_subqueues <= queue.is_subqueue


def test_the_wait_doubles_with_every_retry() -> None:
    assert [delay_before(n, 3.0) for n in (1, 2, 3, 4)] == [3.0, 6.0, 12.0, 24.0]


@given(st.integers(1, 10**9), st.floats(0, 10**6))
def test_a_wait_never_shrinks_and_never_passes_an_hour(retry: int, first: float) -> None:
    assert delay_before(retry, first) <= delay_before(retry + 1, first) <= MAX_DELAY


def test_options_are_merged_one_by_one() -> None:
    options = TaskOptions(timeout=1, result_ttl=2).merged({"timeout": 5, "queue": "q"})
    assert (options.timeout, options.result_ttl, options.queue) == (5, 2, "q")


def test_what_is_no_option_and_what_is_none_changes_nothing() -> None:
    options = TaskOptions(timeout=1)
    assert options.merged({"timeout": None, "unknown": 1}) == options


def test_zero_and_false_are_values() -> None:
    assert TaskOptions(timeout=1, exclusive=True).merged({"timeout": 0, "exclusive": False}) == TaskOptions(timeout=0)


def test_the_defaults_are_those_of_mrq_0_9() -> None:
    options = TaskOptions()
    assert (options.timeout, options.max_retries, options.retry_delay) == (3600, 3, 3)
    assert (options.result_ttl, options.abort_ttl, options.cancel_ttl) == (7 * 86400, 86400, 86400)


def test_a_task_without_run_says_so() -> None:
    class Nothing(Task):
        pass

    with pytest.raises(TypeError, match=r"Nothing is a Task without a run\(self, params\) method"):
        Nothing().run({})


def test_run_wrapped_calls_run() -> None:
    class Double(Task):
        def run(self, params: Any) -> Any:
            return params * 2

    assert Double().run_wrapped(21) == 42
