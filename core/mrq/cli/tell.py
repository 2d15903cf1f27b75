"""`mrq tell` and `mrq mark-deploy`: a word to one worker, and a mark in the statistics."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from mrq.app import App, use_app
from mrq.cli.options import SettingsCommand, given_on_command_line, settings_options
from mrq.domain.orders import Verb
from mrq.exceptions import InvalidJobIdError
from mrq.settings import load
from mrq.stats import mark_deploy as mark
from mrq.workers import answer
from mrq.workers import tell as tell_worker

if TYPE_CHECKING:
    from collections.abc import Iterator

PAUSE = 0.2  # seconds between two looks for the answer


@contextmanager
def _app(ctx: click.Context) -> Iterator[App]:
    app = App(load("client", given=given_on_command_line(ctx)).settings.as_dict())
    use_app(app)
    try:
        yield app
    finally:
        use_app(None)
        app.close()


@click.command(cls=SettingsCommand)
@click.argument("worker")
@click.argument("order", type=click.Choice([verb.value for verb in Verb]))
@click.option("--greenlets", type=int, help="resize: jobs that may run at the same time.")
@click.option("--seconds", type=float, help="profile: for how long.")
@click.option("--now", is_flag=True, default=None, help="stop: interrupt the jobs that run.")
@click.option("--wait", "patience", type=click.FloatRange(0, 600), default=15.0, help="Seconds to wait for the answer.")
@settings_options("client")
@click.pass_context
def tell(ctx: click.Context, /, *, worker: str, order: str, patience: float, **given: Any) -> int:
    """Tell a running worker what to do; it obeys at its next heartbeat, and its answer is shown.

    \b
    quiet     take no more jobs, and stay
    resume    take jobs again
    stop      end when the jobs that run have ended
    resize    run --greenlets jobs at the same time
    profile   sample where the time goes for --seconds; `mrq profile` shows it
    report    write its report now; `mrq stacks` shows where its jobs are

    WORKER is its id. Exits with 1 if the worker is gone or doesn't answer, with 2 if the order makes no sense.
    """
    arguments = {name: value for name in ("greenlets", "seconds", "now") if (value := given.get(name)) is not None}
    with _app(ctx):
        try:
            told = tell_worker(worker, order, **arguments)
        except (ValueError, InvalidJobIdError) as error:
            click.echo(f"mrq: {error}", err=True)
            return 2
        if told is None:
            click.echo(f"mrq: the worker {worker} is gone, or there was none", err=True)
            return 1
        until = time.monotonic() + patience
        while (said := answer(worker, told)) is None and time.monotonic() < until:
            time.sleep(PAUSE)
    if said is None:
        click.echo(f"mrq: no answer within {patience:g} s; the worker obeys when it hears of it", err=True)
        return 1
    click.echo(said)
    return 0


@click.command("mark-deploy", cls=SettingsCommand)
@click.argument("deployed", metavar="VERSION")  # --version is another thing
@settings_options("client")
@click.pass_context
def mark_deploy(ctx: click.Context, /, *, deployed: str, **_settings: Any) -> int:
    """Mark in the statistics that VERSION of the code goes live now. Charts show it for two years."""
    with _app(ctx):
        try:
            deploy = mark(deployed)
        except ValueError as error:
            click.echo(f"mrq: {error}", err=True)
            return 2
    click.echo(f"{deploy.version} is marked at {deploy.at:%Y-%m-%d %H:%M:%S} UTC")
    return 0
