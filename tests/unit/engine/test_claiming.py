"""Claimer and strategies: which queues are asked, and what becomes of answers that got lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrq.domain.job import ClaimedJob, NewJob
from mrq.domain.queuename import QueueName, parse_queue
from mrq.engine.claiming import Claimer
from mrq.engine.options import WorkerOptions
from mrq.engine.pauses import PauseWatch
from mrq.engine.permits import Permits
from mrq.engine.queue_limits import QueueLimits
from mrq.engine.regular_source import RegularSource
from mrq.engine.state import WorkerState
from mrq.engine.strategies import Burst, Parallel, Sequential, strategy_named
from mrq.engine.threads import ThreadRuntime
from mrq.exceptions import ConfigError
from mrq.ports.errors import StoreUnavailableError
from mrq.stores.ids import new_id
from mrq.stores.memory_pauses import MemoryPauses
from unit.engine.kit import ManualClock, Moody, new_job


class OtherSource:
    """Queues of the other kind."""

    def __init__(self) -> None:
        self.answers: list[int | StoreUnavailableError] = []
        self.asked: list[str] = []

    def take(self, queue: QueueName, limit: int, paused: frozenset[str]) -> int:
        self.asked.append(queue.id)
        answer = self.answers.pop(0) if self.answers else 0
        if isinstance(answer, StoreUnavailableError):
            raise answer
        return answer

    def recover(self) -> int:
        return 0


class Bench:
    def __init__(self, store: Moody, clock: ManualClock, *queues: str, strategy: str = "sequential") -> None:
        self.store, self.clock, self.accepted = store, clock, list[ClaimedJob]()
        self.state = WorkerState(new_id(), 100, 100, ThreadRuntime().event())
        options = WorkerOptions(queues=queues or ("default",))
        self.source = RegularSource(store, self.state, clock, options, self.accepted.extend)
        self.pauses, self.other = MemoryPauses(), OtherSource()
        watch = PauseWatch(self.pauses, clock, 10.0)
        names = [parse_queue(name) for name in options.queues]
        limits = QueueLimits(Permits.__new__(Permits), WorkerOptions(), clock)
        self.claimer = Claimer(names, strategy_named(strategy), self.source, self.other, watch, clock, limits)

    def queue(self, queue: str, many: int = 1) -> list[NewJob]:
        jobs = [new_job(queue=queue) for _ in range(many)]
        self.store.store.insert(jobs)
        return jobs


def test_claimed_jobs_are_handed_on(store: Moody, clock: ManualClock) -> None:
    bench = Bench(store, clock)
    jobs = bench.queue("default", 3)
    assert bench.claimer.claim(10) == 3
    assert [job.id for job in bench.accepted] == [job.id for job in jobs]
    assert not bench.state.open_claims
    assert bench.claimer.claim(10) == 0
    assert bench.claimer.retry_in == 0


@pytest.mark.parametrize("queue", ["default", "default/"])
def test_of_a_queue_that_was_empty_one_job_is_asked_for_and_then_the_rest(
    store: Moody, clock: ManualClock, queue: str
) -> None:
    bench = Bench(store, clock, queue)
    assert bench.claimer.claim(10) == 0
    bench.queue(queue + "of/x" if queue.endswith("/") else queue, 25)
    assert [bench.claimer.claim(10) for _ in range(5)] == [1, 10, 10, 4, 0]


def test_that_one_queue_was_empty_does_not_concern_another(store: Moody, clock: ManualClock) -> None:
    bench = Bench(store, clock, "a", "b")
    bench.queue("b", 30)
    assert [bench.claimer.claim(10) for _ in range(2)] == [10, 10]
    bench.queue("a", 5)
    assert bench.claimer.claim(10) == 1 + 9, "one of a, and b takes the room that is left"


def test_no_more_than_the_free_slots_are_taken_over_all_queues(store: Moody, clock: ManualClock) -> None:
    bench = Bench(store, clock, "a", "b")
    bench.queue("a", 3)
    bench.queue("b", 3)
    assert bench.claimer.claim(4) == 4
    assert [job.queue for job in bench.accepted] == ["a", "a", "a", "b"]


def test_nothing_is_asked_for_when_the_slots_are_full(store: Moody, clock: ManualClock) -> None:
    bench = Bench(store, clock, "a", "b")
    bench.queue("a", 3)
    bench.claimer.claim(3)
    assert store.calls.count("claim") == 1


def test_an_absent_database_means_no_jobs_and_a_growing_pause(store: Moody, clock: ManualClock) -> None:
    bench = Bench(store, clock)
    bench.queue("default")
    store.away.add("*")
    pauses = []
    for _ in range(8):
        assert bench.claimer.claim(10) == 0
        pauses.append(round(bench.claimer.retry_in, 6))
        clock.pass_by(2.0)
    assert pauses == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    store.away.clear()
    assert bench.claimer.claim(10) == 1
    assert bench.claimer.retry_in == 0


def test_jobs_whose_answer_was_lost_are_found_again(store: Moody, clock: ManualClock) -> None:
    bench = Bench(store, clock)
    jobs = bench.queue("default", 3)
    store.lose.add("claim")
    assert bench.claimer.claim(2) == 0
    assert len(bench.state.open_claims) == 1
    clock.pass_by(1)
    assert bench.claimer.claim(2) == 2
    assert [job.id for job in bench.accepted] == [job.id for job in jobs[:2]]
    assert not bench.state.open_claims


def test_jobs_of_a_lost_answer_count_against_the_free_slots(store: Moody, clock: ManualClock) -> None:
    bench = Bench(store, clock)
    bench.queue("default", 9)
    store.lose.add("claim")
    bench.claimer.claim(3)
    clock.pass_by(1)
    assert bench.claimer.claim(4) == 4


def test_a_claim_stays_open_until_it_is_known_what_became_of_it(store: Moody, clock: ManualClock) -> None:
    bench = Bench(store, clock)
    (job,) = bench.queue("default")
    store.lose.add("claim")
    bench.claimer.claim(2)
    store.away.add("claimed_under")
    clock.pass_by(1)
    assert bench.claimer.claim(2) == 0
    (token,) = bench.state.open_claims
    assert bench.state.holds(job.id, token)  # the heartbeat must not hand it back
    store.away.clear()
    clock.pass_by(1)
    assert bench.claimer.claim(2) == 1


def test_a_claim_that_never_arrived_is_forgotten(store: Moody, clock: ManualClock) -> None:
    bench = Bench(store, clock)
    store.away.add("claim")
    bench.claimer.claim(2)
    store.away.clear()
    clock.pass_by(1)
    assert bench.claimer.claim(2) == 0
    assert not bench.state.open_claims


def test_jobs_of_an_earlier_queue_are_kept_when_a_later_claim_fails(store: Moody, clock: ManualClock) -> None:
    bench = Bench(store, clock, "a", "b")
    bench.queue("a", 2)
    bench.queue("b", 2)
    store.fail = lambda name, args: name == "claim" and args[0].queue.id == "b"
    assert bench.claimer.claim(10) == 2
    assert [job.queue for job in bench.accepted] == ["a", "a"]
    assert bench.claimer.retry_in > 0


def test_jobs_are_handed_on_before_their_claim_is_closed(store: Moody, clock: ManualClock) -> None:
    bench, held = Bench(store, clock), []
    bench.source._accept = lambda jobs: held.extend(  # between the two nobody would hold them
        bench.state.holds(job.id, job.token) for job in jobs
    )
    bench.queue("default", 2)
    bench.claimer.claim(10)
    assert held == [True, True]


def test_wake_ups_of_the_roots_matter(store: Moody, clock: ManualClock) -> None:
    assert Bench(store, clock, "a/x", "a/y", "b_reverse").claimer.roots == {"a", "b"}


def test_while_one_database_is_away_the_queues_of_the_other_are_served(store: Moody, clock: ManualClock) -> None:
    bench = Bench(store, clock, "a_raw", "b")
    bench.queue("b", 3)
    bench.other.answers.append(StoreUnavailableError("away"))
    assert bench.claimer.claim(2) == 2
    assert 0 < bench.claimer.retry_in <= 0.05
    assert bench.claimer.claim(2) == 1
    assert bench.other.asked == ["a_raw"]  # it rests
    clock.pass_by(1)
    bench.claimer.claim(2)
    assert bench.other.asked == ["a_raw", "a_raw"]


def test_a_paused_queue_gives_nothing_until_it_is_resumed(store: Moody, clock: ManualClock) -> None:
    bench = Bench(store, clock, "a", "b/x", "b/")
    for queue in ("a", "b/x", "b/y"):
        bench.queue(queue)
    bench.pauses.pause("a")
    bench.pauses.pause("b")  # a root: its subqueues as well
    assert bench.claimer.claim(10) == 0
    bench.pauses.resume("b")
    assert bench.claimer.claim(10) == 0  # not known yet
    clock.pass_by(10)
    assert bench.claimer.claim(10) == 2
    assert [job.queue for job in bench.accepted] == ["b/x", "b/y"]


def test_of_a_root_a_single_subqueue_can_be_paused(store: Moody, clock: ManualClock) -> None:
    bench = Bench(store, clock, "b/")
    for queue in ("b/x", "b/y", "b/y/z"):
        bench.queue(queue)
    bench.pauses.pause("b/y")
    assert bench.claimer.claim(10) == 2
    assert [job.queue for job in bench.accepted] == ["b/x", "b/y/z"]


def test_a_paused_set_that_cannot_be_asked_for_stays_as_it_was(store: Moody, clock: ManualClock) -> None:
    bench = Bench(store, clock, "a")
    bench.queue("a")
    bench.pauses.pause("a")
    assert bench.claimer.claim(1) == 0

    def away() -> frozenset[str]:
        raise StoreUnavailableError("away")

    bench.pauses.paused = away  # type: ignore[method-assign]
    clock.pass_by(60)
    assert bench.claimer.claim(1) == 0


@pytest.mark.parametrize("root", ["m/", "m/_reverse"])
def test_subqueues_of_a_root_take_turns(store: Moody, clock: ManualClock, root: str) -> None:
    bench = Bench(store, clock, root)
    for name in "abc":
        bench.queue(f"m/{name}", 9)
    for _ in range(9):
        assert bench.claimer.claim(2) == 2
    counts = [[job.queue for job in bench.accepted].count(f"m/{name}") for name in "abc"]
    assert counts == [6, 6, 6]


def test_a_root_is_drained_whole_and_its_new_subqueues_are_seen_at_once(store: Moody, clock: ManualClock) -> None:
    bench = Bench(store, clock, "m/")
    for name in ("m/b", "m/d", "m", "mm/x"):
        bench.queue(name)
    assert bench.claimer.claim(1) == 1
    bench.queue("m/a")
    assert bench.claimer.claim(10) == 2
    assert [job.queue for job in bench.accepted] == ["m/b", "m/d", "m/a"]
    assert bench.claimer.claim(10) == 0


# ---- strategies


queues = st.lists(st.sampled_from([parse_queue(name) for name in "abcdef"]), min_size=1, max_size=6, unique=True)


@given(queues, st.integers(1, 100))
def test_sequential_asks_each_queue_in_order_for_all(names, free: int) -> None:  # type: ignore[no-untyped-def]
    for strategy in (Sequential(), Burst()):
        assert strategy.plan(names, free) == [(name, free) for name in names]


@given(queues, st.integers(1, 100))
def test_parallel_gives_every_queue_a_turn_and_a_share(names, free: int) -> None:  # type: ignore[no-untyped-def]
    strategy = Parallel()
    firsts = []
    for _ in names:
        plan = strategy.plan(names, free)
        first_round, second_round = plan[: len(names)], plan[len(names) :]
        firsts.append(plan[0][0])
        assert {name for name, _ in first_round} == set(names) == {name for name, _ in second_round}
        assert all(1 <= share <= free for _, share in plan)
        assert len({share for _, share in first_round}) == 1
        assert sum(share for _, share in first_round) <= max(free, len(names))
        assert all(share == free for _, share in second_round)
    assert set(firsts) == set(names)


def test_parallel_without_queues_plans_nothing() -> None:
    assert Parallel().plan([], 5) == []


def test_parallel_lets_no_full_queue_starve_another(store: Moody, clock: ManualClock) -> None:
    bench = Bench(store, clock, "a", "b", strategy="parallel")
    bench.queue("a", 50)
    bench.queue("b", 50)
    for _ in range(5):
        bench.claimer.claim(4)
    taken = [job.queue for job in bench.accepted]
    assert (taken.count("a"), taken.count("b")) == (10, 10)


def test_parallel_gives_what_one_queue_does_not_need_to_another(store: Moody, clock: ManualClock) -> None:
    bench = Bench(store, clock, "a", "b", strategy="parallel")
    bench.queue("b", 50)
    assert bench.claimer.claim(4) == 4


def test_only_a_burst_ends_when_all_is_empty() -> None:
    assert [strategy_named(name).stops_when_empty for name in ("sequential", "parallel", "burst")] == [
        False, False, True,
    ]  # fmt: skip


def test_an_unknown_strategy_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="'other' is unknown; choose one of sequential, parallel, burst"):
        strategy_named("other")
