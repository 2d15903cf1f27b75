"""Upkeep: chores are done in turns, and one that fails stops no other."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mrq.engine.upkeep import BATCH, LATE, LONGEST, Chore, Expiry, Upkeep
from mrq.ports.errors import StoreUnavailableError
from mrq.stores.memory import MemoryLocks
from unit.engine.kit import NOW

if TYPE_CHECKING:
    from unit.engine.kit import ManualClock


class Doer:
    def __init__(self) -> None:
        self.times: list[datetime] = []
        self.error: Exception | None = None

    def __call__(self, now: datetime) -> int:
        self.times.append(now)
        if self.error:
            raise self.error
        return len(self.times)


@pytest.fixture
def locks(clock: ManualClock) -> MemoryLocks:
    return MemoryLocks(clock.monotonic)


def test_a_chore_is_done_once_in_its_interval_by_all_together(clock: ManualClock, locks: MemoryLocks) -> None:
    do = Doer()
    one, other = (Upkeep([Chore("sweep", 60.0, do)], locks, clock) for _ in range(2))
    assert one.round(NOW) == {"sweep": 1}
    assert other.round(NOW) == {}
    clock.pass_by(60)
    assert other.round(clock.now()) == {"sweep": 2}
    assert do.times == [NOW, NOW + timedelta(seconds=60)]


def test_a_chore_without_an_interval_is_done_each_time(clock: ManualClock, locks: MemoryLocks) -> None:
    upkeep = Upkeep([Chore("look", 0, Doer())], locks, clock)
    assert [upkeep.round(NOW), upkeep.round(NOW)] == [{"look": 1}, {"look": 2}]


@pytest.mark.parametrize(
    ("error", "level"), [(StoreUnavailableError("away"), logging.DEBUG), (ValueError("a bug"), logging.ERROR)]
)
def test_a_chore_that_fails_stops_no_other_and_is_tried_again(
    clock: ManualClock, locks: MemoryLocks, caplog: pytest.LogCaptureFixture, error: Exception, level: int
) -> None:
    caplog.set_level(logging.DEBUG)
    bad, good = Doer(), Doer()
    bad.error = error
    upkeep = Upkeep([Chore("bad", 60.0, bad), Chore("good", 60.0, good)], locks, clock)
    assert upkeep.round(NOW) == {"good": 1}
    assert [(r.levelno, r.message.split()[0]) for r in caplog.records] == [(level, "bad")]
    bad.error = None
    assert upkeep.round(NOW) == {"bad": 2}


def test_without_locks_chores_are_done_all_the_same(clock: ManualClock) -> None:
    class Away:
        def acquire(self, *about: Any) -> str:
            raise StoreUnavailableError("Redis is away")

        release = extend = acquire

    do = Doer()
    upkeep = Upkeep([Chore("sweep", 60.0, do)], Away(), clock)  # type: ignore[arg-type]
    assert upkeep.round(NOW) == {"sweep": 1}
    do.error = StoreUnavailableError("MongoDB too")
    assert upkeep.round(NOW) == {}


class Attic:
    """So many documents that are overdue; each deletion takes a while."""

    def __init__(self, documents: int, clock: ManualClock, seconds: float = 0.0) -> None:
        self.documents, self.clock, self.seconds = documents, clock, seconds
        self.before: datetime | None = None

    def expire(self, before: datetime, limit: int) -> int:
        self.clock.pass_by(self.seconds)
        deleted = min(self.documents, limit)
        self.documents, self.before = self.documents - deleted, before
        return deleted


def test_what_is_overdue_is_deleted_in_batches(clock: ManualClock) -> None:
    jobs, keys = Attic(2 * BATCH + 1, clock), Attic(3, clock)
    assert Expiry([jobs, keys], clock).round(NOW) == 2 * BATCH + 4
    assert (jobs.documents, keys.documents) == (0, 0)
    assert jobs.before == keys.before == NOW - LATE


def test_deleting_ends_after_some_seconds(clock: ManualClock) -> None:
    jobs = Attic(100 * BATCH, clock, seconds=LONGEST / 2)
    assert Expiry([jobs], clock).round(NOW) == 3 * BATCH
