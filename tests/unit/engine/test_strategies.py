"""Strategies of one's own, by their dotted path."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from mrq.engine.strategies import Sequential, strategy_named
from mrq.exceptions import ConfigError
from mrq.job import queue_job
from mrq.testing import memory_app, run_jobs
from unit.face import sampletasks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MODULE = "strategies_of_a_test"


class LastFirst(Sequential):
    """The queue that is named last is drained first."""

    stops_when_empty = True

    def plan(self, queues: Sequence[Any], free: int) -> list[Any]:
        return super().plan(list(reversed(queues)), free)


@pytest.fixture(autouse=True)
def module() -> Iterator[None]:
    made = ModuleType(MODULE)
    made.LastFirst = LastFirst  # type: ignore[attr-defined]
    made.Needy = type("Needy", (), {"__init__": lambda self, a: None})  # type: ignore[attr-defined]
    made.Nothing = object  # type: ignore[attr-defined]
    sys.modules[MODULE] = made
    yield
    del sys.modules[MODULE]


def test_a_class_is_found_by_its_path() -> None:
    assert isinstance(strategy_named(f"{MODULE}.LastFirst"), LastFirst)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("fast", "unknown; choose one of sequential, parallel, burst, or a dotted path"),
        (f"{MODULE}.Missing", "has no 'Missing'"),
        ("no_such_module.X", "there is no module 'no_such_module'"),
        (f"{MODULE}.Needy", "needs no arguments"),
        (f"{MODULE}.Nothing", r"has to have a method plan\(\)"),
    ],
)
def test_what_is_no_strategy_is_explained(name: str, what: str) -> None:
    with pytest.raises(ConfigError, match=f"dequeue_strategy.*{what}"):
        strategy_named(name)


def test_workers_take_jobs_in_its_order() -> None:
    from dataclasses import replace

    from mrq.app import worker_options
    from mrq.engine.threads import ThreadRuntime

    path = f"{sampletasks.__name__}.add"
    with memory_app(dequeue_strategy=f"{MODULE}.LastFirst", queues=["a", "b"]) as app:
        first, second = queue_job(path, {"a": 1}, queue="a"), queue_job(path, {"a": 1}, queue="b")
        ended = app.worker(ThreadRuntime(), options=replace(worker_options(app.settings), max_jobs=1)).run()
        assert ended.code == 0
        statuses = [app.jobs.fetch(job).status.value for job in (first, second)]  # type: ignore[union-attr]
        assert statuses == ["queued", "success"]


@pytest.mark.parametrize("setting", ["task_whitelist", "task_blacklist"])
def test_white_and_black_lists(setting: str) -> None:
    """A white list names what is run; a black list what is not."""
    path, other = f"{sampletasks.__name__}.add", f"{sampletasks.__name__}.Old"
    listed = path if setting == "task_whitelist" else other
    with memory_app(**{setting: f" {listed} , nothing.Else"}) as app:
        job, left = queue_job(path, {"a": 1}), queue_job(other, {})
        run_jobs()
        assert app.jobs.fetch(job).status.value == "success"  # type: ignore[union-attr]
        assert app.jobs.fetch(left).status.value == "queued"  # type: ignore[union-attr]
