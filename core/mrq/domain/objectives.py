"""What a queue is to keep to, and whether it does."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mrq.domain.figures import Figures, Spread


def _of(spread: Callable[[Figures], Spread | None], name: str) -> Callable[[Figures], float | None]:
    return lambda figures: None if (found := spread(figures)) is None else float(getattr(found, name))


def _failures(figures: Figures) -> float | None:
    return figures.failed / figures.settled if figures.settled else None


KINDS: Mapping[str, Callable[[Figures], float | None]] = {
    **{f"{name}_wait": _of(lambda figures: figures.wait, name) for name in ("p50", "p95", "p99")},
    **{f"{name}_run": _of(lambda figures: figures.run, name) for name in ("p50", "p95", "p99")},
    "failures": _failures,
}
"""What can be an objective: percentiles of wait and run time in seconds, and the share of runs that fail."""


@dataclass(frozen=True, slots=True)
class ObjectiveState:
    """An objective of a queue: `kind` is to be at most `limit`. `actual` is None, and `holds` too, where nothing was
    measured: then nobody knows."""

    queue: str
    kind: str
    limit: float
    actual: float | None

    @property
    def holds(self) -> bool | None:
        """Whether it is kept."""
        return None if self.actual is None else self.actual <= self.limit


def states(queue: str, objectives: Mapping[str, float], figures: Figures | None) -> list[ObjectiveState]:
    """Each objective of a queue, judged by what was counted (None: nothing was)."""
    return [
        ObjectiveState(queue, kind, float(limit), None if figures is None else KINDS[kind](figures))
        for kind, limit in objectives.items()
    ]


def complaint_about(objectives: Mapping[Any, Any]) -> str | None:
    """What is wrong with the objectives that a configuration states."""
    for kind, limit in objectives.items():
        if kind not in KINDS:
            return f"has {kind!r}, which can't be an objective; choose from {', '.join(KINDS)}"
        if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not 0 <= limit < math.inf:
            return f"has {kind!r}: {limit!r}; write a number, 0 or more"
    return None
