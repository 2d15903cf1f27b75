"""`mrq failures`: what goes wrong, in groups of the same failure."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from mrq.app import App, use_app
from mrq.cli.options import SettingsCommand, given_on_command_line, settings_options
from mrq.cli.run import as_json as json_of
from mrq.domain.redaction import redacted, redacted_text
from mrq.domain.words import many
from mrq.failures import failure_details, failure_groups
from mrq.settings import load
from mrq.stats import last_deploy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mrq.failures import FailureDetails, FailureGroup
    from mrq.stats import Deploy

SHOWN_JOBS = 10


@click.command(cls=SettingsCommand)
@click.argument("fingerprint", required=False)
@click.option("--limit", type=click.IntRange(1, 200), default=20, help="How many groups to show at most.")
@click.option("--json", "as_json", is_flag=True, help="For programs: one object a group, times in UTC.")
@settings_options("client")
@click.pass_context
def failures(ctx: click.Context, /, *, fingerprint: str | None, limit: int, as_json: bool, **_settings: Any) -> int:
    """Show jobs whose last run failed, in groups of the same failure, newest first.

    With the FINGERPRINT of a group: its newest jobs, and which params they share that other jobs of the
    task don't have.
    Where deploys are marked (mrq mark-deploy) it says which failures were not seen before the last one.
    Exits with 1 if no job is in that group.
    """
    app = App(load("client", given=given_on_command_line(ctx)).settings.as_dict())
    redact = app.settings.log_redact
    use_app(app)
    try:
        deploy = last_deploy()
        if fingerprint is None:
            for group in (without_secrets(group, redact) for group in failure_groups(limit)):
                click.echo(json.dumps(as_object(group, deploy)) if as_json else in_short(group, deploy))
            return 0
        details = failure_details(fingerprint)
        if details is None:
            click.echo(f"mrq: no job is in the group {fingerprint}: they may have run again, or expired", err=True)
            return 1
        details = details_without_secrets(details, redact)
        shown = details_as_object(details, deploy) if as_json else in_full(details, deploy)
        click.echo(json.dumps(shown, default=json_of) if as_json else shown)
        return 0
    finally:
        use_app(None)
        app.close()


def without_secrets(group: FailureGroup, redact: Sequence[str]) -> FailureGroup:
    """A group as people may read it."""
    return replace(group, message=redacted_text(group.message, redact))


def details_without_secrets(details: FailureDetails, redact: Sequence[str]) -> FailureDetails:
    """The same, and the params that its jobs share: `user.token` by the last of its names, too."""
    shared = [replace(each, value=_hidden(each.name, each.value, redact)) for each in details.shared]
    return replace(details, group=without_secrets(details.group, redact), shared=shared)


def _hidden(name: str, value: Any, redact: Sequence[str]) -> Any:
    found = redacted({name: value}, redact)[name]
    return redacted_text(found, redact) if isinstance(found, str) else found


def in_short(group: FailureGroup, deploy: Deploy | None) -> str:
    """Two lines."""
    count = many(group.jobs, "job") if group.exact else f"more than {group.jobs:,} jobs"
    when = f"first {group.first:%Y-%m-%d %H:%M:%S}, last {group.last:%Y-%m-%d %H:%M:%S} UTC"
    if deploy is not None and group.is_new(deploy.at):
        when += f", new since {deploy.version}"
    return f"{group.fingerprint}  {count} of {group.path}, {when}\n    {group.exceptiontype}: {group.message}".rstrip(
        ": "
    )


def in_full(details: FailureDetails, deploy: Deploy | None) -> str:
    """The group, what its jobs share, and its newest jobs."""
    lines = [in_short(details.group, deploy)]
    lines += [
        f"    {each.members:.0%} have {each.name} = {each.value!r}"
        + ("" if each.others is None else f", of all jobs {each.others:.0%}")
        for each in details.shared
    ]
    lines += [f"    job {job.id}, failed {job.failed:%Y-%m-%d %H:%M:%S} UTC" for job in details.newest[:SHOWN_JOBS]]
    return "\n".join(lines)


def as_object(group: FailureGroup, deploy: Deploy | None) -> dict[str, Any]:
    """A group as JSON can hold it."""
    return {
        "fingerprint": group.fingerprint,
        "task": group.path,
        "exceptiontype": group.exceptiontype,
        "message": group.message,
        "jobs": group.jobs,
        "exact": group.exact,
        "first": group.first.isoformat() + "Z",
        "last": group.last.isoformat() + "Z",
        "new": group.is_new(None if deploy is None else deploy.at),
        "example": str(group.example),
    }


def details_as_object(details: FailureDetails, deploy: Deploy | None) -> dict[str, Any]:
    """The same with what the jobs share."""
    shared = [
        {"name": each.name, "value": each.value, "members": each.members, "others": each.others}
        for each in details.shared
    ]
    return {**as_object(details.group, deploy), "shared": shared, "newest": [str(job.id) for job in details.newest]}
