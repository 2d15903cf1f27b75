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

    def hottest(self, most: int = 10) -> dict[str, int]:
        """How often each function was seen at work itself, not those that it called, most seen first."""
        seen: Counter[str] = Counter()
        for stack, count in self.stacks.items():
            task, _, _ = stack.partition(";")
            if task != IDLE:
                seen[stack.rpartition(";")[2]] += count
        return dict(seen.most_common(most))

    def in_words(self) -> str:
        """The share of each task, and of the functions in which the most time went."""
        parts = ((self.by_task(), "tasks"), (self.hottest(), "functions"))
        lines = [f"{self.samples} samples in {self.seconds:.1f} s"]
        for counts, name in parts:
            lines += [f"{name}:", *(f"{count / max(1, self.samples):>7.1%}  {what}" for what, count in counts.items())]
        return "\n".join(lines)


def bounded(stacks: Counter[str]) -> dict[str, int]:
    """The stacks seen most, and how many samples the others are."""
    kept = dict(stacks.most_common(MOST_STACKS))
    rest = stacks.total() - sum(kept.values())
    return {**kept, OTHERS: rest} if rest else kept
