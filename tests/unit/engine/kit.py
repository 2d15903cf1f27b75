"""What the engine's tests are built from: a clock to turn by hand, a store with moods, tasks on the spot."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mrq.domain.job import ClaimedJob, NewJob
from mrq.domain.options import TaskOptions
from mrq.domain.queuename import parse_queue
from mrq.domain.task import Task
from mrq.engine.tasks import TaskLoader
from mrq.ports.errors import StoreUnavailableError
from mrq.ports.jobs import Claim
from mrq.stores.ids import new_id
from mrq.stores.memory import MemoryJobStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.domain.ids import JobId, WorkerId

NOW = datetime(2026, 1, 5, 12)
MODULE = "tasks_of_a_test"


@dataclass
class ManualClock:
    """Time passes when told to; `sleep` and the like may be `pass_by`."""

    seconds: float = 1000.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds - 1000.0)

    def monotonic(self) -> float:
        return self.seconds

    def pass_by(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class Moody:
    """A store in memory that can be away, or do what it is asked and lose the answer."""

    store: MemoryJobStore = field(default_factory=MemoryJobStore)
    away: set[str] = field(default_factory=set)  # methods that can't be reached; "*": all
    lose: set[str] = field(default_factory=set)  # methods whose next answer gets lost
    calls: list[str] = field(default_factory=list)
    fail: Callable[[str, tuple[Any, ...]], bool] = lambda name, args: False

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.store, name)
        if not callable(method) or name in ("new_id", "parse_id"):
            return method

        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(name)
            if name in self.away or "*" in self.away or self.fail(name, args):
                raise StoreUnavailableError("away")
            answer = method(*args, **kwargs)
            if name in self.lose:
                self.lose.discard(name)
                raise StoreUnavailableError("the answer was lost")
            return answer

        return call


class Tasks:
    """A module of tasks that exists for one test."""

    def __init__(self) -> None:
        self.module = ModuleType(MODULE)
        sys.modules[MODULE] = self.module

    def define(self, function: Callable[[dict[str, Any]], Any], name: str = "Job", **options: Any) -> str:
        """Make a Task class whose run calls this; its path."""
        cls = type(name, (Task,), {"run": lambda _self, params: function(params), "mrq_options": options})
        setattr(self.module, name, cls)
        return f"{MODULE}.{name}"

    def loader(self, defaults: TaskOptions | None = None, **configured: dict[str, Any]) -> TaskLoader:
        return TaskLoader(defaults or TaskOptions(), configured)


def claimed(path: str = f"{MODULE}.Job", **about: Any) -> ClaimedJob:
    """A job as a worker holds it."""
    params = about.pop("params", {})
    return ClaimedJob(new_id(), new_id(), path, params, "default", NOW, NOW, **about)


def new_job(path: str = f"{MODULE}.Job", queue: str = "default", params: dict[str, Any] | None = None) -> NewJob:
    """A job to be inserted."""
    return NewJob(new_id(), path, params or {}, queue, NOW)


def start(store: Any, *jobs: NewJob, worker: WorkerId, now: datetime = NOW) -> list[ClaimedJob]:
    """Insert jobs and claim all of their queue."""
    store.insert(jobs)
    found: list[ClaimedJob] = store.claim(Claim(parse_queue(jobs[0].queue), 1000, worker, new_id(), now))
    return found


def statuses(store: Any, jobs: list[JobId]) -> list[str]:
    """Where jobs stand."""
    return [store.fetch(job).status.value for job in jobs]
