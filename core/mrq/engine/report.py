"""What a worker says of itself, in MRQ 0.9's fields."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mrq.domain.worker import WorkerStatus
from mrq.engine.iotrace import waits_of
from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from datetime import datetime

    from mrq.engine.collector import Collector
    from mrq.engine.fittings import Fittings
    from mrq.engine.options import WorkerOptions
    from mrq.engine.run import Run
    from mrq.engine.sizes import SizePublisher
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
    fittings: Fittings
    sizes: SizePublisher
    collector: Collector
    started: datetime | None = None

    def loop(self, stopped: Event) -> None:
        """Report until told to stop."""
        interval = self.options.report_interval or None  # 0: never
        while True:
            if interval:
                try:
                    self.write()
                except StoreUnavailableError as error:
                    log.debug("no report could be written: %s", error)
                self.collector.flush(self.state.worker)
                self.sizes.round()
            if stopped.wait(interval):
                return

    def write(self) -> None:
        """Write one report."""
        report = self.report(self.state.status, measured=True)
        if self.fittings.reported is not None:
            self.fittings.reported({"_id": str(self.state.worker), **report, "datereported": self.clock.now()})
        self.collector.sampled(report["process"], len(self.state.running()), self.state.greenlets)
        self.workers.report(self.state.worker, report)
        for run in self.state.active():
            ratio, run.progress = run.progress, None
            if ratio is not None and (run.job.raw is None or run.job.raw.stored):
                self.jobs.set_progress(run.job.id, run.job.token, ratio)

    def last(self) -> dict[str, Any]:
        """The report of a worker that ends, once what it has counted since its last one is written."""
        if not self.collector.flush(self.state.worker):
            log.warning("what this worker counted since its last report could not be written")
        return self.report(WorkerStatus.STOP, measured=True)

    def report(self, status: WorkerStatus, *, measured: bool = False) -> dict[str, Any]:
        """The report as it is stored. `measured`: with the memory and the CPU time of the process."""
        active = [] if status is WorkerStatus.STOP else self.state.running()
        io = {} if self.fittings.io is None else {"io": self.fittings.io.report()}
        return {
            **io,
            "status": status.value,
            "name": self.options.name,
            "datestarted": self.started,
            "process": dict(self.fittings.process(measured)) if self.fittings.process else {"pid": os.getpid()},
            "config": {**self.options.report_config, "greenlets": self.state.greenlets},  # it may have been resized
            "done_jobs": self.state.done_jobs,
            "usage_avg": len(active) / self.state.greenlets,
            "quiet": self.state.quiet,
            "jobs": [_described(run) for run in active[:MOST_JOBS]],
        }


MOST_JOBS = 100  # a report must stay small whatever the number of greenlets


def _described(run: Run) -> dict[str, Any]:
    """A running job. Its times are those up to the last switch; 0 when they are not traced."""
    usage = None if run.trace is None else run.trace.usage()
    waits = waits_of(run)
    return {
        **({} if waits is None else {"io": waits}),
        "id": str(run.job.id),
        "path": run.job.path,
        "datestarted": run.job.datestarted,
        "stack": run.where().splitlines(),
        "time": usage.time if usage else 0,
        "switches": usage.switches if usage else 0,
    }
