"""From the stacks of a profile to the tree of its calls, as a list in which callers come before what they call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MOST_FLAMES = 5_000
LONGEST_NAME = 300  # characters
TASK = -1
"""Parent of the outermost calls."""


@dataclass(frozen=True, slots=True)
class Flame:
    """A call. `parent`: the place of its caller in the list; TASK: it has none."""

    name: str
    parent: int
    samples: int


@dataclass(slots=True)
class _Call:
    samples: int = 0
    calls: dict[str, _Call] = field(default_factory=dict)


def flames_of(stacks: Mapping[str, int], most: int = MOST_FLAMES) -> tuple[list[Flame], int]:
    """The calls that were seen most, at most `most`, and how many others there are.

    stacks: how often each was seen, as "task;outermost;...;innermost". A call is shown only if its caller is.
    """
    root = _Call()
    for stack, samples in stacks.items():
        call = root
        for name in stack.split(";"):
            call = call.calls.setdefault(name, _Call())
            call.samples += samples
    least = _least(root, most)
    found: list[Flame] = []
    hidden = 0
    ahead = [(name, call, TASK) for name, call in _by_samples(root)]
    while ahead:
        name, call, parent = ahead.pop()
        if call.samples < least or len(found) >= most:
            hidden += _count(call)
            continue
        found.append(Flame(name[:LONGEST_NAME], parent, call.samples))
        place = len(found) - 1
        ahead += [(inner, called, place) for inner, called in _by_samples(call)]
    return found, hidden


def _by_samples(call: _Call) -> list[tuple[str, _Call]]:
    """The most seen one last: it is taken from the end."""
    return sorted(call.calls.items(), key=lambda each: each[1].samples)


def _least(root: _Call, most: int) -> int:
    """How often a call has to be seen for about so many to be shown. No caller is seen less often than its calls."""
    samples = sorted((call.samples for call in _all(root)), reverse=True)
    return samples[most - 1] if len(samples) > most else 1


def _all(call: _Call) -> list[_Call]:
    found, ahead = [], list(call.calls.values())
    while ahead:
        each = ahead.pop()
        found.append(each)
        ahead += each.calls.values()
    return found


def _count(call: _Call) -> int:
    return 1 + len(_all(call))
