"""Metrics of worker groups for CloudWatch: lines in the embedded metric format, which cost no call."""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from typing import TYPE_CHECKING

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from mrq.domain.stats import Resolution
from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from mrq.app import App
    from mrq.ports.fleets import FleetRecord

log = logging.getLogger("mrq.lambda")

NAMESPACE = "MRQ"
"""Unless POWERTOOLS_METRICS_NAMESPACE says another one."""

DELAY = timedelta(minutes=2)
"""Until workers have written the figures of a minute."""


def emit(group: str, record: FleetRecord) -> None:
    """What was found of a group, and what is wanted."""
    figures, fleet, decision = record.figures, record.fleet, record.decision
    workers = fleet.running + fleet.bursts
    metrics = _metrics(group)
    metrics.add_metric("Backlog", MetricUnit.Count, figures.waiting)
    metrics.add_metric("OldestWait", MetricUnit.Seconds, figures.oldest_wait or 0.0)
    metrics.add_metric("BacklogPerWorker", MetricUnit.Count, figures.waiting / max(1, workers))
    metrics.add_metric("RunningContainers", MetricUnit.Count, fleet.running)
    metrics.add_metric("RunningBursts", MetricUnit.Count, fleet.bursts)
    metrics.add_metric("WantedContainers", MetricUnit.Count, decision.containers)
    metrics.flush_metrics()


def emit_started(group: str, bursts: int) -> None:
    """So many bursts were started, which is less than was wanted when an invocation failed."""
    metrics = _metrics(group)
    metrics.add_metric("StartedBursts", MetricUnit.Count, bursts)
    metrics.flush_metrics()


def emit_failure(group: str) -> None:
    """A group could not be sized, or what was decided not carried out."""
    metrics = _metrics(group)
    metrics.add_metric("DispatchFailures", MetricUnit.Count, 1)
    metrics.flush_metrics()


def emit_failed_runs(app: App) -> None:
    """How many runs failed in the last minute whose figures are complete, in containers and bursts. A round a minute
    tells of each minute once."""
    end = Resolution.MINUTE.start_of(app.clock.now() - DELAY)
    try:
        figures = app.stats_reader.figures(end - Resolution.MINUTE.length, end, Resolution.MINUTE)
    except StoreUnavailableError as error:
        log.warning("failed runs can't be counted: %s", error)
        return
    metrics = _metrics()
    metrics.add_metric("FailedRuns", MetricUnit.Count, sum(each.failed for each in figures))
    metrics.flush_metrics()


def _metrics(group: str | None = None) -> EphemeralMetrics:
    metrics = EphemeralMetrics(namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE") or NAMESPACE)
    metrics.service = ""  # POWERTOOLS_SERVICE_NAME would add a dimension, and alarms would see nothing
    if group is not None:
        metrics.add_dimension("WorkerGroup", group)
    return metrics
