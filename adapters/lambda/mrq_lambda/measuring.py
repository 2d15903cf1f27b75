"""How long jobs of a task run, by the statistics."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from mrq.domain.stats import Resolution
from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from mrq.app import App

log = logging.getLogger("mrq.lambda")

WINDOW = timedelta(hours=24)
FEWEST = 100
"""Runs: of fewer, a p99 is the longest of them, which says little about the next one."""
FRESH = 900.0  # seconds that a sandbox believes what it has read
FORGET = 10_000  # tasks


class Measured:
    """The p99 of tasks, each read once for a while."""

    def __init__(self) -> None:
        self._app: App | None = None
        self._found: dict[str, tuple[float | None, float]] = {}

    def p99(self, app: App, path: str) -> float | None:
        """Seconds below which 99 of 100 runs of a task stayed lately; None: there were too few of them, or it can't be
        found out now. Never raises for a database that is away."""
        now = app.clock.monotonic()
        if app is not self._app or len(self._found) >= FORGET:
            self._app, self._found = app, {}
        found = self._found.get(path)
        if found is None or now - found[1] > FRESH:
            found = self._found[path] = self._read(app, path), now
        return found[0]

    def _read(self, app: App, path: str) -> float | None:
        if app.stats is None:
            return None
        end = app.clock.now() + Resolution.MINUTE.length
        try:
            runs = app.stats_reader.run_times(path, end - WINDOW, end, Resolution.HOUR)
        except StoreUnavailableError as error:
            log.debug("how long %s takes is not known: %s", path, error)
            return None
        return None if runs is None or runs.count < FEWEST else runs.p99


_measured = Measured()


def measured_by(app: App, path: str) -> float | None:
    """See Measured.p99. What was read is kept as long as the sandbox lives."""
    return _measured.p99(app, path)
