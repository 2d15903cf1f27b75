"""`mrq profile`: where the time of a worker went."""

from __future__ import annotations

from typing import Any

import click

from mrq.app import App, use_app
from mrq.cli.options import SettingsCommand, given_on_command_line, settings_options
from mrq.exceptions import InvalidJobIdError
from mrq.settings import load
from mrq.workers import profile as profile_of
from mrq.workers import profiles


@click.command(cls=SettingsCommand)
@click.argument("profile_id", metavar="PROFILE", required=False)
@click.option("--collapsed", is_flag=True, help="One line a stack, for tools that draw flame graphs.")
@settings_options("client")
@click.pass_context
def profile(ctx: click.Context, /, *, profile_id: str | None, collapsed: bool, **_settings: Any) -> int:
    """List the newest profiles, or show one: the share of each task, and the functions in which it went.

    `mrq tell WORKER profile --seconds 10` makes one. Exits with 1 if there is no such profile.
    """
    app = App(load("client", given=given_on_command_line(ctx)).settings.as_dict())
    use_app(app)
    try:
        if profile_id is None:
            for each in profiles():
                click.echo(f"{each.id}  worker {each.worker}, {each.started:%Y-%m-%d %H:%M:%S} UTC, {each.seconds:g} s")
            return 0
        found = profile_of(profile_id)
    except InvalidJobIdError as error:
        click.echo(f"mrq: {error}", err=True)
        return 1
    finally:
        use_app(None)
        app.close()
    if found is None:
        click.echo(f"mrq: there is no profile {profile_id}; they are kept for a week", err=True)
        return 1
    if collapsed:
        click.echo(found.collapsed(), nl=False)
        return 0
    click.echo(found.in_words())
    return 0
