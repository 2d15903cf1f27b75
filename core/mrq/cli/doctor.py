"""`mrq doctor`: is everything in order here? One line a check, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mrq.app import App
from mrq.cli.checks import REDIS, check_agents, check_failures, check_indexes, check_servers, check_workers
from mrq.cli.options import SettingsCommand, given_on_command_line, settings_options
from mrq.cli.raw_checks import check_raw_queues
from mrq.cli.schedule_check import check_schedules
from mrq.exceptions import ConfigError
from mrq.settings import in_lower_case, load

if TYPE_CHECKING:
    from mrq.cli.checks import Finding


@click.command(cls=SettingsCommand)
@click.option("--fix", is_flag=True, help="Make the indexes that are missing.")
@settings_options("client")
@click.pass_context
def doctor(ctx: click.Context, /, *, fix: bool, **_settings: Any) -> int:
    """Check the configuration, MongoDB, Redis, the indexes, the workers and their queues, worker groups, schedules.

    Exits with 0 if all is well, and with 1 if there is a problem.
    """
    show = _Report()
    try:
        loaded = load("client", given=given_on_command_line(ctx))
        app = App(loaded.settings.as_dict())
    except ConfigError as error:
        show.line("problem", "configuration", str(error))
        return show.end()
    show.line("ok", "configuration", "loaded")
    for warning in loaded.warnings + in_lower_case(given_on_command_line(ctx)):
        show.line("note", "configuration", warning)
    servers = check_servers(app)
    show.findings(servers)
    if servers[0].state == "ok":  # MongoDB answers
        show.findings(check_indexes(app, fix=fix))
        show.findings(check_workers(app))
        show.findings(check_agents(app))
        show.findings(check_schedules(app))
        if all(found.state == "ok" for found in servers if found.about == REDIS):
            show.findings(check_raw_queues(app))
        show.findings(check_failures(app))
    return show.end()


class _Report:
    """Prints findings as they come, and counts the problems."""

    def __init__(self) -> None:
        self._problems = 0

    def findings(self, findings: list[Finding]) -> None:
        for finding in findings:
            self.line(finding.state, finding.about, finding.text, finding.mend)

    def line(self, state: str, about: str, text: str, mend: str = "") -> None:
        self._problems += state == "problem"
        colour = {"ok": "green", "problem": "red"}.get(state, "yellow")
        click.echo(f"{click.style(f'{state:<9}', fg=colour)}{about:<15}{text}")
        if mend:
            click.echo(f"{'':<24}-> {mend}")

    def end(self) -> int:
        """Say how it is, all together; the exit code."""
        many = "1 problem" if self._problems == 1 else f"{self._problems} problems"
        click.echo(f"\n{many}." if self._problems else "\nAll is well.")
        return 1 if self._problems else 0
