"""Frozen dataclasses from plain dicts and back: documents of MongoDB, JSON files, properties of the CDK constructs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar

from mrq.exceptions import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

T = TypeVar("T")


def from_plain(cls: type[T], given: Any, where: str) -> T:
    """Make a dataclass from a dict of its fields; those left out have their defaults.

    Args:
        where: what the dict is, for messages: `policy` or a file's name.

    Raises:
        ConfigError: it is no dict, has a key that is no field, or lacks one; or the class refuses a value.
    """
    known = {field.name for field in fields(cls)}  # type: ignore[arg-type]
    check_keys(given, known, where)
    try:
        return cls(**given)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    except TypeError as error:  # a field without a default is not there
        raise ConfigError(f"{where}: {str(error).partition('() ')[2]}") from None


def check_keys(given: Any, known: Iterable[str], where: str) -> None:
    """See that this is a dict without other keys than these.

    Raises:
        ConfigError: it isn't; names the key, and the one that was probably meant.
    """
    if not isinstance(given, Mapping):
        raise ConfigError(f"{where}: expected keys with values, got {given!r}")
    names = sorted(known)
    for key in given:
        if key not in names:
            close = get_close_matches(str(key), names, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(names)}"
            raise ConfigError(f"{where}: unknown key {key!r}; {hint}")


def check_number(name: str, value: Any, least: float, most: float = math.inf, *, whole: bool = False) -> None:
    """See that a field is a number within these limits, both included.

    Raises:
        ConfigError: it isn't; names the field.
    """
    kind = "a whole number" if whole else "a number"
    right = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
    if right and math.isfinite(value) and least <= value <= most:
        return
    limits = f"from {least:,g} to {most:,g}" if math.isfinite(most) else f"of at least {least:,g}"
    raise ConfigError(f"{name} has to be {kind} {limits}, not {value!r}")
