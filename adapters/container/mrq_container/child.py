"""The worker's own process: gevent, the engine, and the signals that stop it."""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()  # before anything that opens a socket or makes a lock is imported

import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import click
import gevent
from gevent.monkey import get_original

from mrq.app_upkeep import CHEAP_INDEXES
from mrq.domain.words import how_to_start
from mrq.engine.classes import class_at
from mrq.engine.run import current_run
from mrq.exceptions import ConfigError, ServerRefusedError, ServerUnavailableError
from mrq.ports.guard import NoGuard
from mrq_container.board import Board, BoardGuard
from mrq_container.lifeline import die_with_guard, watch_pipe
from mrq_container.runtime import GeventRuntime
from mrq_container.start import app_of, run_with_settings, set_up_logging
from mrq_container.watched import NUDGE_SIGNAL
from mrq_container.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.app import App
    from mrq.engine.loop import Worker as Engine
    from mrq.ports.guard import Guard
    from mrq.settings import Loaded

log = logging.getLogger("mrq.worker")

PROFILE_SIGNAL = signal.SIGUSR2
"""Makes a profile of ten seconds."""

TRACK_GREENLETS = "GEVENT_TRACK_GREENLET_TREE"  # gevent's own variable
LAST_WORDS = 5.0  # seconds for threads and exit handlers of tasks, once the worker has ended


def main(argv: list[str]) -> int:
    """Run a worker in this process; its exit code."""
    # until it obeys signals in earnest: a Ctrl-C while it imports or connects ends it, with nothing to finish
    signal.signal(signal.SIGINT, lambda _number, _frame: _leave_now(0))
    return run_with_settings(argv, lambda loaded: work(loaded, argv))


def work(loaded: Loaded, argv: list[str]) -> int:
    """Work as the settings say, which were made from these arguments among others."""
    if TRACK_GREENLETS not in os.environ:
        # The stack from which each greenlet was spawned, for gevent.util's tree: a quarter of what spawning one costs.
        gevent.config.track_greenlet_tree = False
    board = _board()
    app = app_of(loaded)
    if processes := app.settings.processes:
        if board is None:  # not to be guarded: only the guard's other duty is wanted, to keep several at work
            os.execv(sys.executable, [sys.executable, "-m", "mrq_container.guard", *argv])  # noqa: S606
        os.environ["MRQ_IS_SUBPROCESS"] = "1"  # MRQ 0.9
        board.update(processes=processes)
    try:
        set_up_logging(loaded)
    except ConfigError as error:
        click.echo(f"mrq-worker: {error}", err=True)
        return 2
    interval = app.settings.heartbeat_interval
    guard: Guard = NoGuard() if board is None else BoardGuard(board, app.clock.monotonic, interval)
    Worker.guard = guard
    try:
        app.runtime = GeventRuntime()  # that of sub-pools too
        worker = _worker_class(app.settings.worker_class)()
    except ConfigError as error:
        log.error("%s", error)
        return 2
    if not _servers_answer(app, guard):
        return 1
    _obey_signals(worker.engine, app, guard, worker.profile)
    try:
        code = worker.work()
    except (ServerUnavailableError, ServerRefusedError) as error:
        log.error("the worker can't register: %s", error)
        return 1
    if code:
        log.error("the worker ends with code %d: %s", code, worker.engine.stop.reason)
        _leave_now(code)  # a job that can't be interrupted would hold up an ordinary exit
    _leave_in_any_case(code or 0)
    return code or 0


def _worker_class(path: str) -> type[Worker]:
    if path == "mrq.worker.Worker":
        return Worker  # without a search among all that is installed
    found = class_at(path, "worker_class")
    if not (isinstance(found, type) and issubclass(found, Worker)):
        raise ConfigError(f"worker_class {path!r} is not derived from mrq.worker.Worker")
    return found


def _board() -> Board | None:
    """The guard's board, if there is a guard; from now on this process dies with it."""
    board, lifeline = os.environ.pop("MRQ_GUARD_BOARD", None), os.environ.pop("MRQ_GUARD_LIFELINE", None)
    if board is None or lifeline is None:
        return None
    die_with_guard()
    if sys.platform != "linux":
        gevent.get_hub().threadpool.spawn(watch_pipe, int(lifeline))
    return Board(int(board))


def _servers_answer(app: App, guard: Guard) -> bool:
    """MongoDB must be there to begin with; without Redis jobs only start later."""
    try:
        log.info("connected to %s", app.jobs.ping())
        for created in _indexes(app, guard):
            log.info("created index %s", created)
        if missing := app.jobs.missing_indexes():
            log.warning("claims get slow without the indexes %s; run mrq-worker --ensure_indexes", ", ".join(missing))
    except ServerUnavailableError as error:
        log.error("the worker can't start: %s; %s", error, how_to_start("MRQ_MONGODB_JOBS"))
        return False
    except ServerRefusedError as error:
        log.error("the worker can't start: %s", error)
        return False
    try:
        log.info("connected to %s", app.wakeups.ping())
    except ServerUnavailableError as error:
        log.warning("jobs start up to %g s late: %s", app.settings.max_latency, error)
    return True


def _indexes(app: App, guard: Guard) -> list[str]:
    """Make what is missing; the names. On a large collection that may take hours, which the guard is told."""
    if not app.settings.ensure_indexes:
        return app.ensure_indexes(CHEAP_INDEXES)

    def tell() -> None:
        while True:
            guard.alive()
            gevent.sleep(1.0)

    telling = gevent.spawn(tell)
    try:
        return app.ensure_indexes(None)
    finally:
        telling.kill()


def _obey_signals(worker: Engine, app: App, guard: Any, profile: Callable[[], str]) -> None:
    """SIGINT once: finish what runs. Twice, or SIGTERM: interrupt it. The handlers set flags and no more."""

    def interrupt() -> None:
        if worker.stop.graceful:
            worker.stop.interrupt("interrupted twice")
        else:
            worker.stop.finish("interrupted (SIGINT)")

    def out_of_time(_number: int, _frame: object) -> None:
        # The one signal that does more: code that never yields can be reached in no other way.
        run = current_run.get()
        overdue = run is not None and run.deadline is not None and app.clock.monotonic() >= run.deadline
        if run is not None and overdue and run.in_task:
            raise run.overtime()
        if isinstance(guard, BoardGuard):
            guard.signalled()

    gevent.signal_handler(signal.SIGINT, interrupt)
    gevent.signal_handler(PROFILE_SIGNAL, lambda: log.info("%s", profile()))
    gevent.signal_handler(signal.SIGTERM, worker.stop.interrupt, "terminated (SIGTERM)")
    signal.signal(NUDGE_SIGNAL, out_of_time)


def _leave_in_any_case(code: int) -> None:
    """See that this process ends soon: what tasks have left behind (threads, exit handlers) may never end."""

    def leave() -> None:
        get_original("time", "sleep")(LAST_WORDS)
        os.write(2, b"the worker has ended, but what its tasks left running has not: the process ends without that\n")
        os._exit(code)

    get_original("_thread", "start_new_thread")(leave, ())  # a real thread: greenlets may not get their turn


def _leave_now(code: int) -> None:
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
