"""What a worker has counted since its start, as Prometheus reads it and as CloudWatch does."""

from __future__ import annotations

import calendar
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from mrq.domain.status import Status

MOST_SERIES = 1_000  # pairs of queue and task; the others are counted together
OTHERS = ("(others)", "(others)")

Key = tuple[str, str]  # queue and task


@dataclass(slots=True)
class Series:
    """The runs of a queue and a task."""

    ended: dict[Status, int] = field(default_factory=dict)
    runs: int = 0  # of which the time is known
    seconds: float = 0.0


@dataclass(slots=True)
class Totals:
    """Since the worker started. Bounded, whatever the number of queues and tasks."""

    series: dict[Key, Series] = field(default_factory=dict)

    def ended(self, queue: str, path: str, status: Status, seconds: float | None) -> None:
        """A run has ended."""
        key = (queue, path)
        found = self.series.get(key)
        if found is None:
            if len(self.series) >= MOST_SERIES:
                key = OTHERS
            found = self.series.setdefault(key, Series())
        found.ended[status] = found.ended.get(status, 0) + 1
        if seconds is not None:
            found.runs += 1
            found.seconds += seconds

    def copy(self) -> Totals:
        """As it is now."""
        return Totals({key: Series(dict(each.ended), each.runs, each.seconds) for key, each in self.series.items()})

    def since(self, before: Totals) -> Totals:
        """What came since then."""
        found: dict[Key, Series] = {}
        for key, each in self.series.items():
            old = before.series.get(key, Series())
            ended = {status: more for status, count in each.ended.items() if (more := count - old.ended.get(status, 0))}
            if ended:
                found[key] = Series(ended, each.runs - old.runs, each.seconds - old.seconds)
        return Totals(found)


def prometheus(totals: Totals, gauges: Mapping[str, tuple[str, float]], failed_exports: int = 0) -> str:
    """Prometheus' text format. `gauges`: help and value, by name."""
    lines = ["# HELP mrq_runs_total Runs of jobs that have ended.", "# TYPE mrq_runs_total counter"]
    for (queue, path), series in sorted(totals.series.items()):
        where = _labels(queue=queue, task=path)
        lines += [
            f"mrq_runs_total{{{where},{_labels(status=status.value)}}} {count}"
            for status, count in sorted(series.ended.items())
        ]
    lines += ["# HELP mrq_run_seconds How long they ran.", "# TYPE mrq_run_seconds summary"]
    for (queue, path), series in sorted(totals.series.items()):
        where = _labels(queue=queue, task=path)
        lines += [
            f"mrq_run_seconds_sum{{{where}}} {series.seconds!r}",
            f"mrq_run_seconds_count{{{where}}} {series.runs}",
        ]
    for name, (text, value) in gauges.items():
        lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge", f"{name} {value!r}"]
    lines += [
        "# HELP mrq_failed_exports_total Metrics, traces, reports, profiles and looks at memory that failed.",
        "# TYPE mrq_failed_exports_total counter",
        f"mrq_failed_exports_total {failed_exports}",
    ]
    return "\n".join(lines) + "\n"


def _labels(**labels: str) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def emf_lines(totals: Totals, gauges: Mapping[str, float], at: datetime, worker: str) -> Iterable[str]:
    """CloudWatch's Embedded Metric Format, one JSON object a line: the runs of each queue and task of one period, and
    the gauges. `at`: naive, UTC."""
    stamp = calendar.timegm(at.timetuple()) * 1000 + at.microsecond // 1000
    for (queue, path), series in sorted(totals.series.items()):
        counts = {f"Runs.{status.value}": count for status, count in sorted(series.ended.items())}
        values: dict[str, float] = {**counts, "Runs": series.runs, "RunSeconds": series.seconds}
        yield _emf(stamp, values, {"Queue": queue, "Task": path}, worker)
    yield _emf(stamp, dict(gauges), {}, worker)


def _unit(name: str) -> str:
    """CloudWatch's word for what a metric counts."""
    return "Seconds" if name.endswith("Seconds") else "Bytes" if "Bytes" in name else "Count"


def _emf(stamp: int, values: Mapping[str, float], dimensions: Mapping[str, str], worker: str) -> str:
    metrics: list[dict[str, Any]] = [{"Name": name, "Unit": _unit(name)} for name in values]
    about = {"Namespace": "MRQ", "Dimensions": [list(dimensions)], "Metrics": metrics}
    return json.dumps({
        "_aws": {"Timestamp": stamp, "CloudWatchMetrics": [about]}, **dimensions, **values, "Worker": worker,
    })  # fmt: skip
