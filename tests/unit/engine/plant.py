"""Workers of an app on threads and stores in memory, for tests of the whole worker."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from mrq.engine.options import WorkerOptions
from mrq.engine.threads import ThreadRuntime
from mrq.ports.errors import StoreUnavailableError
from mrq.stores.memory_limits import MemorySemaphores
from support.waiting import wait_until

if TYPE_CHECKING:
    import pytest

    from mrq.app import App
    from mrq.engine.loop import Worker
    from mrq.engine.shutdown import Exit
    from unit.engine.kit import Tasks

PATIENCE = 30  # seconds


class Plant:
    """Workers of an app, each run in a thread."""

    def __init__(self, app: App, tasks: Tasks) -> None:
        self.app, self.tasks = app, tasks
        self.pool = ThreadPoolExecutor(4)
        self.running: list[tuple[Worker, Future[Exit]]] = []
        self.go = threading.Event()  # jobs made by `waiting` end

    def worker(self, **about: Any) -> Worker:
        about = {"max_latency": 0.02, "heartbeat_interval": 0.05, "lease": 5.0, "report_interval": 0.0, **about}
        about = {"greenlets": 4, "interrupt_grace": 5.0, "settle_window": 0.0, **about}
        return self.app.worker(ThreadRuntime(), options=WorkerOptions(**about))

    def start(self, worker: Worker) -> Future[Exit]:
        future = self.pool.submit(worker.run)
        self.running.append((worker, future))
        return future

    def burst(self, **about: Any) -> Exit:
        return self.start(self.worker(strategy="burst", **about)).result(PATIENCE)

    def queue(self, path: str, many: int = 1, queue: str = "default") -> list[Any]:
        return self.app.enqueuer.enqueue(path, [{"n": n} for n in range(many)], queue)

    def statuses(self, jobs: list[Any]) -> list[str]:
        return [self.app.jobs.fetch(job).status.value for job in jobs]  # type: ignore[union-attr]

    def record(self, job: Any) -> Any:
        return self.app.jobs.fetch(job)

    def waiting(self, name: str = "Waiting", **options: Any) -> str:
        """A task that runs until `go` is set; it can be interrupted."""

        def wait(params: dict[str, Any]) -> str:
            while not self.go.wait(0.005):
                pass
            return "went"

        return self.tasks.define(wait, name, **options)

    def in_task(self, worker: Worker, many: int = 1) -> None:
        """Wait until so many jobs are inside their tasks."""
        wait_until(lambda: sum(run.in_task for run in worker.state.active()) == many)

    def close(self) -> None:
        self.go.set()
        for worker, _ in self.running:
            worker.stop.interrupt("the test is over")
        for _, future in self.running:
            future.result(PATIENCE)
        self.pool.shutdown()


class Counting(Plant):
    """A plant whose tasks note how many of them are under way together."""

    now = most = 0

    def __init__(self, app: App, tasks: Tasks) -> None:
        super().__init__(app, tasks)
        self.lock = threading.Lock()

    def counted(self, name: str = "Counted", seconds: float = 0.01, **options: Any) -> str:
        def run(params: dict[str, Any]) -> None:
            with self.lock:
                self.now += 1
                self.most = max(self.most, self.now)
            time.sleep(seconds)
            with self.lock:
                self.now -= 1

        return self.tasks.define(run, name, **options)

    @property
    def semaphores(self) -> MemorySemaphores:
        semaphores = self.app.semaphores
        assert isinstance(semaphores, MemorySemaphores)
        return semaphores

    def all_end(self, jobs: list[Any], status: str = "success") -> None:
        wait_until(lambda: set(self.statuses(jobs)) == {status}, PATIENCE, what=f"all jobs end as {status}")

    def away(self, monkeypatch: pytest.MonkeyPatch, store: object, *methods: str) -> None:
        def broken(*_: Any, **__: Any) -> Any:
            raise StoreUnavailableError("away")

        for method in methods:
            monkeypatch.setattr(type(store), method, broken)
