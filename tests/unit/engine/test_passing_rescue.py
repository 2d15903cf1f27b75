"""PassingRescue: who only comes by judges nobody at first sight."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mrq.domain.status import Status
from mrq.domain.worker import WorkerRecord, WorkerStatus
from mrq.engine.passing_rescue import NAME, PassingRescue
from mrq.engine.rescue import Rescuer
from mrq.stores.ids import new_id
from mrq.stores.memory import MemoryWorkerStore
from unit.engine.kit import NOW, ManualClock, Moody, new_job, start, statuses

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.domain.ids import WorkerId

LEASE, BEAT = 15.0, 3.0


class Visit:
    """Workers, one job each, and somebody who comes by."""

    def __init__(self, store: Moody, clock: ManualClock) -> None:
        self.store, self.clock = store, clock
        self.workers = MemoryWorkerStore(clock.now)
        self.meanwhile: Callable[[], Any] = lambda: None

    def worker(self, deadline: float | None = None) -> tuple[WorkerId, Any]:
        worker = new_id()
        ends = None if deadline is None else NOW + timedelta(seconds=deadline)
        self.workers.register(WorkerRecord(worker, "w", NOW, lease=LEASE, deadline=ends))
        (job,) = start(self.store, new_job(), worker=worker)
        return worker, job.id

    def sleep(self, seconds: float) -> None:
        self.clock.pass_by(seconds)
        self.meanwhile()

    def come(self, longest: float = 45.0) -> int:
        rescuer = Rescuer(self.store, self.workers, self.clock, BEAT, 3, 1000.0)
        passing = PassingRescue(rescuer, self.workers, self.clock, new_id, self.clock.now, self.sleep)
        return passing.round(longest)

    def visitors(self) -> list[Any]:
        return [d for d in self.workers._workers.values() if d["name"] == NAME]


@pytest.fixture
def visit(store: Moody, clock: ManualClock) -> Visit:
    return Visit(store, clock)


def test_where_nobody_is_silent_a_visit_takes_no_time(visit: Visit) -> None:
    _, job = visit.worker()
    began = visit.clock.monotonic()
    assert visit.come() == 0
    assert visit.clock.monotonic() == began
    assert visit.visitors() == []
    assert statuses(visit.store, [job]) == [Status.STARTED]


def test_jobs_of_a_silent_worker_come_back_after_a_lease_of_watching(visit: Visit) -> None:
    dead, job = visit.worker()
    visit.clock.pass_by(60)
    began = visit.clock.monotonic()
    assert visit.come() == 1
    assert LEASE <= visit.clock.monotonic() - began <= LEASE + 2 * BEAT
    assert statuses(visit.store, [job]) == [Status.QUEUED]
    assert visit.workers.fetch(dead)["status"] == WorkerStatus.LOST  # type: ignore[index]
    assert [d["status"] for d in visit.visitors()] == [WorkerStatus.STOP]


def test_a_worker_that_beats_again_meanwhile_keeps_its_jobs(visit: Visit) -> None:
    worker, job = visit.worker()
    visit.clock.pass_by(60)
    visit.meanwhile = lambda: visit.workers.beat(worker) if visit.clock.monotonic() > 1070 else None
    assert visit.come() == 0
    assert statuses(visit.store, [job]) == [Status.STARTED]


def test_a_stated_deadline_is_judged_at_once(visit: Visit) -> None:
    _, over = visit.worker(deadline=30)
    _, ahead = visit.worker(deadline=300)
    visit.clock.pass_by(60)
    began = visit.clock.monotonic()
    assert visit.come() == 1
    assert visit.clock.monotonic() == began
    assert statuses(visit.store, [over, ahead]) == [Status.QUEUED, Status.STARTED]


def test_a_visit_is_no_longer_than_it_may_be(visit: Visit) -> None:
    _, job = visit.worker()
    visit.clock.pass_by(60)
    began = visit.clock.monotonic()
    assert visit.come(longest=6) == 0
    assert visit.clock.monotonic() - began <= 6
    assert statuses(visit.store, [job]) == [Status.STARTED]


def test_a_visitor_that_is_taken_for_dead_itself_leaves(visit: Visit) -> None:
    visit.worker()
    visit.clock.pass_by(60)

    def mark() -> None:
        (me,) = visit.visitors()
        visit.workers.mark_lost(me["_id"], me["beat"])

    visit.meanwhile = mark
    assert visit.come() == 0
