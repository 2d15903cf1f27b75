"""Checks of props. Each message names the prop, what it is, and what it may be."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from mrq.exceptions import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}[a-z0-9]")
RETENTION = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""Days that CloudWatch can keep logs for."""


def check_choice(name: str, value: Any, choices: Iterable[Any]) -> None:
    """See that a prop is one of these. Raises ConfigError."""
    known = list(choices)
    if value in known and not isinstance(value, bool):
        return
    close = get_close_matches(str(value), [str(each) for each in known], n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise ConfigError(f"{name} has to be one of {', '.join(map(str, known))}, not {value!r}{hint}")


def check_name(name: str, value: Any) -> None:
    """See that a prop can be a part of names in AWS. Raises ConfigError."""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise ConfigError(
            f"{name} has to be 2 to 32 small letters, digits and dashes, beginning with a letter, not {value!r}"
        )


def check_text(name: str, value: Any, *, optional: bool = False) -> None:
    """See that a prop is text, or None where that may be. Raises ConfigError."""
    if (value is None and optional) or (isinstance(value, str) and value):
        return
    raise ConfigError(f"{name} has to be text{' or left out' if optional else ''}, not {value!r}")


def check_flag(name: str, value: Any) -> None:
    """See that a prop is true or false. Raises ConfigError."""
    if not isinstance(value, bool):
        raise ConfigError(f"{name} has to be true or false, not {value!r}")


def check_arn(name: str, value: Any, service: str, *, optional: bool = True) -> None:
    """See that a prop is an ARN of this service. Raises ConfigError."""
    if value is None and optional:
        return
    parts = value.split(":") if isinstance(value, str) else []
    if len(parts) < 6 or parts[0] != "arn" or parts[2] != service:
        raise ConfigError(f"{name} has to be an ARN such as arn:aws:{service}:REGION:ACCOUNT:..., not {value!r}")


def check_texts(name: str, value: Any) -> None:
    """See that a prop is a list of texts. Raises ConfigError."""
    if not isinstance(value, (list, tuple)) or not all(isinstance(each, str) and each for each in value):
        raise ConfigError(f"{name} has to be a list of texts, not {value!r}")
