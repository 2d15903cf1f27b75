"""What a burst is told to do: its event, checked before anything is touched."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mrq.app import task_paths, worker_options
from mrq.engine.claiming import queues_of
from mrq.engine.strategies import strategy_named
from mrq.exceptions import ConfigError, InvalidQueueError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mrq.engine.options import WorkerOptions
    from mrq.settings import Settings

MARGIN = 5.0  # seconds before the end of the invocation at which running jobs are interrupted
MAX_GENERATIONS = 12  # Lambda itself stops a function that has called itself 16 times


class BadEventError(ConfigError):
    """The event is none that a burst understands. Nothing was touched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstOrders:
    """One event. What it leaves out is as the settings say."""

    queues: tuple[str, ...]
    strategy: str
    concurrency: int  # jobs at once
    max_jobs: int = 0  # over all generations; 0: no limit
    task_whitelist: frozenset[str] = frozenset()
    task_blacklist: frozenset[str] = frozenset()
    margin: float = MARGIN
    worker_group: str = ""  # that its worker says it belongs to
    generation: int = 0  # how often the burst has called itself
    max_generations: int = MAX_GENERATIONS
    chain: str = ""  # the request that the first generation came with

    def options(self, settings: Settings) -> WorkerOptions:
        """The same, as a worker's."""
        options = worker_options(settings)
        return replace(
            options,
            report_config={**options.report_config, "worker_group": self.worker_group},
            queues=self.queues,
            strategy=self.strategy,
            greenlets=self.concurrency,
            max_jobs=self.max_jobs,
            max_time=0.0,
            max_memory=0,
            worker_id="",
            only=self.task_whitelist,
            never=self.task_blacklist,
            requeue_interrupted=True,  # its end says nothing about the jobs
        )

    def next_event(self, taken: int) -> dict[str, Any]:
        """The event of the next generation, when this one has taken so many jobs."""
        return {
            "queues": list(self.queues),
            "strategy": self.strategy,
            "concurrency": self.concurrency,
            "max_jobs": max(1, self.max_jobs - taken) if self.max_jobs else 0,
            "task_whitelist": sorted(self.task_whitelist),
            "task_blacklist": sorted(self.task_blacklist),
            "margin": self.margin,
            "worker_group": self.worker_group or None,
            "generation": self.generation + 1,
            "max_generations": self.max_generations,
            "chain": self.chain,
        }


def orders_of(event: Any, settings: Settings, request: str) -> BurstOrders:
    """Read an event. `request`: the id under which Lambda invoked the function.

    Raises:
        BadEventError: it has unknown keys, or values that make no sense; the message names them.
    """
    if event is None:
        event = {}
    if not isinstance(event, dict):
        raise BadEventError(f"a burst's event should be an object such as {{}}, not {type(event).__name__}")
    _refuse_unknown(event)
    orders = BurstOrders(
        queues=_names(event, "queues", settings.queues),
        strategy=_text(event, "strategy", settings.dequeue_strategy),
        concurrency=_whole(event, "concurrency", settings.greenlets, 1, 1000),
        max_jobs=_whole(event, "max_jobs", settings.max_jobs, 0),
        task_whitelist=_paths(event, "task_whitelist", settings.task_whitelist),
        task_blacklist=_paths(event, "task_blacklist", settings.task_blacklist),
        margin=_seconds(event, "margin", MARGIN),
        worker_group=_text(event, "worker_group", settings.worker_group or ""),
        generation=_whole(event, "generation", 0, 0),
        max_generations=_whole(event, "max_generations", MAX_GENERATIONS, 0, 1000),
        chain=_text(event, "chain", request),
    )
    try:
        queues_of(orders.queues)
        strategy_named(orders.strategy)
    except (ConfigError, InvalidQueueError) as error:
        raise BadEventError(f"a burst's event: {error}") from error
    return orders


_KEYS = tuple(BurstOrders.__dataclass_fields__)


def _refuse_unknown(event: Mapping[Any, Any]) -> None:
    unknown = [key for key in event if key not in _KEYS]
    if not unknown:
        return
    close = difflib.get_close_matches(str(unknown[0]), _KEYS, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(_KEYS)}"
    rule = ""
    if "detail-type" in event or "Records" in event:
        rule = " (a rule or schedule needs its own constant input, such as {}; events become jobs in mrq_lambda.events)"
    raise BadEventError(f"a burst's event has no key {unknown[0]!r}; {hint}{rule}")


def _wrong(key: str, value: Any, expected: str) -> BadEventError:
    return BadEventError(f"a burst's event: {key} = {value!r:.100} should be {expected}")


def _names(event: Mapping[str, Any], key: str, default: list[str]) -> tuple[str, ...]:
    value = event.get(key)
    if value is None:
        return tuple(default)
    if isinstance(value, str):
        value = value.split()
    if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
        raise _wrong(key, value, "a list of names")
    return tuple(value)


def _paths(event: Mapping[str, Any], key: str, default: str) -> frozenset[str]:
    value = event.get(key)
    if value is None:
        return task_paths(default)
    if isinstance(value, str):
        return task_paths(value)
    if not isinstance(value, list) or not all(isinstance(path, str) for path in value):
        raise _wrong(key, value, "a list of task paths")
    return frozenset(value)


def _text(event: Mapping[str, Any], key: str, default: str) -> str:
    value = event.get(key)
    if value is None:
        return default
    if not isinstance(value, str) or not value:
        raise _wrong(key, value, "text")
    return value


def _whole(event: Mapping[str, Any], key: str, default: int, least: int, most: int | None = None) -> int:
    value = event.get(key)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or value < least or (most is not None and value > most):
        raise _wrong(key, value, f"a whole number from {least}" + (f" to {most}" if most is not None else ""))
    return value


def _seconds(event: Mapping[str, Any], key: str, default: float) -> float:
    value = event.get(key)
    if value is None:
        return default
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 1 <= value <= 300:
        raise _wrong(key, value, "a number of seconds from 1 to 300")
    return float(value)
