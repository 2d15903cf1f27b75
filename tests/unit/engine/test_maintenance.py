"""Maintenance: retries come back in time, and who has none to expect asks seldom."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mrq.domain.change import JobChange, Settlement
from mrq.domain.status import Status
from mrq.engine.enqueue import Enqueuer
from mrq.engine.maintenance import HORIZON, INTERVAL, Maintenance
from mrq.ports.errors import StoreUnavailableError
from mrq.stores.ids import new_id
from mrq.stores.memory import MemoryWakeups
from unit.engine.kit import ManualClock, Moody, new_job, start, statuses

if TYPE_CHECKING:
    from mrq.domain.ids import JobId


@dataclass
class Bench:
    store: Moody
    clock: ManualClock
    jobs: list[JobId] = field(default_factory=list)

    def __post_init__(self) -> None:
        enqueuer = Enqueuer(self.store, MemoryWakeups(), self.clock)  # type: ignore[arg-type]
        self.maintenance = Maintenance(self.store, enqueuer, self.clock)  # type: ignore[arg-type]

    def retry(self, seconds: float) -> Any:
        """A job that returns after so many seconds; the time."""
        (job,) = start(self.store, new_job(), worker=new_id())
        due = self.clock.now() + timedelta(seconds=seconds)
        change = JobChange(Status.RETRY, self.clock.now(), None, dateretry=due)
        self.store.store.settle([Settlement(job.id, job.token, change)])
        self.jobs.append(job.id)
        return due

    def turns(self, seconds: float) -> list[int]:
        """Turn each second for so long; the seconds in which the database was asked."""
        asked = []
        for second in range(int(seconds / INTERVAL)):
            before = len(self.store.calls)
            self.maintenance.turn()
            if len(self.store.calls) > before:
                asked.append(second)
            self.clock.pass_by(INTERVAL)
        return asked

    @property
    def back(self) -> list[bool]:
        return [status == "queued" for status in statuses(self.store, self.jobs)]


@pytest.fixture
def bench(store: Moody, clock: ManualClock) -> Bench:
    return Bench(store, clock)


def test_who_expects_nothing_asks_seldom(bench: Bench) -> None:
    assert bench.turns(3 * HORIZON) == [0, HORIZON, 2 * HORIZON]


def test_what_is_due_soon_comes_back_in_its_second(bench: Bench) -> None:
    bench.retry(2.0)
    assert bench.turns(2) == [0]
    assert bench.back == [False]
    bench.turns(1)
    assert bench.back == [True]


def test_what_a_run_of_this_worker_leaves_for_sooner_than_the_next_look_is_known(bench: Bench) -> None:
    bench.turns(1)
    bench.maintenance.expect(bench.retry(1.0))
    bench.maintenance.expect(bench.retry(30.0))
    bench.turns(2)
    assert bench.back == [True, False]


def test_what_others_leave_comes_back_at_the_next_look(bench: Bench) -> None:
    bench.turns(1)
    bench.retry(0.5)
    bench.turns(HORIZON)
    assert bench.back == [True]


def test_many_come_back_in_one_go(bench: Bench) -> None:
    for _ in range(3):
        bench.retry(0.0)
    bench.retry(1.0)
    bench.turns(2)
    assert bench.back == [True] * 4


@pytest.mark.parametrize("method", ["next_return", "bring_back"])
def test_it_asks_again_when_the_database_was_away(bench: Bench, method: str) -> None:
    bench.retry(0.0)
    bench.store.away.add(method)
    with pytest.raises(StoreUnavailableError):
        bench.maintenance.turn()
    bench.store.away.clear()
    bench.clock.pass_by(INTERVAL)
    bench.maintenance.turn()
    assert bench.back == [True]
