"""Metrics of one worker: Prometheus' text for whoever asks, CloudWatch's lines on stdout. An export that fails is
counted and reported; the worker works on."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, TextIO

from mrq.domain.exposition import Totals, emf_lines, prometheus
from mrq.engine.stdout import write_now
from mrq_container.process import memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.engine.loop import Worker as Engine
    from mrq.ports.clock import Clock

log = logging.getLogger("mrq.metrics")

COMPLAIN_EVERY = 100  # failures


class Exporter:
    """Of one worker; `totals` is what its engine counts in."""

    def __init__(self, clock: Clock, out: TextIO | None = None, others: Callable[[], int] = int) -> None:
        """`out`: where CloudWatch's lines go; stdout if nothing else is said. `others`: failures of other exports."""
        self.totals = Totals()
        self._failed = 0
        self._others = others
        self._clock = clock
        self._out = out
        self._before = Totals()
        self._told = 0  # of the failures

    @property
    def failed(self) -> int:
        """What could not be exported."""
        return self._failed + self._others()

    def prometheus(self, engine: Engine) -> str:
        """What `/metrics` answers."""
        state = engine.state
        gauges = {
            "mrq_worker_running_jobs": ("Jobs that run.", float(len(state.running()))),
            "mrq_worker_greenlets": ("Jobs that may run at the same time.", float(state.greenlets)),
            "mrq_worker_quiet": ("1: it was told to take no jobs.", float(state.quiet)),
            "mrq_process_memory_bytes": ("Memory of the process.", float(memory()["total"])),
        }
        return prometheus(self.totals, gauges, self.failed)

    def write_emf(self, engine: Engine) -> None:
        """Write what came since the last time. Raises nothing."""
        try:
            now, failed = self.totals.copy(), self.failed
            gauges = {
                "RunningJobs": float(len(engine.state.running())),
                "Greenlets": float(engine.state.greenlets),
                "MemoryBytes": float(memory()["total"]),
                "FailedExports": float(failed - self._told),
            }
            lines = emf_lines(now.since(self._before), gauges, self._clock.now(), str(engine.state.worker))
            text = "".join(f"{line}\n" for line in lines)
            # Counted as told before they are: what can't be written is missing, which is better than twice.
            self._before, self._told = now, failed
            write_now(text, self._out or sys.stdout)
        except Exception as error:  # noqa: BLE001 - a full disk, a closed pipe: the next report tries again
            if self._failed % COMPLAIN_EVERY == 0:
                log.warning("metrics can't be written (%d times so far): %s", self._failed + 1, error)
            self._failed += 1
