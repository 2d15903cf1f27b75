"""Workers that count, a store of statistics with moods, and what looks after it; time is turned by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mrq.domain.job import ClaimedJob
from mrq.domain.options import TaskOptions
from mrq.domain.stats import Resolution
from mrq.domain.status import Status
from mrq.engine.collector import Collector
from mrq.engine.queue_samples import QueueSampler
from mrq.engine.rollup import RollUp
from mrq.engine.run import Run
from mrq.engine.stats_reading import StatsReader
from mrq.engine.stats_upkeep import StatsUpkeep
from mrq.stores.ids import new_id
from mrq.stores.memory import MemoryJobStore
from mrq.stores.memory_raw import MemoryRawQueues
from mrq.stores.memory_stats import MemoryStatsStore
from unit.engine.kit import NOW, ManualClock, Moody

if TYPE_CHECKING:
    from datetime import datetime

    from mrq.domain.figures import Figures

KEEP = {
    Resolution.MINUTE: timedelta(days=2),
    Resolution.HOUR: timedelta(days=60),
    Resolution.DAY: timedelta(days=730),
}
WORKER = new_id()


@dataclass
class StatsBench:
    """All on memory. `moody` is the store as collectors and upkeep see it, `store` the same without moods."""

    clock: ManualClock = field(default_factory=ManualClock)
    jobs: MemoryJobStore = field(default_factory=MemoryJobStore)

    def __post_init__(self) -> None:
        self.store = MemoryStatsStore(self.jobs.documents)
        self.moody: Any = Moody(self.store)  # type: ignore[arg-type]
        self.raw: Any = Moody(MemoryRawQueues())  # type: ignore[arg-type]
        self.sampler = QueueSampler(self.moody, self.raw, ["b_raw"], KEEP[Resolution.MINUTE])
        self.rollup = RollUp(self.moody, KEEP)
        self.upkeep = StatsUpkeep(self.sampler, self.rollup, self.clock)
        self.reader = StatsReader(self.store, self.sampler, self.clock)

    def collector(self, source: str = "a") -> Collector:
        return Collector(self.moody, source, self.clock, 6 * 3600.0)

    def round(self) -> int:
        return self.upkeep.stats_round(self.clock.now())

    def figures(self, resolution: Resolution = Resolution.MINUTE, hours: float = 24.0, **which: str) -> list[Figures]:
        end = self.clock.now() + timedelta(seconds=1)
        return self.reader.figures(end - timedelta(hours=hours), end, resolution, **which)

    def started(self, resolution: Resolution = Resolution.MINUTE, hours: float = 24.0) -> dict[datetime, int]:
        return {each.start: each.started for each in self.figures(resolution, hours)}

    def reader_starts(self) -> list[int]:
        """How many runs started, by minute."""
        return list(self.started().values())

    def stored(self, resolution: Resolution) -> dict[datetime, int]:
        found = self.store.read(resolution, NOW - timedelta(days=9), NOW + timedelta(days=9), limit=10_000)
        return {each.start: each.tally.select().started for each in found}


def job(queue: str = "default", path: str = "tasks.T", waited: float = 1.0) -> ClaimedJob:
    return ClaimedJob(new_id(), new_id(), path, {}, queue, NOW - timedelta(seconds=waited), NOW)


def run(job: ClaimedJob, took: float | None = 0.5) -> Run:
    made = Run(job, TaskOptions())
    made.took = took
    return made


def work(collector: Collector, runs: int = 1, status: Status = Status.SUCCESS, **about: Any) -> None:
    """So many runs, begun and ended now."""
    jobs = [job(**about) for _ in range(runs)]
    collector.started(jobs)
    collector.ended([(run(each), status) for each in jobs])
