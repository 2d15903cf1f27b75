"""A worker's dealings with raw queues, step by step, on stores in memory with moods."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mrq.domain.options import TaskOptions
from mrq.domain.queuename import parse_queue
from mrq.domain.worker import WorkerRecord
from mrq.engine.options import WorkerOptions
from mrq.engine.raw_rescue import RawRescuer
from mrq.engine.raw_settings import raw_settings
from mrq.engine.raw_source import RawSource
from mrq.engine.run import Run
from mrq.engine.settling import Settler
from mrq.engine.state import WorkerState
from mrq.engine.threads import ThreadRuntime
from mrq.ports.errors import StoreUnavailableError
from mrq.stores.ids import new_id
from mrq.stores.memory import MemoryWorkerStore
from mrq.stores.memory_raw import MemoryRawQueues
from unit.engine.kit import MODULE, NOW, ManualClock, Moody

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mrq.domain.job import ClaimedJob
    from mrq.domain.outcome import Failure, Outcome

UNSTORED = ("started", "success")


class HandTurned(ThreadRuntime):
    """Sleeping turns the clock, and lets something happen."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.meanwhile: Callable[[], object] = int

    def sleep(self, seconds: float) -> None:
        self.clock.pass_by(seconds)
        self.meanwhile()


def factory(payload: Any) -> Mapping[str, Any]:
    """Whatever the payload is, it is a param."""
    return {"path": f"{MODULE}.Job", "params": {"payload": payload}}


@dataclass
class RawBench:
    """`raw` and `jobs` are Redis and MongoDB; `held` what the worker was given to run."""

    jobs: Moody
    clock: ManualClock
    raw: Moody = field(default_factory=lambda: Moody(MemoryRawQueues()))  # type: ignore[arg-type]
    table: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    rejected: dict[bytes, Failure] = field(default_factory=dict)
    returned: set[str] = field(default_factory=set)
    over: list[Run] = field(default_factory=list)
    fresh: bool = True

    def __post_init__(self) -> None:
        self.runtime = HandTurned(self.clock)
        self.workers = MemoryWorkerStore(self.clock.now)
        self.state = WorkerState(new_id(), 1000, 1000, self.runtime.event())
        self.register(self.state.worker)
        self.settler = Settler(
            self.jobs, self.state, self.runtime, self.clock, WorkerOptions(settle_window=0.0), raw=self.raw,
            returned=self.returned.update, after=self.over.extend,
        )  # fmt: skip
        self.rescuer = RawRescuer(self.raw, self.jobs, self.workers, self.returned.update)
        self.source = self.make_source()

    def register(self, worker: Any) -> None:
        self.workers.register(WorkerRecord(worker, "w", NOW, lease=15.0))

    def make_source(self) -> RawSource:
        settings = {root: raw_settings(root, {root: self.about(root)}) for root in ROOTS}
        return RawSource(
            self.raw, self.jobs, self.state, self.clock, settings,
            accept=self.accept, reject=self.reject, fresh=lambda: self.fresh,
        )  # fmt: skip

    def about(self, root: str) -> dict[str, Any]:
        entry = {"job_factory": factory, "retry_queue": "retries", **self.table.get(root, {})}
        if root.startswith("fast"):
            entry["statuses_no_storage"] = UNSTORED
        return entry

    def accept(self, jobs: list[ClaimedJob]) -> None:
        runs = [Run(job, TaskOptions()) for job in jobs]
        self.state.hold(runs)
        self.runs += runs

    def reject(self, job: ClaimedJob, failure: Failure) -> None:
        assert job.raw is not None
        self.rejected[job.raw.payload] = failure

    # ---- what is done

    def fill(self, queue: str, *payloads: bytes) -> None:
        name = parse_queue(queue)
        scored = "sorted" in name.type or "timed" in name.type
        self.raw.store.enqueue(name, dict.fromkeys(payloads, 1.0) if scored else list(payloads))  # type: ignore[attr-defined]

    def take(self, queue: str, limit: int = 10, paused: tuple[str, ...] = ()) -> int:
        return self.source.take(parse_queue(queue), limit, frozenset(paused))

    def persist(self, queue: str, tries: int = 10) -> int:
        """Take, and go on as the worker does when a database is away."""
        found = 0
        for _ in range(tries):
            try:
                return found + self.source.recover() + self.take(queue)
            except StoreUnavailableError:
                self.clock.pass_by(1)
        raise AssertionError("it never worked")

    def end(self, outcome: Outcome, *runs: Run) -> None:
        """The runs end like this, and all is written."""
        for run in runs:
            assert run.decide(outcome)
            self.settler.put(run)
        self.write()

    def write(self) -> None:
        """Write all that waits, as a worker does when it ends."""
        self.settler.close()
        for loop in (self.settler.loop, *self.settler.raw_loops.values()):
            loop()

    # ---- what is seen

    def waiting(self, queue: str) -> list[bytes]:
        return self.raw.store.waiting(parse_queue(queue), 0, 1000)  # type: ignore[attr-defined,no-any-return]

    def held(self, root: str) -> list[bytes]:
        redis, worker = self.raw.store, self.state.worker
        return [each.payload for each in redis.held(root, worker, redis.held_ids(root, worker))]  # type: ignore[attr-defined]

    def payloads(self) -> list[Any]:
        """What the runs were made of."""
        return [run.job.params["payload"] for run in self.runs]

    def documents(self) -> list[dict[str, Any]]:
        return self.jobs.store.documents()


ROOTS = ("a_raw", "a_set", "a_sorted_set", "a_timed_set", "fast_raw", "fast_set", "fast_sorted_set", "fast_timed_set")
