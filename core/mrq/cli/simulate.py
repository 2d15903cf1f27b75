"""`mrq simulate`: wait time, workers and cost over a day, for policies that are not deployed yet."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mrq.cli.priceoptions import FILE, price_options, read_json, read_prices
from mrq.cli.simulate_view import as_svg, report
from mrq.cli.textplot import for_encoding
from mrq.domain import load as loads
from mrq.domain.fleetpolicy import FleetPolicy, TargetKind
from mrq.domain.plain import check_keys, check_number
from mrq.domain.prices import Architecture
from mrq.domain.simulation import World, simulate
from mrq.exceptions import ConfigError

if TYPE_CHECKING:
    from mrq.domain.load import Load
    from mrq.domain.simulationresult import Result

PATTERNS = ("steady", "wave", "spike", "stampede", "dead")
SMALLEST = 0.125  # processors, or GB
DEFAULT = {"target": {TargetKind.OLDEST_WAIT.value: 60}}


@click.command("simulate")
@click.option("--pattern", type=click.Choice(PATTERNS), default="wave", show_default=True, help="How jobs come in.")
@click.option("--csv", type=FILE, metavar="FILE", help="A record instead of a pattern: lines of minute,count.")
@click.option("--rate", default=600.0, show_default=True, metavar="N", help="Jobs a minute; of a wave: at its highest.")
@click.option("--low", type=float, metavar="N", help="Jobs a minute of a wave at its lowest.  [default: rate / 10]")
@click.option("--jobs", default=5000, show_default=True, metavar="N", help="Jobs of the spike or stampede.")
@click.option(
    "--at", default=10.0, show_default=True, metavar="HOUR", help="When it happens; a wave: when it is highest."
)
@click.option("--lasting", default=60, show_default=True, metavar="MINUTES", help="Of the spike, or of being dead.")
@click.option("--hours", type=click.IntRange(1, 168), default=24, show_default=True, help="How long to simulate.")
@click.option("--job-seconds", default=1.0, show_default=True, metavar="S", help="Mean run time of a job.")
@click.option("--job-spread", default=3.0, show_default=True, metavar="X", help="p99 of the run time / its median.")
@click.option("--policy", "policies", type=FILE, multiple=True, metavar="FILE", help="JSON; may be repeated.")
@click.option(
    "--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change a field of each policy or its target."
)
@click.option("--vcpu", default=1.0, show_default=True, help="Processors of a container.")
@click.option("--memory", default=2.0, show_default=True, metavar="GB", help="Memory of a container.")
@click.option("--burst-memory", default=1.769, show_default=True, metavar="GB", help="Memory of a burst.")
@price_options
@click.option("--look-every", default=60, show_default=True, metavar="S", help="Time between two decisions.")
@click.option("--seed", default=1, show_default=True, help="Another one gives another day.")
@click.option("--reasons", is_flag=True, help="List every change of the fleet with its reason.")
@click.option(
    "--svg", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the plots there too."
)
@click.option("--width", type=click.IntRange(min=30), metavar="N", help="Columns.  [default: those of the terminal]")
def simulate_command(**given: Any) -> int:
    """Show how long jobs would wait, how many workers would run and what they would cost over a day.

    Nothing is started and no server is asked. The fleet is sized by the function that sizes real ones.
    """
    load = _load(given)
    policies = _policies(given["policies"], given["changes"])
    world = _world(given)
    results: dict[str, Result] = {name: simulate(load, policy, world) for name, policy in policies.items()}
    width = given["width"] or shutil.get_terminal_size((100, 24)).columns
    for line in report(results, width, reasons=given["reasons"]):
        click.echo(for_encoding(line, sys.stdout.encoding))
    if given["svg"] is not None:
        title = f"{load.name}: {next(iter(results.values())).jobs:,} jobs of {given['job_seconds']:g} s"
        _write(given["svg"], as_svg(title, results))
        click.echo(f"\nPlots: {given['svg']}")
    return 0


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--svg {path} can't be written: {error.strerror}") from None


def _load(given: dict[str, Any]) -> Load:
    if given["csv"] is not None:
        with given["csv"].open(encoding="utf-8", newline="") as lines:
            return loads.recorded(lines, str(given["csv"]))
    rate, jobs, at, lasting, minutes = (
        given["rate"], given["jobs"], given["at"], given["lasting"], given["hours"] * 60,
    )  # fmt: skip
    check_number("jobs", jobs, 0, whole=True)
    low = rate / 10 if given["low"] is None else given["low"]
    match given["pattern"]:
        case "wave":
            return loads.wave(low, rate, at, minutes)
        case "spike":
            return loads.spike(rate, jobs, at, lasting, minutes)
        case "stampede":
            return loads.stampede(rate, jobs, at, minutes)
        case "dead":
            return loads.dead(rate, at, lasting, minutes)
    return loads.steady(rate, minutes)


def _policies(paths: tuple[Path, ...], changes: tuple[str, ...]) -> dict[str, FleetPolicy]:
    given: dict[str, Any] = {str(path): read_json(path) for path in paths} or {"default": DEFAULT}
    names = {path: Path(path).stem for path in given}
    if len(set(names.values())) < len(names):
        names = {path: path for path in given}
    return {names[path]: FleetPolicy.from_dict(_changed(document, changes), path) for path, document in given.items()}


def _changed(document: Any, changes: tuple[str, ...]) -> Any:
    for change in changes:
        key, equals, value = change.partition("=")
        try:
            number = json.loads(value)
        except ValueError:
            number = None
        if not equals or not isinstance(number, (int, float)):
            raise ConfigError(f"--set {change}: expected KEY=NUMBER, such as max_workers=20")
        check_keys(document, document, "policy")  # is it a dict at all?
        kinds = [kind.value for kind in TargetKind]
        document = {**document, "target": {key: number}} if key in kinds else {**document, key: number}
    return document


def _world(given: dict[str, Any]) -> World:
    prices = read_prices(given["prices"])
    for name in ("vcpu", "memory", "burst_memory"):
        check_number(name, given[name], SMALLEST)
    architecture = Architecture.ARM if given["arm"] else Architecture.X86
    return World(
        job_seconds=given["job_seconds"],
        spread=given["job_spread"],
        look_every=given["look_every"],
        container_second=prices.container_second(given["vcpu"], given["memory"], architecture, spot=given["spot"]),
        burst_second=prices.burst_second(given["burst_memory"], architecture),
        burst_request=prices.lambda_request,
        seed=given["seed"],
    )
