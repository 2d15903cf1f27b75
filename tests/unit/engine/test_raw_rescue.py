"""RawRescuer: payloads of the dead go back to their queue, and none twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mrq.domain.outcome import Failure, Outcome
from mrq.domain.status import Status
from mrq.engine.raw_rescue import BATCH, SELDOM, RawUpkeep
from mrq.ports.errors import StoreUnavailableError
from mrq.stores.ids import new_id
from unit.engine.rawkit import RawBench

if TYPE_CHECKING:
    from unit.engine.kit import ManualClock, Moody

KINDS = ["raw", "set", "sorted_set", "timed_set"]


@pytest.fixture
def bench(store: Moody, clock: ManualClock) -> RawBench:
    return RawBench(store, clock)


def dies(bench: RawBench) -> None:
    """The worker is marked lost; the bench goes on under another identity."""
    bench.workers.stop(bench.state.worker, {})
    bench.state.open_takes.clear()
    bench.state.worker = new_id()
    bench.register(bench.state.worker)


@pytest.mark.parametrize("kind", KINDS)
def test_what_ran_without_being_stored_goes_back(bench: RawBench, kind: str) -> None:
    queue = f"fast_{kind}"
    bench.fill(queue, b"one", b"two")
    bench.fill(f"{queue}/x", b"three")
    assert bench.take(queue) == 2
    assert bench.take(f"{queue}/") == 1
    dead = bench.state.worker
    assert bench.rescuer.round(new_id()) == 0, "it lives"
    dies(bench)
    assert bench.rescuer.round(bench.state.worker) == 3
    assert bench.rescuer.round(bench.state.worker) == 0
    assert sorted(bench.waiting(queue)) == [b"one", b"two"]
    assert bench.waiting(f"{queue}/x") == [b"three"]
    assert bench.returned == {queue, f"{queue}/x"}
    assert dead not in bench.raw.holders(queue)
    bench.runs.clear()
    bench.take(queue)
    assert [run.job.losses for run in bench.runs] == [1, 1]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lost", [True, False], ids=["inserted", "not inserted"])
def test_a_death_between_take_and_insert_loses_nothing_and_doubles_nothing(
    bench: RawBench, kind: str, lost: bool
) -> None:
    queue = f"a_{kind}"
    bench.fill(queue, b"one")
    (bench.jobs.lose if lost else bench.jobs.away).add("insert_started")
    with pytest.raises(StoreUnavailableError):
        bench.take(queue)
    bench.jobs.away.clear()
    dies(bench)
    assert bench.rescuer.round(bench.state.worker) == (0 if lost else 1)
    assert bench.waiting(queue) == ([] if lost else [b"one"])
    assert len(bench.documents()) == (1 if lost else 0)
    assert bench.raw.holders(queue) == set()
    bench.runs.clear()
    bench.take(queue)
    assert [run.job.losses for run in bench.runs] == ([] if lost else [0]), "it never ran"


def test_a_death_between_end_and_letting_go_runs_nothing_again(bench: RawBench) -> None:
    bench.fill("fast_raw", b"one", b"two")
    bench.take("fast_raw")
    bench.raw.fail = lambda name, args: name == "done"

    class Died(Exception):
        pass

    def die() -> None:
        raise Died

    bench.runtime.meanwhile = die
    with pytest.raises(Died):
        bench.end(Outcome(Status.FAILED, failure=Failure("Error", "x")), bench.runs[0])
    bench.raw.fail = lambda name, args: False
    dies(bench)
    assert bench.rescuer.round(bench.state.worker) == 1
    assert bench.waiting("fast_raw") == [b"two"]
    assert [d["status"] for d in bench.documents()] == ["failed"]


def test_only_those_that_ran_are_blamed_where_that_is_known(bench: RawBench) -> None:
    bench.fill("fast_raw", b"one", b"two")
    bench.take("fast_raw")
    dead, ran = bench.state.worker, bench.runs[1].job.id
    dies(bench)
    assert bench.rescuer.release_all(dead, {ran}) == 2
    bench.runs.clear()
    bench.take("fast_raw")
    assert [run.job.losses for run in bench.runs] == [0, 1]


def test_a_great_many_come_back_in_their_order(bench: RawBench) -> None:
    payloads = [b"%05d" % number for number in range(2 * BATCH + 10)]
    bench.fill("fast_raw", *payloads)
    bench.take("fast_raw", 1000)
    dies(bench)
    bench.rescuer.round(bench.state.worker)
    assert bench.waiting("fast_raw") == payloads


def test_several_rescuers_at_once_put_back_once(bench: RawBench) -> None:
    bench.fill("fast_raw", b"one", b"two")
    bench.take("fast_raw")
    dead = bench.state.worker
    dies(bench)
    look = bench.raw.store.held  # type: ignore[attr-defined]

    def raced(*args: object) -> object:
        bench.raw.store.held = look  # type: ignore[attr-defined]
        found = look(*args)
        bench.rescuer.release("fast_raw", dead)
        return found

    bench.raw.store.held = raced  # type: ignore[attr-defined]
    bench.rescuer.release("fast_raw", dead)
    assert bench.waiting("fast_raw") == [b"one", b"two"]


# ---- a worker looks after itself


def test_a_worker_puts_back_what_it_holds_without_knowing(bench: RawBench) -> None:
    bench.fill("fast_raw", b"known", b"unknown", b"stored")
    bench.take("fast_raw", 1)
    known = list(bench.runs)
    bench.take("fast_raw", 1)
    bench.state.settled([bench.runs[-1]])  # as if a former state of things had been forgotten
    bench.take("fast_raw", 1)
    stored = bench.runs[-1]
    bench.state.settled([stored])
    bench.jobs.insert_started([stored.job])
    upkeep = RawUpkeep(bench.rescuer, bench.state, frozenset({"fast_raw"}), 1.0)
    upkeep.round()
    assert bench.held("fast_raw") == [b"known"]
    assert bench.waiting("fast_raw") == [b"unknown"]
    upkeep.round()
    assert bench.waiting("fast_raw") == [b"unknown"]
    assert bench.state.held() == known


def test_a_redis_that_forgot_the_roots_is_told_again(bench: RawBench) -> None:
    upkeep = RawUpkeep(bench.rescuer, bench.state, frozenset({"fast_raw"}), 1.0)
    assert bench.raw.roots() == set()
    upkeep.round()
    assert bench.raw.roots() == {"fast_raw"}


def test_the_loop_outlives_an_outage(bench: RawBench) -> None:
    bench.raw.away.add("*")
    stopped = bench.runtime.event()
    waits: list[float] = []

    class Stopped:
        def wait(self, timeout: float) -> bool:
            waits.append(timeout)
            if len(waits) == 4:
                bench.raw.away.clear()
            return len(waits) == 6 or stopped.is_set()

    RawUpkeep(bench.rescuer, bench.state, frozenset({"fast_raw"}), 1.0).loop(Stopped())  # type: ignore[arg-type]
    assert waits == [1.0, 1.0, 2.0, 4.0, 1.0, 1.0]
    assert bench.raw.roots() == {"fast_raw"}


@pytest.mark.parametrize(("roots", "pauses"), [({"fast_raw"}, [1.0, 1.0]), (set[str](), [1.0, SELDOM])])
def test_where_there_are_no_raw_queues_it_looks_seldom(bench: RawBench, roots: set[str], pauses: list[float]) -> None:
    waits: list[float] = []

    class Stopped:
        def wait(self, timeout: float) -> bool:
            waits.append(timeout)
            return len(waits) == 2

    RawUpkeep(bench.rescuer, bench.state, frozenset(roots), 1.0).loop(Stopped())  # type: ignore[arg-type]
    assert waits == pauses
