"""After a worker's death: writes what became of its jobs. The guard starts it once; a rescue after the lease
does what it can't."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING

from mrq.domain.change import Settlement, change_for
from mrq.domain.outcome import Failure, Outcome
from mrq.domain.status import Status
from mrq.engine.collector import Collector
from mrq.engine.frames import traceback_text
from mrq.engine.raw_rescue import RawRescuer
from mrq.engine.rescue import BATCH, Rescuer
from mrq.exceptions import ServerUnavailableError, TimeoutInterrupt
from mrq.ports.jobs import Settled
from mrq_container.board import Board, Entry
from mrq_container.start import app_of, run_with_settings, set_up_helper_logging

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from mrq.app import App
    from mrq.domain.ids import JobId, WorkerId
    from mrq.settings import Loaded

PATIENCE = 15.0  # seconds to go on trying while MongoDB is away
PAUSE = 0.5


def clean_up(loaded: Loaded, *, killed: bool) -> int:
    """Give the dead worker's jobs back. `killed`: by its guard, because of jobs past their deadlines."""
    log = set_up_helper_logging(loaded)
    board = Board(int(os.environ["MRQ_GUARD_BOARD"]))
    app = app_of(loaded)
    worker = app.jobs.parse_id(board.header().identity)
    entries, now = board.entries(), time.monotonic()
    running = {app.jobs.parse_id(entry.job) for entry in entries}
    overdue = [entry for entry in entries if killed and entry.deadline <= now]
    blamed = {app.jobs.parse_id(entry.job) for entry in overdue}

    collector = Collector(app.stats, app.jobs.new_id(), app.clock, app.settings.stats_worker_ttl)

    def in_mongodb() -> None:
        settle_overdue(app, worker, overdue, collector)
        # Killed by the guard: the jobs still there are not to blame.
        rescuer(app, collector).release(worker, set() if killed else running)
        app.workers.stop(worker, {"jobs": []})
        free_permits(app, worker)
        collector.flush(worker)

    def in_redis() -> None:
        raw = RawRescuer(app.raw, app.jobs, app.workers, returned=app.enqueuer.call_for)
        raw.release_all(worker, blamed if killed else running)

    # each for itself: one server that is away must not keep from the other what can be given back there
    return max(insist(in_mongodb, worker, log), insist(in_redis, worker, log))


def insist(give_back: Callable[[], None], worker: WorkerId, log: logging.Logger) -> int:
    """Try for a while; 1 if it could not be done."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            give_back()
            return 0
        except ServerUnavailableError as error:
            if time.monotonic() > until:
                log.error("the jobs of the dead worker %s are left to a rescue: %s", worker, error)
                return 1
            time.sleep(PAUSE)


def free_permits(app: App, worker: WorkerId) -> None:
    """What the dead worker held of the limits of tasks and queues. Without Redis it frees itself later."""
    with contextlib.suppress(ServerUnavailableError):
        app.semaphores.drop(worker)


def rescuer(app: App, collector: Collector) -> Rescuer:
    """Somebody who gives jobs back."""
    settings = app.settings
    return Rescuer(
        app.jobs,
        app.workers,
        app.clock,
        settings.heartbeat_interval,
        settings.max_losses,
        settings.default_job_ttl,
        returned=app.enqueuer.call_for,
        settled=collector.rescued,
    )


def settle_overdue(app: App, worker: WorkerId, overdue: list[Entry], collector: Collector) -> None:
    """The jobs that couldn't be interrupted end as timeout."""
    blamed: set[JobId] = {app.jobs.parse_id(entry.job) for entry in overdue}
    if not blamed:
        return
    for job in app.jobs.started_by(worker, 20 * BATCH):
        if job.id in blamed:
            options = app.tasks.options(job.path)
            late = TimeoutInterrupt(
                "the job ran longer than its timeout and could not be interrupted, so its worker was killed; it was in "
                "native code, or caught every exception"
            )
            outcome = Outcome(Status.TIMEOUT, failure=Failure("TimeoutInterrupt", traceback_text("", late)))
            change = change_for(job, outcome, options, app.clock.now(), worker)
            (result,) = app.jobs.settle([Settlement(job.id, job.token, change)])
            if result.fate is Settled.WRITTEN:
                collector.rescued([(job, outcome.status)])


def main() -> int:
    """See the module's docstring."""
    split = sys.argv.index("--")
    killed = "--killed" in sys.argv[1:split]
    return run_with_settings(sys.argv[split + 1 :], lambda loaded: clean_up(loaded, killed=killed))


if __name__ == "__main__":
    sys.exit(main())
