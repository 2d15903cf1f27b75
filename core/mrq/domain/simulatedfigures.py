"""What is measured of a simulated queue: over the times over which real ones are, see mrq.engine.stats_reading."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mrq.domain.queuefigures import ENOUGH_RUNS, LONGEST_WINDOW, WINDOW, window_for
from mrq.domain.simulatedjobs import times_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mrq.domain.queuefigures import RunTimes

MINUTE = 60


@dataclass(frozen=True, slots=True)
class Measured:
    """Rates a second, and how long jobs ran."""

    arrivals_per_s: float
    completions_per_s: float
    run_time: RunTimes | None


class Meter:
    """Counts second by second."""

    def __init__(self) -> None:
        self._came, self._ended = [0], [0]  # until the end of each second, all together
        self._runs = deque([Counter[float]()], maxlen=int(LONGEST_WINDOW) // MINUTE)  # by length, minute by minute

    def count(self, second: int, came: int, ended: Counter[float]) -> None:
        """So many jobs came in within a second, and these ended, by length."""
        self._came.append(self._came[-1] + came)
        self._ended.append(self._ended[-1] + ended.total())
        if second % MINUTE == 0 and second:
            self._runs.append(Counter())
        self._runs[-1].update(ended)

    def read(self) -> Measured:
        """The figures now."""
        recent = _summed(list(self._runs)[-int(WINDOW) // MINUTE :])
        run_time = times_of(recent if recent.total() >= ENOUGH_RUNS else _summed(self._runs))
        seconds = min(int(window_for(None if run_time is None else run_time.mean)), len(self._came) - 1)
        rates = [(sums[-1] - sums[-1 - seconds]) / max(seconds, 1) for sums in (self._came, self._ended)]
        return Measured(rates[0], rates[1], run_time)


def _summed(minutes: Iterable[Counter[float]]) -> Counter[float]:
    found: Counter[float] = Counter()
    for minute in minutes:
        found.update(minute)
    return found
