"""Raw queues for tests of faults: the configuration that workers load, and where they can be made to die.

The variable FAILPOINT names a moment: the worker process kills itself at the first time it comes to it, and, if it
ends in "+guard", its guard as well.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS = ("raw", "set", "sorted_set", "timed_set")
CONFIG = "from support.rawqueues import RAW_QUEUES, arm\narm()\n"
FAILPOINT = "FAULTS_FAILPOINT"


def job_factory(payload: str) -> dict[str, Any]:
    """A payload is the key of a job, or JSON of a task's name and its params."""
    if payload.startswith("{"):
        job = json.loads(payload)
        return {"path": f"support.faulttasks.{job['task']}", "params": job["params"]}
    return {"path": "support.faulttasks.work", "params": {"key": payload, "seconds": 1.0}}


RAW_QUEUES: dict[str, dict[str, Any]] = {}
for _kind in KINDS:
    RAW_QUEUES[f"kept_{_kind}"] = {"job_factory": job_factory, "has_subqueues": True}
    RAW_QUEUES[f"fast_{_kind}"] = {
        "job_factory": job_factory,
        "has_subqueues": True,
        "statuses_no_storage": ("started", "success"),
    }


def arm() -> None:
    """Make the worker process die where FAILPOINT says; helpers of its guard live."""
    main = sys.modules["__main__"].__spec__
    point = os.environ.get(FAILPOINT)
    if not point or main is None or main.name != "mrq_container.child" or Path("died").exists():
        return
    from mrq.stores.mongo_jobs import MongoJobStore
    from mrq.stores.redis_raw import RedisRawQueues

    moments: dict[str, tuple[type, str, bool]] = {
        "taken": (MongoJobStore, "insert_started", False),
        "inserted": (MongoJobStore, "insert_started", True),
        "letting go": (RedisRawQueues, "done", False),
        "let go": (RedisRawQueues, "done", True),
        "ran": (MongoJobStore, "settle", False),
        "settled": (MongoJobStore, "settle", True),
    }
    cls, name, after = moments[point.removesuffix("+guard")]
    guard = os.getppid() if point.endswith("+guard") else None
    setattr(cls, name, _deadly(getattr(cls, name), after, guard))


def _deadly(method: Callable[..., Any], after: bool, guard: int | None) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not args or not args[-1]:  # nothing is written by this call
            return method(self, *args, **kwargs)
        if after:
            method(self, *args, **kwargs)
        with contextlib.suppress(FileExistsError):
            Path("died").touch(exist_ok=False)
        Ledger.of_environment().note_death(os.getpid())  # neighbours may run: their ends are here
        if guard is not None:
            os.kill(guard, signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("still alive")

    return call
