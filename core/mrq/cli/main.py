"""The `mrq` command. What a subcommand needs is imported when it is called, so that all start quickly.

Packages beside the core add subcommands by the entry point group "mrq.commands": the name, and a function
that takes the arguments and returns an exit code. Until such a function is called, only click and the
standard library are imported: gevent has to come before everything else.
"""

from __future__ import annotations

import importlib
import sys
from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from mrq.exceptions import ConfigError, MrqError, StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.metadata import EntryPoint

GROUP = "mrq.commands"
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


class About(NamedTuple):
    """A subcommand: what it does in a few words, where its code is, or which extra brings it."""

    text: str
    target: str = ""
    extra: str = ""


COMMANDS = {
    "agent": About("Run the workers of a worker group on this machine.", extra="container"),
    "cost": About("Show what a million jobs cost, in bursts and in containers.", "mrq.cli.cost:cost_command"),
    "dashboard": About("See everything, and steer it, in a browser.", extra="dashboard"),
    "demo": About("Watch several thousand real jobs run, with servers of their own.", "mrq.cli.demo:demo", "embedded"),
    "deploy-check": About("Find out whether an account of AWS, and this machine, can deploy MRQ.", extra="cdk"),
    "doctor": About("Find out whether everything is in order here.", "mrq.cli.doctor:doctor"),
    "job": About("Show one job: status, params, result, traceback, log.", "mrq.cli.job:job"),
    "run": About("Run one task here and now, or queue it.", "mrq.cli.run:run"),
    "simulate": About(
        "Show wait time, workers and cost over a day, before deploying.", "mrq.cli.simulate:simulate_command"
    ),
    "failures": About("Show failed jobs in groups of the same failure.", "mrq.cli.failures:failures"),
    "logs": About("Show lines that jobs and workers have logged.", "mrq.cli.logs:logs"),
    "mark-deploy": About("Mark in the statistics that a version goes live.", "mrq.cli.tell:mark_deploy"),
    "profile": About("Show where the time of a worker went.", "mrq.cli.profile:profile"),
    "stacks": About("Show where each job of a worker is now.", "mrq.cli.stacks:stacks"),
    "tell": About("Tell a running worker: quiet, resume, stop, resize, profile.", "mrq.cli.tell:tell"),
    "stats": About("Show what ran lately, by queue or by task.", "mrq.cli.stats:stats"),
    "tick": About("Queue what recurs and look after everything, once.", "mrq.cli.tick:tick"),
    "up": About("Run MongoDB and Valkey without installing them.", "mrq.cli.up:up", "embedded"),
    "worker": About("Take jobs from queues and run them.", extra="container"),
}


class HandedOver(click.Command):
    """A subcommand of another package, which reads its own arguments."""

    def __init__(self, name: str, entry: EntryPoint | None, about: About) -> None:
        super().__init__(name, help=about.text, add_help_option=False)
        self._entry = entry
        self._extra = about.extra

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Leave the arguments as they are."""
        ctx.args = list(args)
        return []

    def invoke(self, ctx: click.Context) -> int:
        """Call the other package; its exit code."""
        if self._entry is None:
            click.echo(
                f"mrq: the {self.name} is not installed here; get it by: pip install 'mrq-cloud[{self._extra}]'",
                err=True,
            )
            return 2
        function: Callable[[list[str]], int] = self._entry.load()
        return function(ctx.args)


class LazyGroup(click.Group):
    """Subcommands by name, imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names of all subcommands, those of other packages included."""
        return sorted({*COMMANDS, *_entries()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The subcommand of this name, or None."""
        about = COMMANDS.get(cmd_name)
        if about is not None and about.target:
            return _imported(cmd_name, about)
        entry = _entries().get(cmd_name)
        if entry is None and about is None:
            return None
        return HandedOver(cmd_name, entry, about or _about(entry))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands without importing them."""
        entries = _entries()
        rows = [(name, (COMMANDS.get(name) or _about(entries.get(name))).text) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the subcommand; a mistyped one gets a suggestion."""
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            close = get_close_matches(name, self.list_commands(ctx), n=1)
            hint = f" Did you mean {close[0]!r}?" if close else f" There are: {', '.join(self.list_commands(ctx))}."
            raise click.UsageError(f"There is no subcommand {name!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)


def _imported(name: str, about: About) -> click.Command:
    module, _, attribute = about.target.partition(":")
    try:
        command: click.Command = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if not about.extra or (error.name or "").startswith("mrq"):
            raise
        raise click.UsageError(
            f"mrq {name} needs {error.name}, which is not installed here: pip install 'mrq-cloud[{about.extra}]'"
        ) from error
    return command


def _entries() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _about(entry: EntryPoint | None) -> About:
    package = entry.module.partition(".")[0] if entry else ""
    return About(f"(from package {package})")


def _show_version(ctx: click.Context, _parameter: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from mrq.version import VERSION  # noqa: PLC0415

        click.echo(f"MRQ v{VERSION}\nPython v{sys.version.split()[0]}")
        ctx.exit(0)


@click.group(
    cls=LazyGroup,
    context_settings={
        "token_normalize_func": lambda token: token.replace("-", "_"),
        "help_option_names": ["-h", "--help"],
    },
)
@click.option(
    "--version",
    "-v",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the versions.",
)
def cli() -> None:
    """MRQ: a job queue on MongoDB and Redis."""


def call(command: click.Command, arguments: Sequence[str] | None, name: str) -> int:
    """Run a command with these arguments (None: those of the process); its exit code.

    Errors that tell a user what to mend are one line on stderr. Others keep their traceback.
    """
    try:
        done: Any = command.main(arguments, prog_name=name, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except StoreUnavailableError as error:
        from mrq.domain.words import how_to_start  # noqa: PLC0415 - see above

        mend = how_to_start("MRQ_MONGODB_JOBS" if "MongoDB" in str(error) else "MRQ_REDIS")
        click.echo(f"mrq: {error}" if mend in str(error) else f"mrq: {error}; {mend}", err=True)
        return 1
    except MrqError as error:
        click.echo(f"mrq: {error}", err=True)
        return 2 if isinstance(error, ConfigError) else 1
    return done if isinstance(done, int) else 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Enter as `mrq`."""
    sys.exit(call(cli, arguments, "mrq"))


def main_run(arguments: Sequence[str] | None = None) -> None:
    """Enter as `mrq-run`."""
    from mrq.cli.run import run  # noqa: PLC0415 - start-up

    sys.exit(call(run, arguments, "mrq-run"))


def main_worker(arguments: Sequence[str] | None = None) -> None:
    """Enter as `mrq-worker`."""
    command = HandedOver("worker", _entries().get("worker"), COMMANDS["worker"])
    sys.exit(call(command, arguments, "mrq-worker"))


if __name__ == "__main__":
    main()
