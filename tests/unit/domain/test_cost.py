"""What a million jobs cost: computed by hand beside it."""

from __future__ import annotations

import pytest

from mrq.domain.cost import SIZES, Size, container_like, cost
from mrq.domain.prices import Architecture, Prices
from mrq.exceptions import ConfigError

X86 = Architecture.X86


def test_by_hand() -> None:
    found = cost(Prices(), X86, job_seconds=3.0, memory_gb=2.0, at_once=6, burst_seconds=100.0, burst_start=1.0)
    seconds = 500_000  # of a consumer
    assert found.bursts == pytest.approx(seconds * 1.01 * 2 * 0.0000166667 + seconds / 100 * 0.0000002)
    assert found.size == Size(1.0, 2)
    assert found.busy == pytest.approx(seconds / 3600 * (0.04048 + 2 * 0.004445))
    assert found.half_busy == 2 * found.busy
    assert found.break_even == pytest.approx(found.busy / found.bursts)


def test_at_break_even_both_cost_the_same() -> None:
    found = cost(Prices(), Architecture.ARM, 1.0, 1.0)
    assert found.busy / found.break_even == pytest.approx(found.bursts)


@pytest.mark.parametrize(
    ("memory", "size"),
    [
        (0.125, Size(0.25, 0.5)),
        (0.5, Size(0.25, 0.5)),
        (1.0, Size(0.5, 1)),
        (1.769, Size(1.0, 2)),
        (3.0, Size(2.0, 4)),
        (10.0, Size(8.0, 16)),
    ],
)
def test_containers_like_a_burst(memory: float, size: Size) -> None:
    assert container_like(memory) == size
    least, most = SIZES[size.vcpu]
    assert least <= size.memory_gb <= most


def test_what_can_not_be_is_refused() -> None:
    for wrong in ({"job_seconds": 0}, {"memory_gb": 11.0}, {"at_once": 0}, {"burst_seconds": 901.0}):
        with pytest.raises(ConfigError):
            cost(Prices(), X86, **{"job_seconds": 1.0, "memory_gb": 1.0, **wrong})  # type: ignore[arg-type]
