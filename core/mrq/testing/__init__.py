"""For tests of your own tasks: the real engine on a store in memory, without servers.

from mrq.testing import memory_app, run_jobs

def test_fetch():
    with memory_app():
        job = fetch.queue("https://example.org")
        run_jobs()
        assert job.result(timeout=0) == 200
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mrq.app import App, Stores, get_app, use_app, worker_options
from mrq.engine.clock import SystemClock
from mrq.engine.threads import ThreadRuntime
from mrq.exceptions import ConfigError
from mrq.settings import OPTIONS, suggestion
from mrq.stores.memory import MemoryJobStore, MemoryLocks, MemoryWakeups, MemoryWorkerStore
from mrq.stores.memory_actions import MemoryAuditStore, MemoryOperationStore
from mrq.stores.memory_agents import MemoryAgentStore
from mrq.stores.memory_failures import MemoryFailureStore
from mrq.stores.memory_fleets import MemoryFleetStore
from mrq.stores.memory_insights import MemoryDeploys, MemoryProfiles
from mrq.stores.memory_jobkeys import MemoryJobKeys
from mrq.stores.memory_joblists import MemoryJobLists
from mrq.stores.memory_limits import MemoryRates, MemorySemaphores
from mrq.stores.memory_logs import MemoryLogStore
from mrq.stores.memory_orders import MemoryOrders
from mrq.stores.memory_pauses import MemoryPauses
from mrq.stores.memory_queuelimits import MemoryQueueLimits
from mrq.stores.memory_raw import MemoryRawQueues
from mrq.stores.memory_reports import MemoryJobReports
from mrq.stores.memory_schedules import MemoryScheduleStore
from mrq.stores.memory_sizes import MemoryQueueSizes
from mrq.stores.memory_stats import MemoryStatsStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from mrq.engine.shutdown import Exit


def memory_stores(now: Callable[[], datetime] | None = None) -> Stores:
    """New, empty stores in memory. `now`: their own clock (naive, UTC); the machine's by default."""
    jobs, workers, sizes = MemoryJobStore(), MemoryWorkerStore(), MemoryQueueSizes()
    return Stores(
        jobs,
        workers,
        MemoryWakeups(sizes),
        MemoryLocks(),
        reports=MemoryJobReports(jobs.documents, now or SystemClock().now),
        failures=MemoryFailureStore(jobs.documents, jobs.sightings),
        pauses=MemoryPauses(),
        schedules=MemoryScheduleStore(),
        job_keys=MemoryJobKeys(),
        semaphores=MemorySemaphores(),
        rates=MemoryRates(),
        logs=MemoryLogStore(),
        sizes=sizes,
        raw=MemoryRawQueues(),
        job_lists=MemoryJobLists(jobs.documents),
        audit=MemoryAuditStore(),
        operations=MemoryOperationStore(),
        agents=MemoryAgentStore(),
        stats=MemoryStatsStore(jobs.documents),
        orders=MemoryOrders(workers),
        deploys=MemoryDeploys(),
        profiles=MemoryProfiles(),
        fleets=MemoryFleetStore(now or SystemClock().now),
        queue_limits=MemoryQueueLimits(),
    )


class MovableClock(SystemClock):
    """The system's clock, and a way to move its time of day ahead."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        """See Clock."""
        return super().now() + self._ahead

    def pass_by(self, seconds: float) -> None:
        """Let so many seconds pass at once: retries and delayed jobs become due."""
        self._ahead += timedelta(seconds=seconds)


class MemoryApp(App):
    """An app on memory stores, whose `clock` can be moved."""

    clock: MovableClock

    def __init__(self, config: dict[str, Any]) -> None:
        clock = MovableClock()
        super().__init__(config, stores=memory_stores(clock.now), clock=clock)


@contextmanager
def memory_app(**config: Any) -> Iterator[MemoryApp]:
    """An app on memory stores, which is this process's app until the block ends.

    config: settings by their lower-case names, such as `tasks={...}` or `default_job_timeout=5`. Neither a
    config file nor the environment is read. Raises ConfigError.
    """
    for key in config:
        if key not in OPTIONS and (close := suggestion(key)):
            raise ConfigError(f"memory_app() knows no setting {key!r}; did you mean {close!r}?")
    app = MemoryApp(config)
    use_app(app)
    try:
        yield app
    finally:
        use_app(None)


def run_jobs(*queues: str, greenlets: int = 4, app: App | None = None) -> Exit:
    """Run a worker on threads, in this process, until the queues (default: "default") are empty.

    Retries that are due later are left where they are; `app.clock.pass_by(seconds)` of a `memory_app` makes them
    due. Raises RuntimeError when no memory_app is active and no app is given: this process's own app may stand for
    real servers, whose jobs a test must not take.
    """
    app = app or _active()
    options = replace(
        worker_options(app.settings), queues=queues or ("default",), strategy="burst", greenlets=greenlets
    )
    return app.worker(ThreadRuntime(), options=options).run()


def _active() -> App:
    app = get_app()
    if app.given_stores is None:
        raise RuntimeError(
            "run_jobs() was called outside memory_app(), where it would take jobs from real servers; if it should, "
            "give it the app: run_jobs(app=get_app())"
        )
    return app
