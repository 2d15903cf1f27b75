"""A worker group: queues, and what drains them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mrq.domain.agents import group_of
from mrq.domain.plain import check_number
from mrq.domain.prices import Architecture
from mrq.exceptions import ConfigError
from mrq_cdk.checks import check_choice, check_flag, check_name, check_texts

if TYPE_CHECKING:
    from collections.abc import Mapping

MEMORY = {256: (512, 2048), 512: (1024, 4096), 1024: (2048, 8192), 2048: (4096, 16384), 4096: (8192, 30720),
          8192: (16384, 61440)}  # fmt: skip
"""Units of processor that Fargate has, and the least and most memory in MB with them."""


@dataclass(frozen=True, slots=True)
class WorkersProps:
    """Containers of a group.

    Args:
        cpu: units of processor, 1024 of which are one.
        memory_mb: memory.
        greenlets: jobs at once in a container.
        most: containers at most.
        least: containers at all times.
        spot_share: part of the containers that run on Spot, from 0 to 1: cheaper, and ended with two minutes' notice.
        architecture: arm, which is cheaper, or x86.
        autoscaling: False: the dispatcher sizes the service. True: Application Auto Scaling does, by the backlog of a
            worker, which the dispatcher measures.
        backlog_per_worker: that it aims at.
        arguments: more flags of mrq-worker.
        log_days: how long logs are kept.
    """

    cpu: int = 512
    memory_mb: int = 1024
    greenlets: int = 10
    most: int = 10
    least: int = 0
    spot_share: float = 0.0
    architecture: Architecture = Architecture.ARM
    autoscaling: bool = False
    backlog_per_worker: int = 10
    arguments: tuple[str, ...] = ()
    log_days: int = 30

    def __post_init__(self) -> None:
        """Raises ConfigError."""
        check_choice("cpu", self.cpu, MEMORY)
        least, most = MEMORY[self.cpu]
        check_number("memory_mb", self.memory_mb, least, most, whole=True)
        check_number("greenlets", self.greenlets, 1, 10_000, whole=True)
        check_number("most", self.most, 1, 5000, whole=True)
        check_number("least", self.least, 0, self.most, whole=True)
        check_number("spot_share", self.spot_share, 0, 1)
        check_choice("architecture", self.architecture, list(Architecture))
        check_flag("autoscaling", self.autoscaling)
        check_number("backlog_per_worker", self.backlog_per_worker, 1, 1_000_000, whole=True)
        check_texts("arguments", self.arguments)


@dataclass(frozen=True, slots=True)
class BurstProps:
    """Bursts of a group.

    Args:
        memory_mb: processor power grows with it.
        timeout: seconds that a burst lasts at most.
        most: bursts at once; kept by the dispatcher, and by Lambda as the function's reserved concurrency.
        concurrency: jobs at once in a burst.
        reserved: whether the concurrency is reserved. It is taken from what the account has, of which 100 have to stay
            unreserved; new accounts have less than that.
        architecture: arm, which is cheaper, or x86.
    """

    memory_mb: int = 1024
    timeout: int = 300
    most: int = 10
    concurrency: int = 10
    reserved: bool = True
    architecture: Architecture = Architecture.ARM

    def __post_init__(self) -> None:
        """Raises ConfigError."""
        check_number("memory_mb", self.memory_mb, 256, 10_240, whole=True)
        check_number("timeout", self.timeout, 30, 900, whole=True)
        check_number("most", self.most, 1, 10_000, whole=True)
        check_number("concurrency", self.concurrency, 1, 1000, whole=True)
        check_flag("reserved", self.reserved)
        check_choice("architecture", self.architecture, list(Architecture))


@dataclass(frozen=True, slots=True)
class GroupProps:
    """A worker group.

    Args:
        name: of the group.
        queues: whose jobs it runs, in order.
        target: by what it is sized, such as `{"oldest_wait": 60}`.
        workers: containers; None: bursts only.
        burst: bursts; None: containers only.
        sizing: more keys of its policy (docs/sizing.md), such as `scale_in_patience`.
    """

    name: str
    queues: tuple[str, ...]
    target: Mapping[str, float] = field(default_factory=lambda: {"oldest_wait": 60})
    workers: WorkersProps | None = None
    burst: BurstProps | None = None
    sizing: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises ConfigError."""
        check_name("name", self.name)
        check_texts("queues", self.queues)
        if self.workers is None and self.burst is None:
            raise ConfigError(f"group {self.name!r} has neither workers nor burst, so nobody would run its jobs")
        group_of({"_id": self.name, **self.document("cluster", "service", "function")})

    @property
    def containers(self) -> WorkersProps:
        """Its containers. Raises ConfigError where there are none."""
        if self.workers is None:
            raise ConfigError(f"workers: group {self.name!r} has none")
        return self.workers

    @property
    def bursts(self) -> BurstProps:
        """Its bursts. Raises ConfigError where there are none."""
        if self.burst is None:
            raise ConfigError(f"burst: group {self.name!r} has none")
        return self.burst

    def document(self, cluster: str, service: str, function: str) -> dict[str, Any]:
        """The group as the dispatcher keeps it. The arguments: names of what carries it."""
        sizing: dict[str, Any] = {"queues": list(self.queues), "target": dict(self.target), **self.sizing}
        document: dict[str, Any] = {}
        if self.workers is not None:
            sizing |= {"jobs_per_worker": self.workers.greenlets, "max_workers": self.workers.most,
                       "min_workers": self.workers.least}  # fmt: skip
            document["ecs"] = {"cluster": cluster, "service": service}
            if self.workers.autoscaling:
                document["ecs"]["only_watched"] = True
        if self.burst is not None:
            sizing |= {"jobs_per_burst": self.burst.concurrency, "max_bursts": self.burst.most}
            document["burst"] = {"function": function, "event": {}}
        return {"sizing": sizing, **document}
