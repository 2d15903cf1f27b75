"""From a command line to settings and an app: the same in the worker, in the guard's helpers and in the agent."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import click

from mrq.app import App, use_app
from mrq.cli.options import SettingsCommand, given_on_command_line, settings_options
from mrq.engine.loghandlers import guarded
from mrq.exceptions import ConfigError
from mrq.logger import formatter_of, handlers_of
from mrq.settings import Command, Loaded, load, put_current_directory_first

if TYPE_CHECKING:
    from collections.abc import Callable


_HELP: dict[Command, str] = {
    "worker": 'Take jobs from QUEUES (default: "default") and run them.',
    "agent": "Run the workers of a worker group on this machine, as MongoDB says.",
}


def command_line(act: Callable[[Loaded], int], command: Command) -> click.Command:
    """The command line of `mrq-worker` or `mrq-agent`, with something to do once the settings are known."""

    @click.command(cls=SettingsCommand, name=f"mrq-{command}", help=_HELP[command])
    @settings_options(command)
    @click.pass_context
    def main(ctx: click.Context, /, **_values: Any) -> None:
        ctx.exit(act(load(command, given=given_on_command_line(ctx))))

    return main


def run_with_settings(argv: list[str], act: Callable[[Loaded], int], command: Command = "worker") -> int:
    """Parse a command's arguments, load its settings, and act; the exit code. Bad ones are explained: 2."""
    put_current_directory_first()
    name = f"mrq-{command}"
    try:
        return int(command_line(act, command).main(argv, prog_name=name, standalone_mode=False) or 0)
    except ConfigError as error:
        click.echo(f"{name}: {error}", err=True)
        return 2
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.exceptions.Exit as error:
        return error.exit_code


def app_of(loaded: Loaded) -> App:
    """The app of these settings, from now on that of this process."""
    app = App(loaded.settings.as_dict())
    use_app(app)
    return app


def set_up_helper_logging(loaded: Loaded) -> logging.Logger:
    """The same for a process that helps the guard; the worker has said the warnings already."""
    set_up_logging(Loaded(loaded.settings, []))
    return logging.getLogger("mrq.guard")


def set_up_logging(loaded: Loaded) -> None:
    """The log goes to stderr, in `log_format`, from `log_level` on (`quiet`: errors only), and to the handlers of
    LOG_HANDLERS or `log_handler`.

    Raises:
        ConfigError: one of the handlers can't be made.
    """
    settings = loaded.settings
    terminal = logging.StreamHandler(sys.stderr)
    terminal.setFormatter(formatter_of(settings.log_format, settings))
    terminal.setLevel(logging.ERROR if settings.quiet else settings.log_level)
    ours = logging.getLogger("mrq")
    ours.handlers[:] = [terminal]  # first: what goes wrong with the others is to be seen
    ours.propagate = False
    handlers = [guarded(terminal), *handlers_of(settings)]
    ours.handlers[:] = handlers
    ours.setLevel(min(handler.level for handler in handlers))
    for warning in loaded.warnings:
        ours.warning("%s", warning)
