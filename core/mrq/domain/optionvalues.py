"""Checks what is set for a task, wherever that is written: in @task, in a class, in TASKS."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from mrq.domain.rate import parse_rate
from mrq.exceptions import ConfigError

ON_LIMIT = ("end", "wait")

_NEWER = (
    "retries", "retry_backoff", "retry_max_delay", "retry_jitter", "retry_on", "retry_not_on", "max_concurrency",
    "on_limit", "rate", "burst_limit",
)  # fmt: skip


def check_options(given: Mapping[str, Any], where: str) -> None:
    """Check the values of the options that are known; the others are passed over. None means "not set".

    Raises:
        ConfigError: a value makes no sense; the message begins with `where`.
    """
    for name, value in given.items():
        if value is not None and (complaint := _complaint(name, value)):
            raise ConfigError(f"{where}: {complaint}")


def newer_options(given: Mapping[Any, Any]) -> dict[str, Any]:
    """Those options that MRQ 0.9 didn't know. In a configuration, values of the others are taken as it took them."""
    return {name: given[name] for name in _NEWER if name in given}


def _complaint(name: str, value: Any) -> str | None:
    if name == "rate":
        try:
            parse_rate(value)
        except ConfigError as error:
            return str(error)
    right, expected = _CHECKS.get(name, _ANYTHING)
    return None if right(value) else f"{name} = {value!r} should be {expected}"


def _is_number(value: Any, types: type | tuple[type, ...] = (int, float)) -> bool:
    return isinstance(value, types) and not isinstance(value, bool) and math.isfinite(float(value))  # type: ignore[arg-type]


def _is_kind(value: Any) -> bool:
    if isinstance(value, str):
        return all(part.isidentifier() for part in value.split("."))
    return isinstance(value, type) and issubclass(value, BaseException)


def _are_kinds(value: Any) -> bool:
    return all(_is_kind(kind) for kind in (value if isinstance(value, (tuple, list)) else (value,)))


Check = tuple[Callable[[Any], bool], str]

_ANYTHING: Check = (lambda _: True, "")
_COUNT: Check = (lambda v: _is_number(v, int) and v >= 0, "a whole number from 0")
_SECONDS: Check = (lambda v: _is_number(v) and v >= 0, "a number of seconds from 0")
_KINDS: Check = (_are_kinds, "exception classes, or their dotted names")
_CHECKS: Mapping[str, Check] = {
    "timeout": _SECONDS,
    "default_ttl": _SECONDS,
    "result_ttl": _SECONDS,
    "abort_ttl": _SECONDS,
    "cancel_ttl": _SECONDS,
    "max_retries": _COUNT,
    "retries": _COUNT,
    "retry_delay": _SECONDS,
    "retry_max_delay": _SECONDS,
    "retry_on": _KINDS,
    "retry_not_on": _KINDS,
    "max_concurrency": _COUNT,
    "burst_limit": _SECONDS,
    "retry_backoff": (lambda v: _is_number(v) and v >= 1, "a number from 1"),
    "retry_jitter": (lambda v: _is_number(v) and 0 <= v <= 1, "a fraction from 0 to 1"),
    "on_limit": (lambda v: v in ON_LIMIT, f"one of {', '.join(map(repr, ON_LIMIT))}"),
}
