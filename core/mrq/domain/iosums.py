"""What a run waited for, as far as it was traced: sums by kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_KINDS: Final = 10  # that are kept of a run
REST: Final = "other"  # the kind of what is kept no more


@dataclass(frozen=True, slots=True)
class IoSum:
    """Of one kind, such as `mongodb.find` or `http.get`: how long, in seconds, and how often. The waits of sub-pools
    overlap, so all kinds together may be longer than the run."""

    kind: str
    seconds: float
    calls: int


def largest(sums: Iterable[IoSum]) -> tuple[IoSum, ...]:
    """The largest first; what is more than MOST_KINDS is put together in the last one."""
    ordered = sorted(sums, key=lambda each: (-each.seconds, each.kind))
    if len(ordered) <= MOST_KINDS:
        return tuple(ordered)
    named = [each for each in ordered if each.kind != REST][: MOST_KINDS - 1]
    kept, rest = named, [each for each in ordered if each not in named]
    return (*kept, IoSum(REST, sum(each.seconds for each in rest), sum(each.calls for each in rest)))
