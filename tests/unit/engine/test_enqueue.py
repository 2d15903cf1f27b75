"""Enqueuer: all or nothing is queued, and a Redis that is away costs nothing but time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mrq.domain.status import Status
from mrq.engine.enqueue import Enqueuer
from mrq.exceptions import InvalidParamsError, InvalidQueueError, JobTooLargeError
from mrq.ports.errors import StoreUnavailableError
from unit.engine.kit import NOW, ManualClock, Moody

ALL = frozenset(Status)


class Calls:
    """Wake-ups that were made; or a Redis that is away."""

    def __init__(self) -> None:
        self.roots: list[str] = []
        self.away = False
        self.tried = 0

    def notify(self, roots: Any) -> set[str]:
        if self.away:
            self.tried += 1
            raise StoreUnavailableError("Redis is away")
        self.roots.extend(roots)
        return set()

    def subscribe(self, roots: Any) -> Any:
        raise NotImplementedError

    def ping(self) -> str:
        return ""


@pytest.fixture
def calls() -> Calls:
    return Calls()


@pytest.fixture
def enqueuer(store: Moody, calls: Calls, clock: ManualClock) -> Enqueuer:
    return Enqueuer(store, calls, clock, sleep=clock.pass_by)  # type: ignore[arg-type]


def test_jobs_are_queued_in_order_and_idle_workers_called(enqueuer: Enqueuer, store: Moody, calls: Calls) -> None:
    ids = enqueuer.enqueue("t.T", [{"n": n} for n in range(5)], "main/sub")
    assert [store.fetch(job).params["n"] for job in ids] == [0, 1, 2, 3, 4]
    assert store.list_ids("main/sub", Status.QUEUED, 0, 10) == ids
    assert calls.roots == ["main"]


def test_nothing_to_queue_queues_nothing_and_calls_nobody(enqueuer: Enqueuer, calls: Calls) -> None:
    assert enqueuer.enqueue("t.T", [], "q") == []
    assert calls.roots == []


def test_params_may_come_from_a_generator(enqueuer: Enqueuer, store: Moody) -> None:
    ids = enqueuer.enqueue("t.T", ({"n": n} for n in range(3)), "q")  # type: ignore[arg-type]
    assert [store.fetch(job).params["n"] for job in ids] == [0, 1, 2]


def test_params_of_none_are_no_params(enqueuer: Enqueuer, store: Moody) -> None:
    (job,) = enqueuer.enqueue("t.T", [None], "q")
    assert store.fetch(job).params == {}


@pytest.mark.parametrize("params", [[1], "text", 7, ("a", 1), {1, 2}, b"x", True])
def test_params_that_are_no_mapping_are_refused(enqueuer: Enqueuer, store: Moody, params: Any) -> None:
    with pytest.raises(InvalidParamsError, match=rf"t\.T must be a dict .*, not {type(params).__name__}"):
        enqueuer.enqueue("t.T", [{}, params], "q")
    assert store.count("q", ALL) == 0


@pytest.mark.parametrize("queue", ["q_raw", "q_set", "q_sorted_set", "q_timed_set", "q_raw/sub"])
def test_raw_queues_are_refused(enqueuer: Enqueuer, queue: str) -> None:
    with pytest.raises(InvalidQueueError, match="raw queue"):
        enqueuer.enqueue("t.T", [{}], queue)


def test_a_subqueue_without_a_name(enqueuer: Enqueuer, store: Moody) -> None:
    """`q/` means all subqueues of q, and one of them is called just so (MRQ 0.9)."""
    enqueuer.enqueue("t.T", [{}], "q/")
    assert store.count("q/", ALL) == 1
    assert store.count("q", ALL) == 0


@pytest.mark.parametrize("queue", ["", None, 3])
def test_bad_names_are_refused(enqueuer: Enqueuer, queue: Any) -> None:
    with pytest.raises(InvalidQueueError):
        enqueuer.enqueue("t.T", [{}], queue)


def test_a_reverse_queue_is_the_same_queue(enqueuer: Enqueuer, store: Moody) -> None:
    enqueuer.enqueue("t.T", [{}], "q_reverse")
    assert store.count("q", ALL) == 1


@pytest.mark.parametrize(
    ("bad", "error"), [({"x": object()}, InvalidParamsError), ({"x": "y" * 17_000_000}, JobTooLargeError)]
)
def test_one_bad_job_among_many_batches_keeps_all_from_being_queued(
    enqueuer: Enqueuer, store: Moody, calls: Calls, bad: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        enqueuer.enqueue("t.T", [*({} for _ in range(25)), bad], "q", batch_size=10)
    assert store.count("q", ALL) == 0
    assert "insert" not in store.calls
    assert calls.roots == []


def test_large_numbers_are_inserted_in_batches(enqueuer: Enqueuer, store: Moody) -> None:
    enqueuer.enqueue("t.T", [{}] * 25, "q", batch_size=10)
    assert store.calls.count("insert") == 3
    assert store.count("q", ALL) == 25


def test_without_redis_jobs_are_queued_all_the_same(enqueuer: Enqueuer, store: Moody, calls: Calls) -> None:
    calls.away = True
    assert len(enqueuer.enqueue("t.T", [{}], "q")) == 1
    assert store.count("q", ALL) == 1


def test_a_redis_that_hangs_is_not_asked_for_each_of_many_jobs(
    enqueuer: Enqueuer, calls: Calls, clock: ManualClock
) -> None:
    calls.away = True
    for _ in range(100):
        enqueuer.enqueue("t.T", [{}], "q")
    assert calls.tried == 1
    for _ in range(60):
        clock.pass_by(1)
        enqueuer.enqueue("t.T", [{}], "q")
    assert calls.tried < 12
    calls.away = False
    clock.pass_by(10)
    enqueuer.enqueue("t.T", [{}], "q")
    enqueuer.enqueue("t.T", [{}], "q")
    assert calls.roots == ["q", "q"]
    calls.away = True
    enqueuer.enqueue("t.T", [{}], "q")
    clock.pass_by(1)
    calls.away = False
    enqueuer.enqueue("t.T", [{}], "q")
    assert calls.roots == ["q"] * 3, "after a success the wait is short again"


def test_a_delayed_job_waits_for_its_time(enqueuer: Enqueuer, store: Moody) -> None:
    due = NOW + timedelta(seconds=60)
    (job,) = enqueuer.enqueue("t.T", [{}], "q", due=due)
    assert (store.fetch(job).due, store.fetch(job).datequeued) == (due, due)


def test_a_due_time_that_has_passed_is_now(enqueuer: Enqueuer, store: Moody) -> None:
    (job,) = enqueuer.enqueue("t.T", [{}], "q", due=NOW - timedelta(seconds=60))
    assert (store.fetch(job).due, store.fetch(job).datequeued) == (None, NOW)


def test_a_database_that_never_answered_is_reported_at_once(
    enqueuer: Enqueuer, store: Moody, clock: ManualClock
) -> None:
    store.away.add("insert")
    with pytest.raises(StoreUnavailableError, match=r"start one with `mrq up`.*MRQ_MONGODB_JOBS"):
        enqueuer.enqueue("t.T", [{}], "q")
    assert clock.now() == NOW


def test_a_fail_over_is_waited_through_and_queues_nothing_twice(
    enqueuer: Enqueuer, store: Moody, clock: ManualClock
) -> None:
    enqueuer.enqueue("t.T", [{}], "q")
    store.lose.add("insert")
    assert len(enqueuer.enqueue("t.T", [{}, {}], "q")) == 2
    assert store.count("q", ALL) == 3


def test_a_long_outage_is_reported_in_the_end(enqueuer: Enqueuer, store: Moody, clock: ManualClock) -> None:
    enqueuer.enqueue("t.T", [{}], "q")
    store.away.add("insert")
    with pytest.raises(StoreUnavailableError):
        enqueuer.enqueue("t.T", [{}], "q")
    assert 30 <= (clock.now() - NOW).total_seconds() < 40


def test_workers_of_several_queues_are_called_once_a_root(enqueuer: Enqueuer, calls: Calls) -> None:
    enqueuer.call_for(["a/x", "a/y", "b"])
    assert sorted(calls.roots) == ["a", "b"]
