"""What a run used of its worker's processor, as far as it was traced."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Of one run, its sub-pools included.

    `time`: seconds of processor time of the worker's thread. `switches`: how often it was switched to. `longest`:
    seconds on the wall of its longest stretch without a switch, in which it computed or waited without yielding;
    `where`: the stack in that stretch, as the lines of a traceback (empty: too short for a look).
    """

    time: float
    switches: int
    longest: float = 0.0
    where: str = ""
