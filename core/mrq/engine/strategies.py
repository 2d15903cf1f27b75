"""From which queues, in which order, how many jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mrq.engine.classes import class_at
from mrq.exceptions import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mrq.domain.queuename import QueueName


class Strategy(Protocol):
    """How a worker shares its free slots among its queues.

    One of your own: a class with these two, which can be made without arguments. A worker makes one of it and
    asks it before each claim, in one thread; it may keep a state. What it raises ends the worker.
    """

    stops_when_empty: bool
    """Whether the worker ends once its queues are empty and its jobs have ended."""

    def plan(self, queues: Sequence[QueueName], free: int) -> list[tuple[QueueName, int]]:
        """Which queues to ask, in order, and for how many jobs at most each."""
        ...


class Sequential:
    """Each queue is drained before the next one is looked at."""

    stops_when_empty = False

    def plan(self, queues: Sequence[QueueName], free: int) -> list[tuple[QueueName, int]]:
        """All free slots for the first queue that has jobs, what is left for the next."""
        return [(queue, free) for queue in queues]


class Parallel:
    """The queues take turns: each gets a share, and another one is asked first the next time."""

    stops_when_empty = False

    def __init__(self) -> None:
        self._turn = 0

    def plan(self, queues: Sequence[QueueName], free: int) -> list[tuple[QueueName, int]]:
        """An equal share for each; a second round hands out what some didn't need."""
        if not queues:
            return []
        first = self._turn % len(queues)
        self._turn += 1
        order = [*queues[first:], *queues[:first]]
        share = max(1, free // len(order))
        return [(queue, share) for queue in order] + [(queue, free) for queue in order]


class Burst(Sequential):
    """Like sequential, and ends when all queues are empty."""

    stops_when_empty = True


_BY_NAME: dict[str, Callable[[], Strategy]] = {"sequential": Sequential, "parallel": Parallel, "burst": Burst}


def strategy_named(name: str) -> Strategy:
    """The strategy of this name: one of MRQ's, or a class by its dotted path.

    Raises:
        ConfigError: there is none, or it is no strategy.
    """
    if name in _BY_NAME:
        return _BY_NAME[name]()
    if "." not in name:
        known = ", ".join(_BY_NAME)
        raise ConfigError(f"dequeue_strategy {name!r} is unknown; choose one of {known}, or a dotted path of your own")
    made = class_at(name, "dequeue_strategy")
    try:
        strategy: Strategy = made()
    except TypeError as error:
        raise ConfigError(f"dequeue_strategy {name!r} must be a class that needs no arguments: {error}") from error
    if not callable(getattr(strategy, "plan", None)) or not hasattr(strategy, "stops_when_empty"):
        raise ConfigError(f"dequeue_strategy {name!r} has to have a method plan() and an attribute stops_when_empty")
    return strategy
