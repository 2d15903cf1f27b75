"""`python -m benchmarks.bursts`: Lambda handlers in the real runtime client, on this machine.

What a cold start takes by handler, how many jobs a burst runs in a second (threads beside gevent), and how long the
first job waits for a burst whose sandbox is new, alone and with a dispatcher in between. A sandbox here has a whole
core and the servers next to it; on Lambda a core comes with 1,769 MB, and the network lies between.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import measures
from benchmarks.services import Services
from benchmarks.wakeups import WakeUps, table
from mrq.app import App, use_app
from mrq.job import queue_job, queue_jobs
from mrq.stores.mongo_client import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pymongo.database import Database

    from support.lambdaruntime import LambdaSandbox  # type: ignore[import-not-found]  # of the tests

ROOT = measures.ROOT
BURST, GEVENT = "mrq_lambda.burst.handler", "gevent_burst.handler"
HANDLERS = {
    BURST: {"queues": ["default"]},
    GEVENT: {"queues": ["default"]},
    "mrq_lambda.scheduler.handler": {},
    "mrq_lambda.events.handler": {"source": "bench", "detail-type": "Bench", "detail": {"number": 1}, "id": "1"},
    "mrq_lambda.dashboard.handler": {
        "version": "2.0",
        "rawPath": "/api/v1/overview",
        "rawQueryString": "",
        "headers": {"host": "x"},
        "requestContext": {"http": {"method": "GET", "path": "/api/v1/overview", "sourceIp": "127.0.0.1"}},
    },
}
LOADS = {  # what: task, jobs at once, how many
    "no-op": (measures.TASK, 10, 5000),
    "50 ms of waiting, 50 at once": ("benchmarks.tasks.nap", 50, 1000),
    "50 ms of waiting, 400 at once": ("benchmarks.tasks.nap", 400, 4000),
}
EVENT_JOBS = 'EVENT_JOBS = [{"source": "eventbridge", "task": "benchmarks.tasks.noop"}]\n'
PATCHED = "from gevent import monkey\n\nmonkey.patch_all()\n\nfrom mrq_lambda.burst import handler\n"


class Bench:
    """Sandboxes beside servers of their own."""

    def __init__(self, services: Services, folder: Path, make: Callable[..., LambdaSandbox]) -> None:
        self._services, self._folder, self._make = services, folder, make
        (folder / "gevent_burst.py").write_text(PATCHED)
        (folder / "mrq-config.py").write_text(EVENT_JOBS)
        self._app = App({"mongodb_jobs": services.mongodb_url, "redis": services.redis_url})
        use_app(self._app)
        self._app.ensure_indexes()
        self._database: Database[dict[str, Any]] = connect(services.mongodb_url, server_timeout=5, name="benchmarks")

    def sandbox(self, handler: str, more: dict[str, str] | None = None) -> LambdaSandbox:
        """A new one. `more`: of its environment."""
        environment = {
            **(more or {}),
            **self._services.environment,
            "MRQ_LOG_LEVEL": "WARNING",
            "MRQ_DASHBOARD_HTTPAUTH": "a:b",
        }
        environment["MRQ_DASHBOARD_SECRET"] = "of a benchmark, kept nowhere, long enough"
        environment["PYTHONPATH"] = f"{self._folder}:{ROOT}:{ROOT / 'tests'}"
        return self._make(handler, self._folder, environment)

    def wake_ups(self) -> WakeUps:
        """The whole way, with a dispatcher."""
        return WakeUps((self._services.mongodb_url, self._services.redis_url), self._database, self.sandbox)

    def cold(self, handler: str) -> tuple[float, float, float]:
        """Milliseconds from the start of the process until it asks for an event; of its first event; of its second."""
        began = time.monotonic()
        made = self.sandbox(handler)
        try:
            made.wait_idle()
            return (time.monotonic() - began) * 1000, self._timed(made, handler), self._timed(made, handler)
        finally:
            made.close()

    def _timed(self, sandbox: LambdaSandbox, handler: str) -> float:
        sandbox.begin(HANDLERS[handler])
        began = time.monotonic()
        answer = sandbox.finish()
        if answer.error:
            raise RuntimeError(f"{handler}: {answer.error}\n{sandbox.log}")
        return (time.monotonic() - began) * 1000

    def rate(self, handler: str, task: str, at_once: int, jobs: int) -> float:
        """Jobs a second of a burst that is warm."""
        self._database["mrq_jobs"].delete_many({})
        made = self.sandbox(handler)
        try:
            self._timed(made, handler)
            queue_jobs(task, measures.params(jobs))
            made.begin({"queues": ["default"], "concurrency": at_once}, seconds=120)
            answer = made.finish()
            if answer.error or answer.payload["jobs"] != jobs:
                raise RuntimeError(f"{handler}: {answer}\n{made.log}")
            return jobs / measures.seconds_of_all(self._database, jobs)
        finally:
            made.close()

    def first_start(self, handler: str, *, warm: bool) -> float:
        """Milliseconds from before a job is queued to its start in a burst that is invoked right after."""
        self._database["mrq_jobs"].delete_many({})
        made = self.sandbox(handler) if warm else None
        try:
            if made is not None:
                self._timed(made, handler)
            began = time.time()
            job = queue_job(measures.TASK, measures.params(1)[0])
            made = made or self.sandbox(handler)
            made.invoke(HANDLERS[handler])
            started = (self._database["mrq_jobs"].find_one({"_id": job}) or {})["datestarted"]
            waited: float = started.replace(tzinfo=UTC).timestamp() - began
            return waited * 1000
        finally:
            if made is not None:
                made.close()


def tables(bench: Bench, rounds: int) -> Iterator[str]:
    """Lines of Markdown about bursts alone."""
    yield "| Handler | start, ms | first event, ms | next event, ms |\n|---|---:|---:|---:|"
    for handler in HANDLERS:
        found = [statistics.median(each) for each in zip(*(bench.cold(handler) for _ in range(rounds)), strict=True)]
        yield f"| `{handler}` | " + " | ".join(f"{value:,.0f}" for value in found) + " |"
    yield "\n| A burst, jobs/s | threads | gevent |\n|---|---:|---:|"
    for what, load in LOADS.items():
        few = range(max(1, rounds // 2))
        rates = [statistics.median(bench.rate(handler, *load) for _ in few) for handler in (BURST, GEVENT)]
        yield f"| {what} | " + " | ".join(f"{rate:,.0f}" for rate in rates) + " |"
    yield "\n| From the enqueue to the first start, ms | threads | gevent |\n|---|---:|---:|"
    for what, warm in (("a new sandbox", False), ("a warm one", True)):
        waits = [
            statistics.median(bench.first_start(handler, warm=warm) for _ in range(rounds))
            for handler in (BURST, GEVENT)
        ]
        yield f"| {what} | " + " | ".join(f"{wait:,.0f}" for wait in waits) + " |"
    yield ""


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bursts", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="medians count")
    parser.add_argument("--wake-ups", action="store_true", help="only the whole way through a dispatcher")
    asked = parser.parse_args()
    sys.path.insert(0, str(ROOT / "tests"))
    from support.lambdaruntime import LambdaSandbox

    with Services(postgres=False) as services, tempfile.TemporaryDirectory(prefix="mrq-bench-") as folder:
        bench = Bench(services, Path(folder), LambdaSandbox)
        for line in () if asked.wake_ups else tables(bench, asked.rounds):
            print(line, flush=True)
        with bench.wake_ups() as wake_ups:
            for line in table(wake_ups, asked.rounds):
                print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
