"""Fleet sizing: what is wanted for which figures, and that it keeps to limits and patience."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from mrq.domain.fleet import BURST_START, Decision, Fleet, FleetMemory, decide
from mrq.domain.fleetpolicy import FleetPolicy, Target, TargetKind
from mrq.domain.queuefigures import QueueFigures, RunTimes, added_up

SHORT = RunTimes(mean=2.0, p50=1.8, p95=4.0, p99=6.0)


def policy(**given: Any) -> FleetPolicy:
    return FleetPolicy.from_dict({"target": {"oldest_wait": 60}, **given})


def figures(waiting: int = 0, arrivals: float = 0.0, completions: float = 1.0, **more: Any) -> QueueFigures:
    return QueueFigures(waiting, arrivals, completions, **{"run_time": SHORT, "containers_only": 0, **more})


@pytest.mark.parametrize(
    ("target", "waiting", "arrivals", "wanted"),
    [
        ({"seconds_until_empty": 60}, 0, 40.0, 10),  # 40 x 2 s are 80 slots: 8 workers, a fifth of them to spare
        ({"seconds_until_empty": 60}, 6000, 0.0, 20),  # 12,000 s of work in 60 s: 200 slots
        ({"seconds_until_empty": 60}, 6000, 40.0, 28),
        ({"oldest_wait": 60}, 6000, 0.0, 20),
        ({"backlog_per_worker": 500}, 6000, 0.0, 12),
        ({"backlog_per_worker": 5000}, 6000, 40.0, 10),  # less than what only comes in needs
        ({"oldest_wait": 60}, 1, 0.0, 1),
        ({"oldest_wait": 60}, 0, 0.0, 0),
    ],
)
def test_what_a_target_asks_for(target: dict[str, float], waiting: int, arrivals: float, wanted: int) -> None:
    decision = decide(policy(target=target, max_workers=100), figures(waiting, arrivals), Fleet())
    assert decision.containers == wanted


def test_what_has_waited_long_is_urgent_but_not_endlessly() -> None:
    sizes = [
        decide(policy(max_workers=1000), figures(6000, oldest_wait=wait), Fleet()).containers
        for wait in (0.0, 30.0, 45.0, 60.0, 6000.0)
    ]
    assert sizes == [20, 40, 80, 80, 80]


def test_before_a_run_was_measured_each_job_gets_a_slot_but_the_fleet_at_most_doubles() -> None:
    unknown = QueueFigures(waiting=1000)
    sizes = [decide(policy(max_workers=1000), unknown, Fleet(running)).containers for running in (0, 1, 4, 40, 80)]
    assert sizes == [2, 2, 8, 80, 100]


def test_more_at_once_and_fewer_only_with_patience() -> None:
    limits, memory = policy(max_workers=20, scale_in_patience=300), FleetMemory(wanted=5)
    decision = decide(limits, figures(0, 40.0), Fleet(5), memory, now=0.0)
    assert decision.containers == 10
    memory = decision.memory
    for now, arrivals, wanted in ((10, 8.0, 10), (200, 20.0, 10), (309, 8.0, 10), (310, 8.0, 6), (320, 8.0, 6)):
        decision = decide(limits, figures(0, arrivals), Fleet(10), memory, now)
        memory = decision.memory
        assert decision.containers == wanted, now  # 6: the most that was needed meanwhile
    assert "scale-in in 300 s at the earliest" in decision.reason


def test_a_load_that_needs_the_fleet_again_ends_the_waiting_for_scale_in() -> None:
    limits, memory = policy(max_workers=20), FleetMemory(wanted=10)
    for now, arrivals in ((0, 8.0), (200, 39.0), (310, 8.0)):
        memory = decide(limits, figures(0, arrivals), Fleet(10), memory, now).memory
    assert (memory.wanted, memory.low_since) == (10, 310)


def test_a_little_less_is_no_reason_to_scale_in() -> None:
    memory = decide(policy(max_workers=20), figures(0, 36.0), Fleet(10), FleetMemory(wanted=10), 0.0).memory
    assert memory.low_since is None  # 9 would be full


def test_to_zero_only_where_allowed() -> None:
    for least, wanted in ((0, 0), (2, 2)):
        idle = decide(policy(min_workers=least, scale_in_patience=0), figures(), Fleet(4))
        assert idle.containers == wanted
    assert "held at min_workers 2" in idle.reason


def test_bursts_cover_the_slots_that_no_container_has_yet() -> None:
    limits = policy(max_workers=50, max_bursts=40, jobs_per_burst=5, start_up=30)
    decision = decide(limits, figures(6000, 40.0), Fleet(running=15))
    assert (decision.containers, decision.bursts) == (28, 26)  # 13 containers' slots
    assert "26 bursts started, to cover what containers don't yet" in decision.reason
    assert decide(limits, figures(6000, 40.0), Fleet(running=28)).bursts == 0
    assert decide(limits, figures(6000, 40.0), Fleet(running=15, bursts=20)).bursts == 6


def test_bursts_help_above_the_limit_of_containers() -> None:
    decision = decide(policy(max_workers=10, max_bursts=8), figures(6000, 40.0), Fleet(running=10))
    assert (decision.containers, decision.bursts) == (10, 8)
    assert "held at max_workers 10" in decision.reason


def test_a_short_spike_is_left_to_bursts() -> None:
    limits = policy(max_workers=10, max_bursts=20, start_up=60)
    decision = decide(limits, figures(3000, 8.0), Fleet(running=3))
    assert (decision.containers, decision.bursts) == (3, 9)
    assert "bursts suffice" in decision.reason
    assert decide(limits, figures(9000, 8.0), Fleet(running=3)).containers == 10  # longer than a start takes
    assert decide(limits, figures(3000, 8.0, oldest_wait=121.0), Fleet(running=3)).containers == 10  # they don't do it


def test_jobs_that_only_containers_can_take_get_one() -> None:
    limits = policy(max_bursts=20)
    assert decide(limits, figures(5), Fleet()).containers == 0
    decision = decide(limits, figures(5, containers_only=1), Fleet())
    assert (decision.containers, decision.bursts) == (1, 1)
    decision = decide(limits, figures(5, containers_only=5), Fleet())
    assert (decision.containers, decision.bursts) == (1, 0)
    long = replace(SHORT, p99=301.0)
    decision = decide(limits, figures(5, containers_only=None, run_time=long), Fleet())
    assert (decision.containers, decision.bursts) == (1, 0)


@pytest.mark.parametrize(
    "limits", [{"max_workers": 0, "max_bursts": 2}, {"max_workers": 2}], ids=["bursts", "containers"]
)
def test_a_job_that_takes_next_to_no_time_gets_somebody_who_takes_it(limits: dict[str, int]) -> None:
    instant = RunTimes(1e-7, 1e-7, 1e-7, 1e-7)
    decision = decide(policy(**limits), figures(1, run_time=instant), Fleet())
    assert (decision.containers, decision.bursts) == ((1, 0) if limits["max_workers"] else (0, 1))


def test_where_there_are_no_containers_jobs_that_need_one_are_told() -> None:
    said = "no burst takes 2 jobs, and there are no containers: max_workers is 0"
    decision = decide(policy(max_workers=0, max_bursts=20), figures(5, containers_only=2), Fleet())
    assert (decision.containers, decision.bursts) == (0, 1)
    assert said in decision.reason
    assert "no burst" not in decide(policy(max_workers=0, max_bursts=20), figures(5), Fleet()).reason
    assert "no burst" not in decide(policy(max_bursts=20), figures(5, containers_only=2), Fleet()).reason


def test_a_light_load_of_jobs_too_long_for_bursts_keeps_its_container() -> None:
    long, limits = RunTimes(200.0, 200.0, 300.0, 301.0), policy(max_bursts=20, scale_in_patience=0)
    for times, wanted in ((long, 1), (replace(long, p99=300.0), 0)):
        assert decide(limits, figures(0, 0.0005, run_time=times), Fleet(1)).containers == wanted


def test_a_light_load_needs_no_container_and_a_heavier_one_only_if_it_lasts() -> None:
    limits, memory = policy(max_bursts=20, scale_in_patience=300), FleetMemory()
    for now, arrivals, wanted in (
        (0, 0.1, 0),
        (60, 1.0, 0),
        (120, 0.1, 0),
        (180, 1.0, 0),
        (470, 1.0, 0),
        (480, 1.0, 1),
    ):
        decision = decide(limits, figures(2, arrivals), Fleet(), memory, now)
        memory = decision.memory
        assert decision.containers == wanted, now
    assert decide(limits, figures(2, 0.12), Fleet(1), memory, 540).memory.low_since is None  # light, but not by much
    assert decide(limits, figures(2, 0.05), Fleet(1), memory, 540).memory.low_since == 540


def test_a_dead_queue_keeps_one_consumer() -> None:
    limits, memory, wanted = policy(max_workers=50, max_bursts=9, stall_after=600), FleetMemory(), []
    for now in range(0, 1200, 60):
        fleet = Fleet(min(memory.wanted or 0, 50), bursts=0)
        decision = decide(limits, figures(2400 + 40 * now, 40.0, completions=0.0), fleet, memory, now)
        memory = decision.memory
        wanted.append(decision.containers)
    assert max(wanted) == 50
    assert set(wanted[11:]) == {1}  # 600 s after containers were there
    assert decision.bursts == 0
    assert "the queue counts as dead" in decision.reason
    alive = decide(limits, figures(50_000, 40.0, completions=0.1), Fleet(1), memory, 1260)
    assert alive.containers == 50


def test_a_queue_of_long_jobs_is_not_dead_before_they_could_have_ended() -> None:
    hours, memory = RunTimes(3000, 3000, 3500, 3600), FleetMemory(wanted=9, stalled_since=0.0)
    for now, dead in ((7000, False), (7200, True)):
        decision = decide(policy(), figures(900, 0.1, 0.0, run_time=hours), Fleet(9), memory, now)
        assert ("counts as dead" in decision.reason) == dead


def test_a_busy_fleet_is_kept_when_nothing_ends_and_nothing_waits() -> None:
    twenty, memory, wanted = RunTimes(1200, 1200, 1300, 1400), FleetMemory(wanted=10), []
    limits = policy(target={"backlog_per_worker": 10})
    for now in range(0, 3600, 60):  # nothing ended lately: the run time is remembered
        seen = figures(0, 0.0, 0.0, run_time=twenty if now == 0 else None, in_progress=100)
        decision = decide(limits, seen, Fleet(10), memory, now)
        memory = decision.memory
        wanted.append(decision.containers)
    assert set(wanted) == {10}
    for run_time, least in ((60.0, 0), (90.0, 3)):  # of jobs this short some are free soon
        seen = figures(0, 0.0, run_time=RunTimes(*[run_time] * 4), in_progress=90)
        hasty = decide(replace(limits, scale_in_patience=0), seen, Fleet(9))
        assert hasty.containers == math.ceil(1.1 * least)
    memory = FleetMemory(wanted=10)
    for now in range(0, 3600, 60):
        seen = QueueFigures(0, 0.0, 0.0, 0.0, None, in_progress=95)
        memory = decide(policy(), seen, Fleet(10), memory, now).memory
    assert memory.wanted == 10, "nothing was ever measured"


def test_short_jobs_and_those_of_containers_given_up_hold_nothing() -> None:
    assert decide(policy(scale_in_patience=0), figures(in_progress=100), Fleet(10)).containers == 0
    long = RunTimes(3600, 3600, 3600, 3600)
    decision = decide(policy(), figures(in_progress=100, run_time=long), Fleet(3), FleetMemory(wanted=3))
    assert decision.containers == 3


def test_jobs_longer_than_the_target_get_a_slot_each_beside_those_that_are_busy() -> None:
    long = RunTimes(3600, 3600, 3600, 3600)
    limits = policy(target={"seconds_until_empty": 600}, max_workers=100)
    seen = figures(60, 0.0, run_time=long, in_progress=120)
    assert decide(limits, seen, Fleet(12)).containers == 16  # a sixth of 120 slots is free by then: 100 + 60


def test_what_is_not_known_to_have_stalled_is_not_dead() -> None:
    """Nobody counts (--no_stats): completions are None, not 0."""
    memory = FleetMemory(wanted=10)
    for now in range(0, 3600, 60):
        seen = QueueFigures(100, None, None, 5.0, in_progress=100)
        decision = decide(policy(target={"backlog_per_worker": 10}), seen, Fleet(10), memory, now)
        memory = decision.memory
        assert decision.containers == 10


def test_a_busy_queue_that_was_never_measured_is_dead_only_after_an_hour() -> None:
    sizes = {}
    for busy in (0, 90):
        memory = FleetMemory(wanted=9)
        for now in range(0, 4200, 60):
            seen = QueueFigures(900, 0.1, 0.0, 5.0, in_progress=busy)
            decision = decide(policy(max_workers=9), seen, Fleet(9), memory, now)
            memory = decision.memory
            sizes[busy, now] = decision.containers
    assert [sizes[0, now] for now in (540, 600)] == [9, 1]
    assert [sizes[90, now] for now in (3540, 3600)] == [9, 1]


def test_nothing_is_dead_while_nobody_is_there() -> None:
    assert decide(policy(), figures(5, 1.0, 0.0), Fleet(starting=2)).memory.stalled_since is None


def test_a_dead_queue_without_containers_is_probed_by_one_burst() -> None:
    limits, memory = policy(max_workers=0, max_bursts=5), FleetMemory(stalled_since=0.0)
    decision = decide(limits, figures(900, 1.0, 0.0), Fleet(), memory, 700)
    assert (decision.containers, decision.bursts) == (0, 1)
    assert decide(limits, figures(900, 1.0, 0.0), Fleet(bursts=1), memory, 700).bursts == 0


def test_bursts_that_were_just_asked_for_count_though_nobody_sees_them() -> None:
    limits = policy(max_workers=0, max_bursts=20)
    first = decide(limits, figures(200, 1.0), Fleet(), None, 100.0)
    assert first.bursts > 0
    assert decide(limits, figures(200, 1.0), Fleet(), first.memory, 101.0).bursts == 0
    assert decide(limits, figures(200, 1.0), Fleet(), first.memory, 100.0 + BURST_START).bursts == first.bursts
    come_and_gone = Fleet(ended=(99.0, *[101.0] * first.bursts))
    assert decide(limits, figures(200, 1.0), come_and_gone, first.memory, 105.0).bursts == first.bursts
    assert decide(limits, figures(200, 1.0), Fleet(ended=(99.0,)), first.memory, 105.0).bursts == 0


def test_they_also_take_of_what_waits() -> None:
    seen = figures(50, 40.0, run_time=RunTimes(100, 100, 100, 100))
    first = decide(policy(max_bursts=100), seen, Fleet(bursts=5), None, 100.0)
    assert first.bursts == 5  # for 50 jobs, however many more are to come
    assert decide(policy(max_bursts=100), seen, Fleet(bursts=5), first.memory, 101.0).bursts == 0


def test_without_patience_nothing_of_the_past_counts() -> None:
    memory = FleetMemory(wanted=5, low_since=0.0, peak=3)
    assert decide(policy(scale_in_patience=0), figures(), Fleet(5), memory, 1.0).containers == 0
    assert decide(policy(scale_in_patience=2), figures(), Fleet(5), memory, 2.0).containers == 3


def test_figures_of_several_queues() -> None:
    both = added_up(
        [
            QueueFigures(10, 1.0, 3.0, 5.0, RunTimes(1, 1, 2, 3), 0),
            QueueFigures(20, None, 1.0, None, RunTimes(5, 4, 9, 9), 7),
            QueueFigures(),
        ]
    )
    assert both == QueueFigures(30, 1.0, 4.0, 5.0, RunTimes(2.0, 4, 9, 9), 7)
    assert added_up([]) == QueueFigures(containers_only=0)
    assert added_up([QueueFigures(1, containers_only=3), QueueFigures(1)]).containers_only is None
    equal = added_up([QueueFigures(run_time=RunTimes(1, 1, 1, 1)), QueueFigures(run_time=RunTimes(3, 3, 3, 3))])
    assert equal.mean_run_time == 2.0
    assert added_up([QueueFigures(in_progress=3), QueueFigures(in_progress=4), QueueFigures()]).in_progress == 7
    assert added_up([QueueFigures()]).in_progress is None


RATES = st.none() | st.floats(0, 1e4) | st.sampled_from([math.nan, math.inf, -1.0])
TIMES = st.floats(0, 1e5) | st.just(math.nan)
POLICIES = st.builds(
    lambda kind, value, least, more, **rest: FleetPolicy(
        Target(kind, value), min_workers=least, max_workers=least + more, **rest
    ),
    st.sampled_from(TargetKind),
    st.floats(0.1, 1e4),
    st.integers(0, 20),
    st.integers(1, 200),
    jobs_per_worker=st.integers(1, 100),
    utilisation=st.floats(0.1, 1),
    scale_in_patience=st.floats(0, 900),
    start_up=st.floats(0, 300),
    max_bursts=st.integers(0, 100),
    jobs_per_burst=st.integers(1, 50),
    light_load=st.floats(0, 1),
)
FIGURES = st.builds(
    QueueFigures,
    st.integers(0, 10**6),
    RATES,
    RATES,
    RATES,
    st.none() | st.builds(RunTimes, TIMES, TIMES, TIMES, TIMES),
    st.none() | st.integers(0, 10**6),
    st.none() | st.integers(0, 5000),
)
FLEETS = st.builds(Fleet, st.integers(0, 250), st.integers(0, 50), st.integers(0, 120))
MOMENTS = st.none() | st.floats(0, 2000)
MEMORIES = st.builds(
    FleetMemory,
    st.none() | st.integers(0, 250),
    MOMENTS,
    st.integers(0, 250),
    MOMENTS,
    MOMENTS,
    st.integers(0, 100),
    MOMENTS,
    st.none() | st.builds(RunTimes, *[st.floats(0, 1e5)] * 4),
)
NOW = 2000.0
QUICK = settings(deadline=None, phases=[Phase.generate])


@QUICK
@given(POLICIES, FIGURES, FLEETS, MEMORIES)
def test_always_within_limits_and_in_numbers(
    limits: FleetPolicy, seen: QueueFigures, fleet: Fleet, memory: FleetMemory
) -> None:
    decision = decide(limits, seen, fleet, memory, NOW)
    assert isinstance(decision.containers, int)
    assert limits.min_workers <= decision.containers <= limits.max_workers
    assert 0 <= decision.bursts <= max(limits.max_bursts - fleet.bursts, 0)
    assert decision.memory.wanted == decision.containers
    assert not {"nan", "inf"} & set(decision.reason.replace(",", " ").split())


@QUICK
@given(POLICIES, FIGURES, FLEETS, MEMORIES)
def test_asking_again_changes_nothing(
    limits: FleetPolicy, seen: QueueFigures, fleet: Fleet, memory: FleetMemory
) -> None:
    first = decide(limits, seen, fleet, memory, NOW)
    assert repr(decide(limits, seen, fleet, memory, NOW)) == repr(first)
    again = decide(limits, seen, fleet, first.memory, NOW)
    assert (again.containers, again.bursts) == (first.containers, 0)


@QUICK
@given(POLICIES, FIGURES, FLEETS, MEMORIES, st.integers(1, 10**5))
def test_more_that_waits_never_makes_a_smaller_fleet(
    limits: FleetPolicy, seen: QueueFigures, fleet: Fleet, memory: FleetMemory, more: int
) -> None:
    less = replace(seen, waiting=max(seen.waiting, 1))  # an empty queue can't be dead
    larger: Decision = decide(limits, replace(less, waiting=less.waiting + more), fleet, memory, NOW)
    assert larger.containers >= decide(limits, less, fleet, memory, NOW).containers


@QUICK
@given(POLICIES, FIGURES, FLEETS, MEMORIES)
def test_memory_survives_being_stored(
    limits: FleetPolicy, seen: QueueFigures, fleet: Fleet, memory: FleetMemory
) -> None:
    left = decide(limits, seen, fleet, memory, NOW).memory
    assert FleetMemory.from_dict(left.as_dict()) == left
    assert FleetPolicy.from_dict(limits.as_dict()) == limits
