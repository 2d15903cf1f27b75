"""What a size costs in a month, at a load: `mrq cost` for the work, and list prices (`prices.json`) for all around it.

Needs neither Node nor the CDK, so the documentation computes its table with it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mrq.domain.cost import MILLION, Size, cost
from mrq.domain.cost import SIZES as FARGATE
from mrq.domain.prices import Architecture, Prices
from mrq_cdk.sizes import SIZES

HOURS = 730  # of a month
MINUTES = HOURS * 60
DAYS = 30

PRICES: dict[str, Any] = json.loads(Path(__file__).with_name("prices.json").read_text(encoding="utf-8"))

JOB_SECONDS = 1.0
AT_ONCE = 10
BURST_GB = 1.0
LOADS = (10_000, 1_000_000, 10_000_000)
"""Jobs a day."""

# What a job is taken to cost beside its run time: writes of its life, its document for a day, a line of log.
IO_A_JOB = 10
ECPU_A_JOB = 10
KB_A_JOB = 2
LOG_BYTES_A_JOB = 200

IDLE_ECPU = 50  # a second: looks and beats of those that wait
LEAST_CACHE_GB = 0.1
TICK_GB, TICK_SECONDS = 0.5, 0.5  # of the two functions that run each minute
METRICS_A_GROUP, METRICS = 8, 1
ALARMS_A_GROUP, ALARMS = 5, 9


@dataclass(frozen=True, slots=True)
class Month:
    """US dollars a month. `around`: by what it is for; `work`: of running the jobs, and `how`."""

    size: str
    jobs_a_day: int
    around: dict[str, float]
    work: float
    how: str

    @property
    def total(self) -> float:
        """All of it."""
        return sum(self.around.values()) + self.work


def month(size: str, jobs_a_day: int, prices: dict[str, Any] | None = None, run: Prices | None = None) -> Month:
    """A month of a size that runs so many jobs a day, spread evenly. Jobs of a second, ten at a time."""
    prices, run = prices or PRICES, run or Prices()
    about, jobs = SIZES[size], jobs_a_day * DAYS
    network, data = about["network"], about["data"]
    nat = network["nat_gateways"]
    endpoints = 0 if nat else 2  # of Lambda and Secrets Manager, in one zone
    groups = len(about["groups"])
    log_gb = jobs * LOG_BYTES_A_JOB / 1e9 + 1
    around = {
        "DocumentDB": data["instances"] * prices["documentdb_hour"][data["instance"]] * HOURS
        + jobs * IO_A_JOB / MILLION * prices["documentdb_million_io"]
        + (1 + jobs_a_day * KB_A_JOB / 1e6) * prices["documentdb_gb_month"],
        "cache": LEAST_CACHE_GB * prices["cache_gb_hour"] * HOURS
        + (jobs * ECPU_A_JOB + IDLE_ECPU * HOURS * 3600) / MILLION * prices["cache_million_ecpu"],
        "network": nat * prices["nat_hour"] * HOURS + endpoints * prices["endpoint_hour"] * HOURS,
        "ticks, secrets": _ticks(prices, run) + 4 * prices["secret_month"],
        "logs, alarms": log_gb * prices["log_gb"]
        + (METRICS_A_GROUP * groups + METRICS) * prices["metric_month"]
        + (ALARMS_A_GROUP * groups + ALARMS) * prices["alarm_month"]
        + prices["dashboard_month"],
    }
    work, how = _work(about["groups"][0], jobs, run)
    return Month(size, jobs_a_day, around, work, how)


def _ticks(prices: dict[str, Any], run: Prices) -> float:
    a_call: float = TICK_SECONDS * run.burst_second(TICK_GB, Architecture.ARM) + run.lambda_request
    a_schedule: float = prices["scheduler_million"] / MILLION
    return 2 * MINUTES * (a_call + a_schedule)


def _work(group: dict[str, Any], jobs: float, run: Prices) -> tuple[float, str]:
    """In bursts, or in containers that are half busy, as the dispatcher keeps them: what is cheaper."""
    bursts = cost(run, Architecture.ARM, JOB_SECONDS, BURST_GB, at_once=AT_ONCE).bursts * jobs / MILLION
    workers = group.get("workers")
    if workers is None:
        return bursts, "bursts"
    slots = jobs * JOB_SECONDS / (DAYS * 24 * 3600)  # busy, on average (Little's law)
    count = max(1.0, workers["least"], slots / workers["greenlets"] * 2)
    one = _container(workers, run) * HOURS * 3600
    if workers["least"] * one + bursts < count * one:
        return workers["least"] * one + bursts, "bursts"
    return count * one, f"{count:,.1f} containers"


def _container(workers: dict[str, Any], run: Prices) -> float:
    size = Size(workers["cpu"] / 1024, workers["memory_mb"] / 1024)
    if size.vcpu not in FARGATE:
        raise ValueError(f"Fargate has no {size.vcpu:g} vCPUs")
    spot, plain = (run.container_second(*size, Architecture.ARM, spot=each) for each in (True, False))
    share: float = workers["spot_share"]
    return share * spot + (1 - share) * plain


def table() -> str:
    """The three sizes at the three loads, in Markdown."""
    months = [month(size, load) for size in SIZES for load in LOADS]
    heads = ["Size", "Jobs a day", *months[0].around, "running the jobs", "in", "a month"]
    lines = [f"| {' | '.join(heads)} |", "|---|---:|" + "---:|" * len(months[0].around) + "---:|---|---:|"]
    for each in months:
        cells = [each.size, f"{each.jobs_a_day:,}", *(f"{part:,.0f}" for part in each.around.values()),
                 f"{each.work:,.0f}", each.how, f"**{each.total:,.0f}**"]  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    run = Prices()
    lines += ["", f"US$. List prices of {PRICES['region']}, {PRICES['date']}; of Lambda and Fargate (ARM) {run.date}."]
    return "\n".join(lines)


if __name__ == "__main__":
    import sys

    sys.stdout.write(table() + "\n")
