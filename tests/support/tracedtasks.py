"""Tasks that are traced, in tests of whole worker processes."""

from __future__ import annotations

import time
from typing import Any

from gevent.monkey import get_original

from mrq.context import get_current_job, subpool_map
from mrq.task import Task


class Sleeper(Task):
    """Waits and lets others run."""

    def run(self, params: dict[str, Any]) -> Any:
        for _ in range(params.get("times", 1)):
            time.sleep(params["seconds"])
        job = get_current_job()
        return {"switches": job.greenlet_switches, "time": job.greenlet_time}


class Hog(Task):
    """Keeps the thread for itself."""

    def run(self, params: dict[str, Any]) -> None:
        self.keep_all_waiting(params["seconds"])

    def keep_all_waiting(self, seconds: float) -> None:
        get_original("time", "sleep")(seconds)


class Crowd(Task):
    """Keeps it in its sub-pools."""

    def run(self, params: dict[str, Any]) -> None:
        subpool_map(2, get_original("time", "sleep"), [params["seconds"]] * 3)


class Spinner(Task):
    """Computes, and lets others run now and then."""

    def run(self, params: dict[str, Any]) -> None:
        until = time.monotonic() + params["seconds"]
        while time.monotonic() < until:
            for _ in range(50_000):
                pass
            time.sleep(0)


KEPT: list[bytes] = []


class Leak(Task):
    """Keeps what it makes."""

    def run(self, params: dict[str, Any]) -> None:
        KEPT.append(bytes(range(256)) * (params["megabytes"] * 4096))
