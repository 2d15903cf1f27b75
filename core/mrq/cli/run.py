"""`mrq run` and `mrq-run`: one task, here and now, or into a queue."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from contextlib import contextmanager
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, cast

import click

from mrq.app import App, use_app
from mrq.cli.options import SettingsCommand, given_on_command_line, settings_options
from mrq.domain.job import ClaimedJob
from mrq.engine.run import Run, current_run
from mrq.exceptions import InvalidParamsError, MrqError
from mrq.settings import load

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mrq.domain.ids import JobId
    from mrq.domain.task import Task

PROFILED = 30  # functions that are shown with --profile


@click.command(cls=SettingsCommand)
@click.argument("taskpath")
@click.argument("taskargs", nargs=-1)
@settings_options("run")
@click.pass_context
def run(ctx: click.Context, /, taskpath: str, taskargs: tuple[str, ...], **_settings: Any) -> int:
    """Run the task TASKPATH (module.Name) here and print its result as JSON; nothing is stored.

    TASKARGS are its params: nothing; one JSON object; or names and values in turn, all of them text.

        mrq run tasks.Fetch '{"url": "https://example.org", "depth": 2}'

        mrq run tasks.Fetch url https://example.org
    """
    loaded = load("run", given=given_on_command_line(ctx))
    settings = loaded.settings
    _log_to_stderr(settings.log_level, settings.log_format, quiet=settings.quiet)
    for warning in loaded.warnings:
        logging.getLogger("mrq").warning("%s", warning)
    app = App(settings.as_dict())
    use_app(app)
    params = read_params(taskargs)
    if settings.queue:
        click.echo(app.enqueuer.enqueue(taskpath, [params], settings.queue)[0])
        return 0
    task = app.tasks.load(taskpath)()
    try:
        with _profiled(settings.profile):
            result = run_here(app, task, taskpath, params)
        click.echo(json.dumps(result, default=as_json))
    except MrqError:
        # raised by the task's code, so where it happened matters
        traceback.print_exc()
        return 1
    return 0


@contextmanager
def _profiled(wanted: bool) -> Iterator[None]:
    """Where the time went, on stderr, the costliest functions first."""
    if not wanted:
        yield
        return
    import cProfile  # noqa: PLC0415 - few runs are profiled
    import pstats  # noqa: PLC0415

    profiler = cProfile.Profile()
    try:
        with profiler:
            yield
    finally:
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("cumulative").print_stats(PROFILED)


def read_params(words: Sequence[str]) -> dict[str, Any]:
    """The params that the words of a command line stand for.

    Raises InvalidParamsError: a single word is no JSON object, or names and values don't pair up.
    """
    if not words:
        return {}
    if len(words) == 1:
        return _object(words[0])
    if len(words) % 2:
        raise InvalidParamsError(
            f"params are names and values in turn, but these are {len(words)} words; {words[-1]!r} has no value"
        )
    return dict(zip(words[::2], words[1::2], strict=True))


def _object(text: str) -> dict[str, Any]:
    example = """write an object, as in '{"name": "value"}', or several words: name value"""
    try:
        params = json.loads(text)
    except ValueError as error:
        raise InvalidParamsError(f"params {text!r} are no JSON: {error}; {example}") from error
    if not isinstance(params, dict):
        raise InvalidParamsError(f"params {text!r} are a JSON {type(params).__name__}; {example}")
    return params


def run_here(app: App, task: Task, path: str, params: dict[str, Any]) -> Any:
    """Run a task as the job of this process, so that it finds a current job; that one has no id."""
    now = app.clock.now()
    nobody = cast("JobId", None)
    queue = app.queue_of(path)
    job = ClaimedJob(nobody, None, path, params, queue, now, now)
    task.is_main_task = True
    run = Run(job, app.tasks.options(path))
    run.task = task
    before = current_run.set(run)
    try:
        return task.run_wrapped(params)
    finally:
        run.close_pools()
        current_run.reset(before)


def as_json(value: Any) -> Any:
    """What JSON doesn't know: times in ISO 8601, bytes as UTF-8, sets as lists, ids and others as their text."""
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    return str(value)


def _log_to_stderr(level: str, form: str, *, quiet: bool) -> None:
    """The log of MRQ and of tasks; drivers speak up only when something is wrong. stdout is for the result."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(form))
    ours = logging.getLogger("mrq")
    ours.handlers[:] = [handler]
    ours.propagate = False
    ours.setLevel(logging.ERROR if quiet else level)
