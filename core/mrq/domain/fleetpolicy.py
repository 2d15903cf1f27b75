"""What a worker group says about its fleet: limits, target, patience, and which bursts it may start."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from mrq.domain.plain import check_keys, check_number, from_plain
from mrq.exceptions import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_BURST = 900
"""Seconds after which Lambda ends an invocation."""

MOST = 10_000
"""Workers or bursts of one group."""


class TargetKind(StrEnum):
    """What a fleet is sized by."""

    BACKLOG_PER_WORKER = "backlog_per_worker"  # jobs that may wait for each worker
    SECONDS_UNTIL_EMPTY = "seconds_until_empty"  # what waits now is to have started within so many seconds
    OLDEST_WAIT = "oldest_wait"  # no job is to wait for longer than so many seconds


@dataclass(frozen=True, slots=True)
class Target:
    """What a fleet is sized by, and the value that is aimed at: jobs, or seconds."""

    kind: TargetKind
    value: float

    @classmethod
    def from_dict(cls, given: Any) -> Target:
        """Read `{"oldest_wait": 60}`.

        Raises:
            ConfigError: not exactly one of the three, or its value is no number above 0.
        """
        kinds = [kind.value for kind in TargetKind]
        check_keys(given, kinds, "target")
        if len(given) != 1:
            raise ConfigError(f"target: expected one of {', '.join(kinds)}, got {len(given)}")
        (name, value), *_ = given.items()
        return cls(TargetKind(name), value)

    def __post_init__(self) -> None:
        """Refuse what can't be aimed at."""
        check_number(f"target {self.kind.value}", self.value, 0.001)

    def as_dict(self) -> dict[str, float]:
        """What `from_dict` reads."""
        return {self.kind.value: self.value}


@dataclass(frozen=True, slots=True)
class FleetPolicy:
    """The limits of a group, chosen by its owner. All times are in seconds.

    `min_workers`, `max_workers`: containers, always within these. `target`: see TargetKind.
    `jobs_per_worker`, `jobs_per_burst`: jobs that one container, or one burst, runs at a time (its greenlets).
    `utilisation`: how busy the slots are to be with a steady load, from 0 to 1; the rest absorbs fluctuations.
    `scale_in_patience`: the fleet gets smaller only when the larger one was not needed for so long.
    `start_up`: from asking for a container until it takes jobs.
    `max_bursts`: bursts at the same time; 0: none. `longest_burst_job`: the longest job that a burst takes.
    `light_load`: with `min_workers` 0 and bursts allowed, no container is kept while jobs run for less than this part
    of the time. About the price of a container's second by that of a burst's (`mrq cost` shows it) is cheapest.
    `stall_after`: when nothing ended for so long (or for twice the p99 of the run time, if that is longer), although
    jobs wait and consumers run, the queue counts as dead: one consumer is kept to find out when it lives again.

    Raises:
        ConfigError: a field has a wrong value; the message names it.
    """

    target: Target
    min_workers: int = 0
    max_workers: int = 10
    jobs_per_worker: int = 10
    utilisation: float = 0.8
    scale_in_patience: float = 300
    start_up: float = 60
    max_bursts: int = 0
    jobs_per_burst: int = 10
    longest_burst_job: float = 300
    light_load: float = 0.25
    stall_after: float = 600

    def __post_init__(self) -> None:
        """Refuse wrong values."""
        if not isinstance(self.target, Target):
            raise ConfigError(f"target has to be a Target, not {self.target!r}")
        check_number("min_workers", self.min_workers, 0, MOST, whole=True)
        check_number("max_workers", self.max_workers, 0, MOST, whole=True)
        check_number("jobs_per_worker", self.jobs_per_worker, 1, MOST, whole=True)
        check_number("utilisation", self.utilisation, 0.05, 1)
        check_number("scale_in_patience", self.scale_in_patience, 0)
        check_number("start_up", self.start_up, 0)
        check_number("max_bursts", self.max_bursts, 0, MOST, whole=True)
        check_number("jobs_per_burst", self.jobs_per_burst, 1, MOST, whole=True)
        check_number("longest_burst_job", self.longest_burst_job, 0, LONGEST_BURST)
        check_number("light_load", self.light_load, 0, 1)
        check_number("stall_after", self.stall_after, 1)
        if self.max_workers < self.min_workers:
            raise ConfigError(f"max_workers is {self.max_workers}, less than min_workers, which is {self.min_workers}")
        if not self.max_workers and not self.max_bursts:
            raise ConfigError("max_workers and max_bursts are both 0: nothing would ever run a job")

    @classmethod
    def from_dict(cls, given: Mapping[str, Any], where: str = "policy") -> FleetPolicy:
        """Read what `as_dict` gives. Keys that are left out have their defaults, except `target`.

        Raises:
            ConfigError: an unknown key (with a suggestion) or a wrong value; begins with `where`.
        """
        if isinstance(given, dict) and "target" in given:
            try:
                given = {**given, "target": Target.from_dict(given["target"])}
            except ConfigError as error:
                raise ConfigError(f"{where}: {error}") from None
        return from_plain(cls, given, where)

    def as_dict(self) -> dict[str, Any]:
        """Numbers and one dict, as MongoDB and JSON store them."""
        return {**asdict(self), "target": self.target.as_dict()}
