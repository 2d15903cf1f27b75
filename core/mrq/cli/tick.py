"""`mrq tick`: what workers with `--scheduler` do all the time, once. For cron, and to see that all is well."""

from __future__ import annotations

from typing import Any

import click

from mrq import app_upkeep
from mrq.app import App
from mrq.cli.options import SettingsCommand, given_on_command_line, settings_options
from mrq.domain.words import many
from mrq.settings import load


@click.command(cls=SettingsCommand)
@settings_options("client")
@click.pass_context
def tick(ctx: click.Context, /, **_settings: Any) -> int:
    """Queue the jobs that SCHEDULER_TASKS and other schedules have due, bring back retries and the jobs of dead
    workers, delete what has expired, check the indexes. Once.

    For deployments in which no worker has `--scheduler`: let cron call it once a minute. Any number may run at once.
    It takes a moment; up to 45 s when workers have fallen silent, to watch whether they are dead.
    """
    app = App(load("client", given=given_on_command_line(ctx)).settings.as_dict())
    try:
        done = app_upkeep.tick(app)
    finally:
        app.close()
    for what in ("added", "changed", "removed"):
        for label in getattr(done.synced, what):
            click.echo(f"schedule of {label}: {what}, as SCHEDULER_TASKS says")
    click.echo(f"queued by schedules: {many(done.queued, 'job')}")
    for name, count in done.upkeep.items():
        click.echo(f"{name}: {count}")
    return 0
