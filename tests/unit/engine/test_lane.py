"""Lane: what comes together is written together, and nothing waits for what won't come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from mrq.engine.lane import LARGEST_BATCH, WINDOWS, Lane, Window
from mrq.engine.threads import ThreadRuntime

if TYPE_CHECKING:
    from unit.engine.kit import ManualClock

WINDOW = 0.002


@dataclass
class Bench(ThreadRuntime):
    """Each sleep brings what is due to come, and the lane is closed once it has written."""

    clock: ManualClock
    to_come: list[int] = field(default_factory=list)  # how many, sleep by sleep
    more: bool = True
    slept: list[float] = field(default_factory=list)
    written: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lane: Lane[int] = Lane("here", self.write, self, self.clock, Window(WINDOW, lambda: self.more))

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.put(self.to_come.pop(0) if self.to_come else 0)

    def put(self, many: int) -> None:
        for number in range(many):
            self.lane.put(number)

    def write(self, batch: list[int]) -> None:
        self.written.append(len(batch))
        self.lane.close()


@pytest.fixture
def bench(clock: ManualClock) -> Bench:
    return Bench(clock)


@pytest.mark.parametrize(
    ("to_come", "sleeps", "batch"),
    [
        ([], 1, 1),
        ([2], 2, 3),
        ([2, 1, 0, 5], 3, 4),
        ([1] * 50, WINDOWS, 1 + WINDOWS),
    ],
    ids=["nothing", "once", "until nothing came", "for a bounded time"],
)
def test_it_waits_while_more_comes(bench: Bench, to_come: list[int], sleeps: int, batch: int) -> None:
    bench.to_come = to_come
    bench.put(1)
    bench.lane.loop()
    assert bench.slept == [WINDOW] * sleeps
    assert bench.written[0] == batch


def test_it_does_not_wait_for_what_will_not_come(bench: Bench) -> None:
    bench.more = False
    bench.put(3)
    bench.lane.loop()
    assert (bench.slept, bench.written) == ([], [3])


def test_it_does_not_wait_when_a_batch_is_full(bench: Bench) -> None:
    bench.put(LARGEST_BATCH)
    bench.lane.loop()
    assert (bench.slept, bench.written) == ([], [LARGEST_BATCH])
