"""What may be set for a task."""

from __future__ import annotations

from typing import Any

import pytest

from mrq.domain.options import TaskOptions
from mrq.domain.optionvalues import check_options, newer_options
from mrq.domain.task import Task
from mrq.engine.tasks import TaskLoader
from mrq.exceptions import ConfigError

GOOD = {
    "timeout": [0, 1.5, None], "burst_limit": [0, 30.5],
    "max_concurrency": [0, 1, 100], "retries": [0, 3], "retry_backoff": [1, 2.5],
    "retry_jitter": [0, 0.5, 1], "retry_max_delay": [0, 10], "on_limit": ["end", "wait"], "rate": ["100/m"],
    "retry_on": [ValueError, "a.B", (ValueError, "KeyError"), []], "retry_not_on": [OSError], "unknown": [object()],
}  # fmt: skip
BAD = {
    "timeout": [-1, "1", True, float("nan"), float("inf")], "burst_limit": [-1, "1"],
    "max_concurrency": [-1, 1.5, "3", True],
    "retries": [-1, 1.0],
    "retry_backoff": [0.5, -1], "retry_jitter": [-0.1, 1.1], "on_limit": ["stop", 1], "rate": ["fast", 100],
    "retry_on": [ValueError(), int, "not a name", (ValueError, 3)], "retry_not_on": [7],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in GOOD.items() for value in values])
def test_values_that_make_sense(name: str, value: Any) -> None:
    check_options({name: value}, "here")


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_values_that_make_none(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"^here: {name}"):
        check_options({name: value}, "here")


def test_a_class_with_bad_options_is_not_made() -> None:
    with pytest.raises(ConfigError, match=r"task .*Fast: rate 'fast' should be"):
        type("Fast", (Task,), {"mrq_options": {"rate": "fast"}})
    with pytest.raises(ConfigError, match="max_concurrency = -1 should be a whole number"):
        type("Less", (Task,), {"max_concurrency": -1})


def test_what_the_configuration_says_of_a_task_has_to_make_sense() -> None:
    with pytest.raises(ConfigError, match=r"TASKS\['a.B'\]: rate 'x'"):
        TaskLoader(TaskOptions(), {"a.B": {"rate": "x"}})
    TaskLoader(TaskOptions(), {"a.B": {"timeout": "as 0.9 took it"}})
    assert newer_options({"timeout": 1, "retries": 2}) == {"retries": 2}
