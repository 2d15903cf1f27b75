"""Jobs that come in over a day: the patterns that a simulation is fed with."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mrq.domain.plain import check_number
from mrq.exceptions import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from random import Random

DAY = 24 * 60
LONGEST_RECORD = 7 * DAY


@dataclass(frozen=True, slots=True)
class Load:
    """Jobs a minute, for each minute; and what else happens.

    `recorded`: the numbers are counts, not means that chance varies. `at_once`: second -> jobs that come in within it.
    `dead`: from this minute until before that one no job ends.
    """

    name: str
    per_minute: tuple[float, ...]
    recorded: bool = False
    at_once: Mapping[int, int] = field(default_factory=dict)
    dead: tuple[int, int] = (0, 0)

    @property
    def seconds(self) -> int:
        """How long it lasts."""
        return len(self.per_minute) * 60

    def is_dead(self, second: int) -> bool:
        """Whether nothing ends in this second."""
        return self.dead[0] * 60 <= second < self.dead[1] * 60

    def arrivals(self, chance: Random) -> list[int]:
        """Jobs that come in, for each second."""
        found: list[int] = []
        for jobs in self.per_minute:
            found += _recorded(int(jobs), chance) if self.recorded else [_poisson(jobs / 60, chance) for _ in range(60)]
        for second, jobs in self.at_once.items():
            found[second] += jobs
        return found


def steady(rate: float, minutes: int = DAY) -> Load:
    """Always `rate` jobs a minute."""
    check_number("rate", rate, 0)
    return Load("steady", (rate,) * minutes)


def wave(low: float, high: float, peak: float = 14.0, minutes: int = DAY) -> Load:
    """A daily wave between `low` and `high` jobs a minute, highest at the hour `peak`."""
    check_number("low", low, 0)
    check_number("rate", high, low)
    middle, swing = (low + high) / 2, (high - low) / 2
    hours = [minute / 60 for minute in range(minutes)]
    return Load("wave", tuple(middle + swing * math.cos((hour - peak) / 24 * 2 * math.pi) for hour in hours))


def spike(rate: float, jobs: int, at: float = 10.0, lasting: int = 10, minutes: int = DAY) -> Load:
    """`rate` jobs a minute, and `jobs` more from the hour `at` on, spread over `lasting` minutes."""
    first = _minute(at, minutes)
    check_number("rate", rate, 0)
    check_number("jobs", jobs, 0, whole=True)
    check_number("lasting", lasting, 1, whole=True)
    last = min(first + lasting, minutes)
    return Load(
        "spike",
        tuple(rate + (jobs / (last - first) if first <= minute < last else 0.0) for minute in range(minutes)),
    )


def stampede(rate: float, jobs: int, at: float = 10.0, minutes: int = DAY) -> Load:
    """`rate` jobs a minute, and `jobs` within one second at the hour `at`."""
    check_number("rate", rate, 0)
    check_number("jobs", jobs, 0, whole=True)
    return Load("stampede", (rate,) * minutes, at_once={_minute(at, minutes) * 60: jobs})


def dead(rate: float, at: float = 10.0, lasting: int = 240, minutes: int = DAY) -> Load:
    """`rate` jobs a minute; from the hour `at` on, for `lasting` minutes, consumers run but no job ends."""
    first = _minute(at, minutes)
    check_number("rate", rate, 0)
    check_number("lasting", lasting, 1, whole=True)
    return Load("dead", (rate,) * minutes, dead=(first, min(first + lasting, minutes)))


def recorded(lines: Iterable[str], where: str = "csv") -> Load:
    """A record: lines of `minute,count`, the minutes counted from 0. A heading is allowed; minutes left out had no job.

    Raises:
        ConfigError: a line is something else; names the line.
    """
    counts: dict[int, int] = {}
    for number, row in enumerate(csv.reader(lines), 1):
        if not row or (number == 1 and not row[0].strip().isdigit()):
            continue
        try:
            minute, count = (int(cell) for cell in row)
        except ValueError:
            raise ConfigError(f"{where}, line {number}: expected `minute,count`, got {','.join(row)!r}") from None
        if not (0 <= minute < LONGEST_RECORD and count >= 0):
            raise ConfigError(f"{where}, line {number}: minutes go from 0 to {LONGEST_RECORD - 1}, counts from 0")
        counts[minute] = counts.get(minute, 0) + count
    if not counts:
        raise ConfigError(f"{where}: there is no line of `minute,count`")
    return Load("recorded", tuple(counts.get(minute, 0) for minute in range(max(counts) + 1)), recorded=True)


def _minute(hour: float, minutes: int) -> int:
    check_number("at", hour, 0, (minutes - 1) / 60)
    return int(hour * 60)


def _recorded(jobs: int, chance: Random) -> list[int]:
    each, rest = divmod(jobs, 60)
    found = [each] * 60
    for second in chance.sample(range(60), rest):
        found[second] += 1
    return found


def _poisson(mean: float, chance: Random) -> int:
    """A number of independent events (Knuth; for large means the normal distribution is near enough)."""
    if mean <= 0:
        return 0
    if mean > 30:
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return count
