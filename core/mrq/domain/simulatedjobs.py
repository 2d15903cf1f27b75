"""Jobs of a simulation: how long they run, where they wait, and the slots in which they run."""

from __future__ import annotations

import math
from collections import Counter, deque
from statistics import NormalDist
from typing import TYPE_CHECKING

from mrq.domain.queuefigures import RunTimes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

KINDS = 20


def times_of(lengths: Mapping[float, int]) -> RunTimes | None:
    """How long so many runs took; None: there were none."""
    runs = sum(lengths.values())
    if not runs:
        return None
    percentiles, seen = [], 0
    shares = iter((0.5, 0.95, 0.99))
    share: float | None = next(shares)
    for length in sorted(lengths):
        seen += lengths[length]
        while share is not None and seen >= share * runs:
            percentiles.append(length)
            share = next(shares, None)
    return RunTimes(sum(length * count for length, count in lengths.items()) / runs, *percentiles)


class Lengths:
    """Run times: a log-normal distribution, as so many equally frequent lengths, dealt in a fixed order.

    Those of a second or more are whole seconds, since that is the simulation's step.
    """

    def __init__(self, mean: float, spread: float, chance: Random) -> None:
        """`mean`: seconds. `spread`: the 99th percentile as a multiple of the median, at least 1."""
        sigma = math.log(spread) / NormalDist().inv_cdf(0.99)
        raw = [math.exp(sigma * NormalDist().inv_cdf((kind + 0.5) / KINDS)) for kind in range(KINDS)]
        scale = mean * KINDS / sum(raw)
        ordered = [each * scale if each * scale < 1 else float(round(each * scale)) for each in raw]
        self.times = RunTimes(sum(ordered) / KINDS, ordered[KINDS // 2], ordered[-2], ordered[-1])
        chance.shuffle(ordered)
        self._often = Counter(ordered)
        self._twice = ordered * 2
        self._next = 0

    def deal(self, jobs: int) -> dict[float, int]:
        """The lengths of the next jobs: length -> how many."""
        each, rest = divmod(jobs, KINDS)
        found = {kind: count * each for kind, count in self._often.items()} if each else {}
        for kind in self._twice[self._next : self._next + rest]:
            found[kind] = found.get(kind, 0) + 1
        self._next = (self._next + rest) % KINDS
        return found


class Line:
    """Jobs that wait, first come first served, together with those of the same second and length."""

    def __init__(self) -> None:
        self.size = 0
        self._groups: deque[list[float]] = deque()  # second, length, count

    def add(self, second: int, length: float, count: int) -> None:
        """Jobs come in."""
        self._groups.append([second, length, count])
        self.size += count

    def oldest(self) -> float | None:
        """The second in which the first one came in."""
        return self._groups[0][0] if self._groups else None

    def first(self) -> tuple[float, int]:
        """Length and number of the first ones."""
        _, length, count = self._groups[0]
        return length, int(count)

    def take(self, most: int) -> tuple[int, int]:
        """Take some of the first ones: the second in which they came in, and how many."""
        second, _, count = self._groups[0]
        taken = min(most, int(count))
        if taken == count:
            self._groups.popleft()
        else:
            self._groups[0][2] -= taken
        self.size -= taken
        return int(second), taken

    def rest(self) -> list[tuple[int, int]]:
        """What still waits: second and count."""
        return [(int(second), int(count)) for second, _, count in self._groups]


class Slots:
    """Jobs that run in one kind of consumer: containers, or bursts."""

    def __init__(self) -> None:
        self.busy = 0  # slots whose job goes on in the next second
        self._room = 0.0  # slots that are free for the rest of this second; below 0: jobs that take a bit of the next
        self._frees: dict[int, int] = {}
        self._ends: dict[int, Counter[float]] = {}

    def open(self, second: int, slots: int) -> Counter[float]:
        """Begin a second in which there are so many slots; the jobs that ended with the last one, by length."""
        self.busy -= self._frees.pop(second, 0)
        self._room = max(slots - self.busy, 0) + min(self._room, 0.0)
        return self._ends.pop(second, Counter())

    def start(self, line: Line, second: int) -> tuple[int, int]:
        """Start the first jobs of a line, as many as there is room for: when they came in, and how many; 0: no room."""
        if self._room <= 0 or not line.size:
            return 0, 0
        length, most = line.first()
        part = min(length, 1.0)
        came, count = line.take(min(most, math.ceil(self._room / part)))
        self._room -= count * part
        lasts = max(int(length), 1)
        self._ends.setdefault(second + lasts, Counter())[length] += count
        if length >= 1:
            self.busy += count
            self._frees[second + lasts] = self._frees.get(second + lasts, 0) + count
        return came, count
