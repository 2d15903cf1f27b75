"""Writes a worker's heartbeat while its code burns CPU without yielding. The guard starts and ends it.

It also takes part in the rescue of others meanwhile: where all workers are busy, somebody must. And it renews
the worker's permits (limits of tasks and queues), in a thread: a Redis that hangs must not hold up the heartbeat.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from datetime import datetime  # noqa: TC003 - read at run time by documentation tools

from mrq.app import App  # noqa: TC001
from mrq.domain.ids import WorkerId  # noqa: TC001
from mrq.engine.permits import LEASES
from mrq.engine.rescue import Rescuer
from mrq.exceptions import ServerUnavailableError
from mrq.settings import Loaded  # noqa: TC001
from mrq_container.board import Board
from mrq_container.lifeline import die_with_guard
from mrq_container.start import app_of, run_with_settings, set_up_helper_logging
from mrq_container.verdict import HUB_STUCK


def what_it_does(alive: float) -> str:
    """Why it needs help, by the time (monotonic seconds) when its loops last turned."""
    silent = time.monotonic() - alive
    return f"has not yielded for {silent:.0f} s" if silent > HUB_STUCK else "is late with its heartbeat"


def stand_in(loaded: Loaded) -> int:
    """Beat until killed, or until the worker was taken for dead."""
    die_with_guard()
    log = set_up_helper_logging(loaded)
    board = Board(int(os.environ["MRQ_GUARD_BOARD"]))
    app = app_of(loaded)
    settings = app.settings
    worker = app.jobs.parse_id(board.header().identity)
    rescuer = Rescuer(
        app.jobs,
        app.workers,
        app.clock,
        settings.heartbeat_interval,
        settings.max_losses,
        settings.default_job_ttl,
        returned=app.enqueuer.call_for,
    )
    threading.Thread(target=keep_permits, args=(app, worker), daemon=True).start()
    told = False
    while True:
        try:
            at: datetime | None = app.workers.beat(worker)
            if at is None:
                return 0
            if not told:  # not before: while MongoDB is away nobody's heartbeat is written, and nobody is to blame
                log.warning("worker %s %s: its lease is kept for it", worker, what_it_does(board.header().alive))
                told = True
            rescuer.beaten(app.clock.monotonic())
            rescuer.round(worker, at)
        except ServerUnavailableError:
            rescuer.judge.own_beat_failed()
        time.sleep(settings.heartbeat_interval)


def keep_permits(app: App, worker: WorkerId) -> None:
    """Renew what the worker holds, for as long as this process lives."""
    while True:
        with contextlib.suppress(ServerUnavailableError):  # said often enough by workers
            app.semaphores.renew_all(worker, LEASES * app.settings.lease)
        time.sleep(app.settings.heartbeat_interval)


if __name__ == "__main__":
    sys.exit(run_with_settings(sys.argv[sys.argv.index("--") + 1 :], stand_in))
