"""Checks the shape of the tables in a config file: TASKS, RAW_QUEUES, QUEUES_CONFIG, SCHEDULER_TASKS."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from mrq.domain.optionvalues import check_options, newer_options
from mrq.exceptions import ConfigError
from mrq.settings.queuetables import check_queue

if TYPE_CHECKING:
    from mrq.settings.values import Origin

NUMBER = ("a number", (int, float))
WHOLE = ("int", (int,))
TEXT = ("str", (str,))
SWITCH = ("bool", (bool, int))
FUNCTION = ("a function", (Callable,))
KINDS = ("exception classes, or their dotted names", (type, str, tuple, list))

Shape = Mapping[str, tuple[str, tuple[Any, ...]]]

TASK: Shape = {
    "queue": TEXT,
    "timeout": NUMBER,
    "default_ttl": NUMBER,
    "result_ttl": NUMBER,
    "abort_ttl": NUMBER,
    "cancel_ttl": NUMBER,
    "max_retries": WHOLE,
    "retry_delay": NUMBER,
    "retries": WHOLE,
    "retry_backoff": NUMBER,
    "retry_max_delay": NUMBER,
    "retry_jitter": NUMBER,
    "retry_on": KINDS,
    "retry_not_on": KINDS,
    "exclusive": SWITCH,
    "max_concurrency": WHOLE,
    "on_limit": TEXT,
    "rate": TEXT,
    "burst_limit": NUMBER,
}
QUEUE: Shape = {
    "job_factory": FUNCTION,
    "retry_queue": TEXT,
    "has_subqueues": SWITCH,
    "statuses_no_storage": ("a tuple of statuses", (tuple, list, set, frozenset)),
    "pushback_seconds": NUMBER,
    "dashboard_graph": FUNCTION,
    "notify": SWITCH,
    "max_concurrency": WHOLE,
    "objectives": ("a dict of objectives", (dict,)),
}
TABLES: Mapping[str, Shape] = {"tasks": TASK, "raw_queues": QUEUE, "queues_config": QUEUE}
QUEUE_TABLES = ("raw_queues", "queues_config")


def check_table(key: str, table: Mapping[Any, Any], origin: Origin) -> list[str]:
    """Check the table that is the value of setting `key`; return warnings about what looks mistyped.

    Unknown keys are kept: MRQ 0.9 let users have their own. None means that a key isn't set.
    Raises ConfigError when an entry is not a dict, or a known key has a value of a wrong type or one that can't be.
    """
    warnings: list[str] = []
    for name, entry in table.items():
        inside = f"[{name!r}]"
        if not isinstance(name, str):
            raise origin.error(key, entry, f"should have a str as its name, not {type(name).__name__}", inside)
        if not isinstance(entry, dict):
            raise origin.error(key, entry, f"should be dict, not {type(entry).__name__}", inside)
        warnings += _check_entry(key, inside, entry, origin)
        _check_values(key, inside, entry, origin)
        if key in QUEUE_TABLES:
            warnings += check_queue(key, name, entry, origin)
    return warnings


def _check_values(key: str, inside: str, entry: Mapping[Any, Any], origin: Origin) -> None:
    """Values of the right type that make no sense."""
    try:
        check_options(newer_options(entry), f"{origin.name(key)}{inside}")
    except ConfigError as error:
        place = f" ({origin.place})" if origin.place else ""
        raise ConfigError(f"{error}{place}") from None


def _check_entry(key: str, inside: str, entry: Mapping[Any, Any], origin: Origin) -> list[str]:
    shape = TABLES[key]
    warnings: list[str] = []
    for word, value in entry.items():
        if word in shape:
            if complaint := complaint_about(shape[word], value):
                raise origin.error(key, value, complaint, f"{inside}[{word!r}]")
        elif close := get_close_matches(str(word), shape, n=1, cutoff=0.7):
            table = f"{origin.name(key)}{inside}"
            place = f" in {origin.place}" if origin.place else ""
            warnings.append(f"unknown key {word!r} in {table}{place}; did you mean {close[0]!r}?")
    return warnings


def complaint_about(expected: tuple[str, tuple[Any, ...]], value: Any) -> str | None:
    """What is wrong with a value; None, which means that nothing is set, is right everywhere."""
    name, types = expected
    if value is None:
        return None
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        return f"should be {name}, not {type(value).__name__}"
    if expected in (NUMBER, WHOLE) and not 0 <= value < math.inf:
        return "should be 0 or more"
    return None


def check_schedule(entries: list[Any], origin: Origin) -> None:
    """Check that SCHEDULER_TASKS is a list of dicts with a path each; raises ConfigError."""
    for position, entry in enumerate(entries):
        inside = f"[{position}]"
        if not isinstance(entry, dict):
            raise origin.error("scheduler_tasks", entry, f"should be dict, not {type(entry).__name__}", inside)
        if not isinstance(entry.get("path"), str):
            raise origin.error("scheduler_tasks", entry, "should have a path (str)", inside)
