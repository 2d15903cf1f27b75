"""From which queues, in which order, how many jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mrq.exceptions import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mrq.domain.queuename import QueueName


class Strategy(Protocol):
    """How a worker shares its free slots among its queues."""

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
    """The strategy of this name.

    Raises:
        ConfigError: there is none.
    """
    if name not in _BY_NAME:
        raise ConfigError(f"dequeue_strategy {name!r} is unknown; choose one of {', '.join(_BY_NAME)}")
    return _BY_NAME[name]()
