"""`mrq deploy-check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mrq.exceptions import ConfigError
from mrq_cdk.deploycheck import machine
from mrq_cdk.deploycheck.findings import Verdict, missing
from mrq_cdk.deploycheck.needs import Needs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mrq_cdk.config import MrqConfig
    from mrq_cdk.deploycheck.findings import Finding

COLOURS = {Verdict.FINE: "green", Verdict.DOUBTFUL: "yellow", Verdict.MISSING: "red"}


@click.command("deploy-check")
@click.option("--size", default="dev", show_default=True, help="What is to be deployed: dev, standard or large.")
@click.option("--config", "path", metavar="FILE", help="The config file of the deployment.")
@click.option("--profile", help="Of the AWS configuration.")
def deploy_check(size: str, path: str | None, profile: str | None) -> int:
    """Find out whether an account of AWS, and this machine, can deploy MRQ. Nothing is changed.

    Exits with 1 if something is missing without which the deployment would fail.
    """
    worst = 0
    for found in findings(size, path, profile):
        click.secho(f"{found.verdict.value:8}", fg=COLOURS[found.verdict], nl=False)
        click.echo(found.text)
        if found.mend:
            click.echo(f"{'':8}-> {found.mend}")
        worst = max(worst, found.verdict is Verdict.MISSING)
    return worst


def main(arguments: Sequence[str] | None = None) -> int:
    """Enter as `mrq deploy-check`; the exit code."""
    done: Any = deploy_check.main(arguments, prog_name="mrq deploy-check", standalone_mode=False)
    return done if isinstance(done, int) else 0


def findings(size: str, path: str | None, profile: str | None) -> Iterator[Finding]:
    """All of them, this machine's first. The account is not asked where it can't be."""
    installed, node = machine.packages(), machine.node()
    yield installed
    yield node
    yield machine.command_line()
    if Verdict.MISSING in (installed.verdict, node.verdict):
        return
    try:
        config = _config(size, path)
    except ConfigError as error:
        yield missing(str(error), "mend the config")
        return
    needs = Needs.of(config)
    yield machine.docker(needed=needs.built)
    yield machine.trusted(config.ca_bundle, needed=config.data.mongodb_secret is None)
    yield from of_account(needs, profile)


def of_account(needs: Needs, profile: str | None = None) -> Iterator[Finding]:
    """What the account lacks."""
    import boto3  # noqa: PLC0415 - may not be installed, which is said before
    from botocore.exceptions import BotoCoreError  # noqa: PLC0415

    from mrq_cdk.deploycheck import account  # noqa: PLC0415

    try:
        session = boto3.Session(profile_name=profile)
    except BotoCoreError as error:
        yield missing(f"the profile can't be used: {error}", "name one of ~/.aws/config")
        return
    where = account.region(session)
    yield where
    if where.verdict is Verdict.MISSING:
        return
    clients: Callable[[str], Any] = session.client
    who = account.identity(clients)
    yield who
    if who.verdict is Verdict.MISSING:
        return
    yield account.bootstrap(clients)
    yield account.concurrency(clients, needs)
    yield from account.network(clients, needs)
    yield from account.containers(clients, needs)
    yield account.database(clients, needs)
    yield from account.named(clients, needs)


def _config(size: str, path: str | None) -> MrqConfig:
    from mrq_cdk.config import read_config  # noqa: PLC0415 - loads the CDK, which needs Node

    return read_config(size, path)
