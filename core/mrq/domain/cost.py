"""What a million jobs cost, in bursts and in containers, and from when on containers are cheaper."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from mrq.domain.plain import check_number

if TYPE_CHECKING:
    from mrq.domain.prices import Architecture, Prices

MILLION = 1_000_000
LAMBDA_GB_A_VCPU = 1.769
"""Memory with which Lambda gives one processor; it gives shares in proportion."""

NEAR = 0.85
"""A container counts as equal to a burst with at least this part of its processor share."""


class Size(NamedTuple):
    """Of a Fargate task."""

    vcpu: float
    memory_gb: float


SIZES = {0.25: (0.5, 2), 0.5: (1, 4), 1.0: (2, 8), 2.0: (4, 16), 4.0: (8, 30), 8.0: (16, 60)}
"""vCPUs that Fargate offers: the least and the most memory with them, in GB."""


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars for a million jobs of one length. `busy` and `half_busy`: in containers whose slots are all taken
    all of the time, or half of them. `break_even`: the part of the containers' slots above which they are cheaper
    than bursts; above 1: never.
    """

    job_seconds: float
    memory_gb: float
    size: Size
    bursts: float
    busy: float
    half_busy: float
    break_even: float


def container_like(memory_gb: float) -> Size:
    """The smallest Fargate task with the memory, and about the processor, of a burst with so much memory.

    Raises:
        ConfigError: Lambda doesn't offer so much.
    """
    check_number("memory", memory_gb, 0.125, 10)
    share = memory_gb / LAMBDA_GB_A_VCPU * NEAR
    for vcpu, (least, most) in SIZES.items():
        if vcpu >= share and memory_gb <= most:
            return Size(vcpu, max(least, ceil(memory_gb)) if memory_gb > 0.5 else least)
    raise AssertionError("the largest size has more than Lambda offers")


def cost(
    prices: Prices,
    architecture: Architecture,
    job_seconds: float,
    memory_gb: float,
    *,
    at_once: int = 10,
    burst_seconds: float = 60.0,
    burst_start: float = 0.5,
    spot: bool = False,
) -> Cost:
    """What a million jobs cost.

    Args:
        at_once: jobs that run at the same time in a burst, and in a container.
        burst_seconds: how long a burst works before the queue is empty; `burst_start` seconds are paid in addition.

    Raises:
        ConfigError: a value can't be.
    """
    check_number("job_seconds", job_seconds, 0.001, 86_400)
    check_number("at_once", at_once, 1, whole=True)
    check_number("burst_seconds", burst_seconds, 1, 900)
    check_number("burst_start", burst_start, 0, 60)
    seconds = MILLION * job_seconds / at_once
    size = container_like(memory_gb)
    of_burst = prices.burst_second(memory_gb, architecture)
    bursts = seconds * of_burst * (1 + burst_start / burst_seconds) + seconds / burst_seconds * prices.lambda_request
    busy = seconds * prices.container_second(size.vcpu, size.memory_gb, architecture, spot=spot)
    return Cost(job_seconds, memory_gb, size, bursts, busy, busy * 2, busy / bursts if bursts else 1.0)
