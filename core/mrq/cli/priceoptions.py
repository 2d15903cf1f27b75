"""Options that `mrq simulate` and `mrq cost` share: JSON files, and what containers and bursts are made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mrq.domain.prices import Prices
from mrq.exceptions import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def price_options(command: F) -> F:
    """Add the options about prices."""
    for option in (
        click.option("--prices", type=FILE, metavar="FILE", help="JSON with the prices that differ from ours."),
        click.option("--spot", is_flag=True, help="Containers on Fargate Spot."),
        click.option("--arm", is_flag=True, help="Containers and bursts on ARM processors."),
    ):
        command = option(command)
    return command


def read_prices(path: Path | None) -> Prices:
    """Ours, with those of a file in their place.

    Raises:
        ConfigError: the file holds something else.
    """
    return Prices() if path is None else Prices.from_dict(read_json(path), str(path))


def read_json(path: Path) -> Any:
    """What is in a JSON file.

    Raises:
        ConfigError: it is no JSON; names the place.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{path} is no JSON: {error}") from None
