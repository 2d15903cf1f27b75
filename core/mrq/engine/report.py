"""What a worker says of itself, in MRQ 0.9's fields."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mrq.domain.worker import WorkerStatus
from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from mrq.engine.options import WorkerOptions
    from mrq.engine.state import WorkerState
    from mrq.ports.clock import Clock
    from mrq.ports.jobs import JobStore
    from mrq.ports.runtime import Event
    from mrq.ports.workers import WorkerStore

log = logging.getLogger("mrq.worker")


@dataclass(slots=True)
class Reporter:
    """Writes the report and the progress of running jobs, every `report_interval` seconds."""

    jobs: JobStore
    workers: WorkerStore
    state: WorkerState
    clock: Clock
    options: WorkerOptions

    def loop(self, stopped: Event) -> None:
        """Report until told to stop."""
        interval = self.options.report_interval or None  # 0: never
        while True:
            if interval:
                try:
                    self.write()
                except StoreUnavailableError as error:
                    log.debug("no report could be written: %s", error)
            if stopped.wait(interval):
                return

    def write(self) -> None:
        """Write one report."""
        self.workers.report(self.state.worker, self.report(self.state.status))
        for run in self.state.active():
            ratio, run.progress = run.progress, None
            if ratio is not None and (run.job.raw is None or run.job.raw.stored):
                self.jobs.set_progress(run.job.id, run.job.token, ratio)

    def report(self, status: WorkerStatus) -> dict[str, Any]:
        """The report as it is stored."""
        active = [] if status is WorkerStatus.STOP else self.state.active()
        return {
            "status": status.value,
            "name": self.options.name,
            "config": dict(self.options.report_config),
            "done_jobs": self.state.done_jobs,
            "usage_avg": len(active) / self.options.greenlets,
            "jobs": [
                {
                    "id": str(run.job.id),
                    "path": run.job.path,
                    "datestarted": run.job.datestarted,
                    "stack": run.where().splitlines(),
                }
                for run in active[:100]  # bounded: a report must stay small whatever the number of greenlets
            ],
        }
