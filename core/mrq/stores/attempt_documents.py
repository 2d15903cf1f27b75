"""The part of a job's document that tells of its runs: what they used, how they ended, in which group they failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mrq.domain.usage import Usage

Document = dict[str, Any]

LONGEST_STACK = 4_000  # characters


def usage_fields(usage: Usage) -> Document:
    """What a run used, as it is stored: `time` and `switches` are MRQ 0.9's."""
    return {
        "time": usage.time,
        "switches": usage.switches,
        "longest": {"seconds": usage.longest, "stack": usage.where[-LONGEST_STACK:]},
    }
