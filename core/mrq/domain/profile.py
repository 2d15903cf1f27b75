"""A sampling profile: where a worker was, how often it was seen there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from mrq.domain.ids import JobId, WorkerId

MOST_STACKS = 2_000  # of a profile that are kept
OTHERS = "(other stacks)"
IDLE = "(no job)"
"""The task of what the worker does for itself, and of its waiting."""


@dataclass(frozen=True, slots=True)
class Profile:
    """`stacks`: how often each was seen, as "task;outermost;...;innermost". Times are naive and in UTC."""

    id: JobId
    worker: WorkerId
    started: datetime
    seconds: float
    samples: int
    stacks: dict[str, int] = field(default_factory=dict)

    def collapsed(self) -> str:
        """One line a stack, most seen first, as tools that draw flame graphs read it."""
        return "".join(f"{stack} {count}\n" for stack, count in Counter(self.stacks).most_common())

    def by_task(self) -> dict[str, int]:
        """How often each task was seen at work, most seen first."""
        seen: Counter[str] = Counter()
        for stack, count in self.stacks.items():
            seen[stack.partition(";")[0]] += count
        return dict(seen.most_common())


def bounded(stacks: Counter[str]) -> dict[str, int]:
    """The stacks seen most, and how many samples the others are."""
    kept = dict(stacks.most_common(MOST_STACKS))
    rest = stacks.total() - sum(kept.values())
    return {**kept, OTHERS: rest} if rest else kept
