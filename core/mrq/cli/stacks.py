"""`mrq stacks`: where each job of a worker is now."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from mrq.app import App, use_app
from mrq.cli.options import SettingsCommand, given_on_command_line, settings_options
from mrq.cli.run import as_json as json_of
from mrq.domain.orders import Verb
from mrq.exceptions import InvalidJobIdError
from mrq.settings import load
from mrq.workers import answer, running
from mrq.workers import tell as tell_worker

if TYPE_CHECKING:
    from collections.abc import Mapping

PAUSE = 0.2  # seconds between two looks for the answer


@click.command(cls=SettingsCommand)
@click.argument("worker")
@click.option("--wait", "patience", type=click.FloatRange(0, 600), default=15.0, help="Seconds to wait for the worker.")
@click.option("--json", "as_json", is_flag=True, help="For programs: one object a job.")
@settings_options("client")
@click.pass_context
def stacks(ctx: click.Context, /, *, worker: str, patience: float, as_json: bool, **_settings: Any) -> int:
    """Show which jobs WORKER runs and where each of them is in its code, at its next heartbeat.

    WORKER is its id. Of each job there is its stack, and with --trace_io what it waits for; of a hundred jobs at most.
    Exits with 1 if the worker is gone or doesn't answer.
    """
    app = App(load("client", given=given_on_command_line(ctx)).settings.as_dict())
    use_app(app)
    try:
        told = tell_worker(worker, Verb.REPORT)
        if told is None:
            click.echo(f"mrq: the worker {worker} is gone, or there was none", err=True)
            return 1
        until = time.monotonic() + patience
        while (said := answer(worker, told)) is None and time.monotonic() < until:
            time.sleep(PAUSE)
        jobs = running(worker)
    except InvalidJobIdError as error:
        click.echo(f"mrq: {error}", err=True)
        return 1
    finally:
        use_app(None)
        app.close()
    if said is None:
        click.echo(f"mrq: no answer within {patience:g} s", err=True)
        return 1
    for job in jobs:
        click.echo(json.dumps(dict(job), default=json_of) if as_json else in_words(job))
    if not jobs and not as_json:
        click.echo("it runs no job")
    return 0


def in_words(job: Mapping[str, Any]) -> str:
    """One job, its stack innermost last."""
    waits = job.get("io")
    lines = [f"{job.get('path')}, job {job.get('id')}, since {job.get('datestarted'):%Y-%m-%d %H:%M:%S} UTC"]
    if waits:
        lines.append(f"  waits for {waits.get('type')} {waits.get('data') or ''}".rstrip())
    return "\n".join([*lines, *(f"  {line}" for line in job.get("stack") or ())])
