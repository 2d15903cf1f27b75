"""Metrics of worker groups for CloudWatch: lines in the embedded metric format, which cost no call."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

if TYPE_CHECKING:
    from mrq.ports.fleets import FleetRecord

NAMESPACE = "MRQ"
"""Unless POWERTOOLS_METRICS_NAMESPACE says another one."""


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
    metrics.add_metric("StartedBursts", MetricUnit.Count, decision.bursts)
    metrics.flush_metrics()


def emit_failure(group: str) -> None:
    """A group could not be sized, or what was decided not carried out."""
    metrics = _metrics(group)
    metrics.add_metric("DispatchFailures", MetricUnit.Count, 1)
    metrics.flush_metrics()


def _metrics(group: str) -> EphemeralMetrics:
    metrics = EphemeralMetrics(namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE") or NAMESPACE)
    metrics.add_dimension("WorkerGroup", group)
    return metrics
