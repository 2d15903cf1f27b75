"""`mrq demo`: several thousand real jobs on real servers, watched while they run, and checked at the end."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import mrq
from mrq.app import App, use_app
from mrq.cli.demo_check import Verdict, compare
from mrq.cli.demo_view import Progress, Screen, show_summary
from mrq.cli.demo_worker import DemoWorker
from mrq.domain.status import SETTLED, Status
from mrq.embedded import EmbeddedServers
from mrq.exceptions import MrqError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PACKAGE = "source_index"
LOOK_SECONDS = 0.25  # between two looks at the jobs
PATIENCE = 60.0  # seconds in which no job is started or ends, after which something must be wrong
LONGEST_JOB = 660.0  # seconds that a job may take, on a slow machine: its own time-out ends it before
FEW = 5  # jobs whose tasks are named while they run
STOP_SECONDS = 15.0  # for the worker, at the end
INTERRUPTED = 130  # exit code, as shells have it for SIGINT


class DemoFailedError(MrqError):
    """The demo could not be brought to its end; the message says why."""


@click.command()
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path, resolve_path=True),
    metavar="DIR",
    help="Folder for the servers' data and the worker's log; kept.  [default: a temporary one]",
)
@click.option(
    "--files",
    type=click.IntRange(min=1),
    default=4000,
    show_default=True,
    metavar="N",
    help="Index this many files at most.",
)
@click.option(
    "--greenlets",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="N",
    help="Jobs that run at the same time.",
)
@click.option(
    "--source",
    type=click.Path(exists=True, file_okay=False, resolve_path=True),
    multiple=True,
    metavar="DIR",
    help="Index this folder; may be repeated.  [default: the standard library and the installed packages]",
)
def demo(data: Path | None, files: int, greenlets: int, source: tuple[str, ...]) -> int:
    """Index the Python sources of this machine, in several thousand jobs.

    Starts MongoDB and Valkey for itself and a worker, shows how the jobs get done, and compares what they
    found with a second count of the same files. Exits with 0 if that agrees. Files that are no valid Python
    fail their job: those failures are real, and belong to it.
    """
    screen = Screen()
    try:
        verdict = _demonstrate(screen, data, files, greenlets, list(source))
    except KeyboardInterrupt:
        screen.say("Interrupted; the worker and the servers are stopped.")
        return INTERRUPTED
    screen.end(verdict)
    return 0 if verdict.good else 1


def _demonstrate(screen: Screen, data: Path | None, files: int, greenlets: int, sources: list[str]) -> Verdict:
    """Everything but the last words, with whatever was started stopped again."""
    with _signals_as_interrupts() as told, _folder(data) as folder, _example_on_path():
        screen.say("Starting MongoDB and Valkey ...")
        with EmbeddedServers(data) as servers, _environment(servers) as app:
            made = app.ensure_indexes()
            screen.say(f"{app.jobs.ping()} ({len(made)} indexes made)")
            screen.say(app.wakeups.ping())
            use_app(app)
            worker = DemoWorker(["default", "cpu"], greenlets, folder, temporary=data is None)
            try:
                return _run_all(app, screen, worker, files, sources, told)
            finally:
                use_app(None)
                if data is not None:
                    screen.say(f"Kept: {data}. Look again with: mrq up --data {data}")


def _run_all(
    app: App, screen: Screen, worker: DemoWorker, files: int, sources: list[str], told: Callable[[], bool]
) -> Verdict:
    """Queue the first job, wait until all have ended, show and judge what they did."""
    tasks: Any = importlib.import_module(f"{PACKAGE}.tasks")
    check: Any = importlib.import_module(f"{PACKAGE}.check")
    with worker:
        screen.say(f"{worker.command} (process {worker.pid})")
        began = time.monotonic()
        first = tasks.index_everything.queue(files=files, folders=sources or None)
        with screen.progress() as progress:
            counts = _watch(app, worker, progress, told)
        seconds = time.monotonic() - began
        worker.stop(STOP_SECONDS)
    show_summary(screen, app.reports, counts, seconds)
    with screen.counting() as report:
        counted = check.count_input(files, sources or None, report)
    return compare(app, first, counted, counts, seconds)


def _running(app: App, counts: Mapping[Status, int]) -> list[str]:
    """The tasks of the last few jobs, while only those are left; before that they would be too many to read."""
    left = sum(number for status, number in counts.items() if status not in SETTLED)
    if not 0 < left <= FEW:
        return []
    return [report.path.rpartition(".")[2] for report in app.reports.by_task() if Status.STARTED in report.by_status]


def _watch(app: App, worker: DemoWorker, progress: Progress, told: Callable[[], bool] = bool) -> Mapping[Status, int]:
    """Show the jobs until all have ended; how many there are in each status.

    A job queues others before it ends itself, so there is no moment without unfinished jobs before the end.
    `told`: whether the demo is to end. Raises DemoFailedError if the worker ended, or none is started for a minute
    though some wait.
    """
    last: Mapping[Status, int] = {}
    moved = time.monotonic()
    while True:
        if told():  # the exception may have come where exceptions are ignored, such as in a destructor
            raise KeyboardInterrupt
        counts = app.reports.by_status()
        progress.update(counts, _running(app, counts))
        if counts and not counts.keys() - SETTLED:
            return counts
        if counts != last:
            last, moved = counts, time.monotonic()
        waiting = time.monotonic() - moved
        if waiting > (LONGEST_JOB if Status.STARTED in counts else PATIENCE):
            raise DemoFailedError(f"nothing has happened for {waiting:.0f} s.\n{worker.last_words()}")
        if not worker.running:
            raise DemoFailedError(f"the worker ended by itself ({worker.how_it_ended()}).\n{worker.last_words()}")
        time.sleep(LOOK_SECONDS)


@contextmanager
def _folder(data: Path | None) -> Iterator[Path]:
    """The given folder, or a temporary one."""
    if data is not None:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield data
        return
    with tempfile.TemporaryDirectory(prefix="mrq-demo-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def find_example() -> Path:
    """The folder that holds the example's package: in a checkout, else in the installed distribution.

    Raises DemoFailedError if neither has it.
    """
    package = Path(mrq.__file__).resolve().parent
    places = (package.parents[1] / "examples", package / "_examples")
    for place in places:
        if (place / PACKAGE / "tasks.py").is_file():
            return place
    raise DemoFailedError(f"the example {PACKAGE} is neither in {places[0]} nor in {places[1]}; install mrq-cloud anew")


@contextmanager
def _example_on_path() -> Iterator[None]:
    place = str(find_example())
    sys.path.insert(0, place)
    try:
        yield
    finally:
        sys.path.remove(place)


@contextmanager
def _environment(servers: EmbeddedServers) -> Iterator[App]:
    """Settings of this process and its worker: our servers, and nothing of the user's own.

    Each demo has a database of its own, so that an old one in the same folder doesn't disturb the counts.
    """
    base, _, _ = servers.mongodb_url.rpartition("/")
    config = {"mongodb_jobs": f"{base}/demo_{time.strftime('%Y%m%d_%H%M%S')}", "redis": servers.redis_url}
    ours = {f"MRQ_{key.upper()}": value for key, value in config.items()}
    path = os.pathsep.join(filter(None, [str(find_example()), os.environ.get("PYTHONPATH")]))
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("MRQ_")]:
        del os.environ[name]
    os.environ.update(ours, PYTHONPATH=path)
    try:
        yield App(config)
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _signals_as_interrupts() -> Iterator[Callable[[], bool]]:
    """SIGTERM and SIGHUP end the demo as Ctrl-C does: by an exception, so that everything is stopped.

    Yields what tells whether there was one of them.
    """
    came: list[int] = []

    def interrupt(number: int, _frame: object) -> None:
        came.append(number)
        raise KeyboardInterrupt

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    former = {number: signal.signal(number, interrupt) for number in signals}
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
