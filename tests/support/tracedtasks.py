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


class Cruncher(Task):
    """Computes all the time; returns for how many seconds of its thread's processor time."""

    def run(self, params: dict[str, Any]) -> float:
        return crunch(params["seconds"])


class Crowd(Task):
    """Computes in its sub-pools; returns the sum of what each of them did."""

    def run(self, params: dict[str, Any]) -> float:
        return sum(subpool_map(2, crunch, [params["seconds"]] * 3))


def crunch(seconds: float) -> float:
    """Compute for at least so many seconds of processor time, without a switch; for how many it was."""
    began = time.thread_time()
    while time.thread_time() - began < seconds:
        pass
    return time.thread_time() - began


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
