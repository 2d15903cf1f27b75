"""What a supervisor does, event by event. Time is a number that the tests move."""

from __future__ import annotations

import signal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mrq.domain.backoff import FIRST_PAUSE, LIVED_WELL, LONGEST_PAUSE, RestartPauses
from mrq.domain.supervision import (
    BAD_CONFIGURATION,
    FIRST_PATIENCE,
    START_PATIENCE,
    Action,
    Do,
    End,
    Order,
    Say,
    Supervision,
    signal_name,
)

DIED = End(-signal.SIGKILL, name="worker 7")
GOODBYE = End(0, on_purpose=True)
LONG = LIVED_WELL + 1


class Fleet:
    """A supervision, the time, and what became of the workers that it had started."""

    def __init__(self, processes: int = 0) -> None:
        self.plan = Supervision()
        self.now = 100.0
        self.living: list[int] = []
        self.said: list[str] = []
        self.told: list[tuple[Do, int]] = []
        self.see(self.plan.begin(self.now))
        if processes:
            self.plan.wants(processes)

    def see(self, actions: list[Action | Say]) -> None:
        for action in actions:
            if isinstance(action, Say):
                self.said.append(action.text)
            elif action.do is Do.START:
                self.living.append(action.child)
            else:
                self.told.append((action.do, action.child))

    def ready(self, *numbers: int) -> None:
        for number in numbers:
            self.see(self.plan.ready(number, self.now))

    def end(self, number: int, end: End = DIED) -> None:
        self.living.remove(number)
        self.see(self.plan.ended(number, end, self.now))

    def tell(self, order: Order) -> None:
        self.see(self.plan.told(order, self.now))

    def after(self, seconds: float) -> None:
        self.now += seconds
        self.see(self.plan.tick(self.now))


def serving(processes: int) -> Fleet:
    """A fleet that is up: its workers are 0, 1, 2..."""
    fleet = Fleet(processes)
    fleet.ready(0)
    fleet.ready(*fleet.living[1:])
    assert fleet.living == list(range(max(1, processes)))
    return fleet


# ---- the guard of one worker


def test_a_lone_worker_that_says_goodbye_ends_its_guard_with_its_code() -> None:
    for code in (0, 1):
        fleet = serving(0)
        fleet.end(0, End(code, on_purpose=True))
        assert (fleet.plan.over, fleet.plan.exit_code, fleet.living) == (True, code, [])


def test_a_lone_worker_that_dies_or_asks_for_a_successor_is_replaced() -> None:
    for end in (DIED, End(0, on_purpose=True, replace=True), End(-9, on_purpose=True, killed=True)):
        fleet = serving(0)
        fleet.end(0, end)
        assert not fleet.plan.over
        fleet.after(FIRST_PAUSE)
        assert fleet.living == [1]


@pytest.mark.parametrize(("code", "expected"), [(BAD_CONFIGURATION, 2), (1, 1), (-signal.SIGSEGV, 139)])
@pytest.mark.parametrize("processes", [0, 1, 3])
def test_what_never_served_is_not_tried_again(processes: int, code: int, expected: int) -> None:
    fleet = Fleet(processes)
    fleet.end(0, End(code))
    assert (fleet.plan.over, fleet.plan.exit_code, fleet.living) == (True, expected, [])


@pytest.mark.parametrize("processes", [0, 1])
def test_a_server_that_is_away_later_is_waited_for_and_bad_settings_are_not(processes: int) -> None:
    fleet = serving(processes)
    fleet.end(0)
    fleet.after(LONGEST_PAUSE)
    fleet.end(1, End(1))
    assert "no worker could be started (exit code 1" in fleet.said[-1]
    fleet.after(LONGEST_PAUSE)
    assert fleet.living == [2]
    fleet.end(2, End(BAD_CONFIGURATION))
    assert (fleet.plan.over, fleet.plan.exit_code) == (True, BAD_CONFIGURATION)


# ---- several


def test_the_others_follow_once_the_first_serves() -> None:
    fleet = Fleet(3)
    assert fleet.living == [0]
    fleet.ready(0)
    assert fleet.living == [0, 1, 2]
    fleet.ready(0)
    assert fleet.living == [0, 1, 2], "told twice"


@pytest.mark.parametrize("end", [DIED, GOODBYE, End(1, on_purpose=True), End(0, on_purpose=True, replace=True)])
def test_every_worker_that_ends_is_replaced_whatever_the_reason(end: End) -> None:
    fleet = serving(2)
    fleet.end(0, end)
    assert any(end.in_words in said for said in fleet.said)
    fleet.after(FIRST_PAUSE)
    assert fleet.living == [1, 2]


def test_one_that_dies_again_and_again_is_started_more_and_more_rarely_and_holds_up_no_other() -> None:
    fleet = serving(2)
    pauses = []
    for _ in range(12):
        doomed = max(fleet.living)
        fleet.end(doomed)
        pauses.append(fleet.plan.wait(fleet.now, 60))
        fleet.after(pauses[-1] * 0.99)
        assert len(fleet.living) == 1
        fleet.after(pauses[-1] * 0.02)
        fleet.ready(max(fleet.living))
    assert pauses == pytest.approx([min(LONGEST_PAUSE, FIRST_PAUSE * 2**n) for n in range(12)])
    fleet.end(0)
    assert fleet.plan.wait(fleet.now, 60) == pytest.approx(FIRST_PAUSE)


def test_a_worker_that_used_too_much_memory_is_replaced_without_penalty() -> None:
    fleet = serving(1)
    for number in range(5):
        fleet.end(number, End(0, on_purpose=True, replace=True))
        assert fleet.plan.wait(fleet.now, 60) == pytest.approx(FIRST_PAUSE)
        fleet.after(FIRST_PAUSE)
        fleet.ready(number + 1)


def test_bad_settings_are_tried_again_while_others_serve() -> None:
    fleet = serving(2)
    fleet.end(0)
    fleet.after(LONGEST_PAUSE)
    fleet.end(2, End(BAD_CONFIGURATION))
    assert not fleet.plan.over
    fleet.after(LONGEST_PAUSE)
    assert fleet.living == [1, 3]
    fleet.end(1)  # the last one that served
    fleet.end(3, End(BAD_CONFIGURATION))
    assert (fleet.plan.over, fleet.plan.exit_code) == (True, BAD_CONFIGURATION)


# ---- told to end


def test_told_once_they_finish_told_twice_they_are_interrupted() -> None:
    fleet = serving(2)
    fleet.tell(Order.FINISH)
    assert fleet.told == [(Do.FINISH, 0), (Do.FINISH, 1)]
    fleet.end(0, GOODBYE)
    fleet.after(LONG)
    assert fleet.living == [1], "no new ones"
    fleet.tell(Order.FINISH)
    assert fleet.told[2:] == [(Do.INTERRUPT, 1)]
    fleet.end(1, GOODBYE)
    assert (fleet.plan.over, fleet.plan.exit_code) == (True, 0)


def test_told_to_end_at_once_all_are_interrupted_each_time() -> None:
    fleet = serving(2)
    for _ in range(2):
        fleet.tell(Order.INTERRUPT)
        assert fleet.told == [(Do.INTERRUPT, 0), (Do.INTERRUPT, 1)]
        fleet.told.clear()


def test_what_has_not_begun_is_ended_at_once_and_what_waits_is_not_started() -> None:
    fleet = serving(3)
    fleet.end(0)
    fleet.end(1)
    fleet.after(FIRST_PAUSE)  # 3 and 4 start
    fleet.end(3, End(1))
    fleet.tell(Order.FINISH)
    assert fleet.told == [(Do.FINISH, 2), (Do.INTERRUPT, 4)]
    fleet.end(2, GOODBYE)
    fleet.end(4, End(-signal.SIGTERM))
    fleet.after(LONG)
    assert (fleet.plan.over, fleet.plan.exit_code, fleet.living) == (True, 0, [])


def test_a_worker_that_can_not_end_well_shows_in_the_exit_code() -> None:
    for end, code in ((End(1, on_purpose=True), 1), (DIED, 137), (End(-9, killed=True), 1)):
        fleet = serving(2)
        fleet.tell(Order.FINISH)
        fleet.end(0, end)
        fleet.end(1, GOODBYE)
        assert (fleet.plan.over, fleet.plan.exit_code) == (True, code)
    fleet = serving(1)
    fleet.tell(Order.INTERRUPT)
    fleet.end(0, End(-9, killed=True))
    assert fleet.plan.exit_code == 0, "it was told to end at once, and had to be helped"


# ---- one by one


def test_workers_are_replaced_one_by_one_each_after_its_successor_serves() -> None:
    fleet = serving(2)
    fleet.tell(Order.ROLL)
    assert (fleet.living, fleet.told) == ([0, 1, 2], [])
    fleet.ready(2)
    assert (fleet.living, fleet.told) == ([0, 1, 2], [(Do.FINISH, 0)])
    fleet.after(LONG)  # the old one may take as long as its jobs
    assert fleet.living == [0, 1, 2]
    fleet.end(0, GOODBYE)
    assert fleet.living == [1, 2, 3]
    fleet.ready(3)
    assert fleet.told == [(Do.FINISH, 0), (Do.FINISH, 1)]
    fleet.end(1, GOODBYE)
    fleet.after(LONG)
    assert fleet.living == [2, 3]


@pytest.mark.parametrize("late", [False, True])
def test_a_new_worker_that_does_not_serve_stops_the_replacement(late: bool) -> None:
    fleet = serving(2)
    fleet.tell(Order.ROLL)
    if late:
        fleet.after(START_PATIENCE)
        assert fleet.told == []
        fleet.after(1)
        fleet.after(1)
        assert fleet.told == [(Do.KILL, 2)]
    fleet.end(2, End(-9, killed=True) if late else End(BAD_CONFIGURATION))
    fleet.after(LONG)
    assert fleet.living == [0, 1]
    assert "are not replaced and work on" in fleet.said[-1]
    fleet.tell(Order.ROLL)
    assert fleet.living == [0, 1, 3], "tried again when told again"


@pytest.mark.parametrize("processes", [0, 3])
def test_a_worker_that_never_serves_is_killed_and_that_is_an_error(processes: int) -> None:
    fleet = Fleet(processes)
    fleet.after(FIRST_PATIENCE)
    assert fleet.told == []
    fleet.after(1)
    fleet.after(1)
    assert fleet.told == [(Do.KILL, 0)]
    assert fleet.said == ["a new worker does not serve after 600 s: it is killed"]
    fleet.end(0, End(-9, killed=True))
    assert fleet.plan.over
    assert fleet.plan.exit_code == 1


def test_one_in_an_empty_place_that_never_serves_is_killed_and_tried_again() -> None:
    fleet = serving(2)
    fleet.end(0)
    fleet.after(LONGEST_PAUSE)
    fleet.after(FIRST_PATIENCE + 1)
    assert fleet.told == [(Do.KILL, 2)]
    fleet.end(2, End(-9, killed=True))
    fleet.after(LONGEST_PAUSE)
    assert fleet.living == [1, 3]


def test_one_that_says_that_its_start_takes_time_has_it() -> None:
    fleet = Fleet()
    for _ in range(5):
        fleet.after(FIRST_PATIENCE - 1)
        fleet.plan.starting(0, fleet.now)
    fleet.after(FIRST_PATIENCE)
    assert fleet.told == []
    fleet.after(1)
    assert fleet.told == [(Do.KILL, 0)]


def test_a_successor_takes_the_place_of_one_that_dies_before() -> None:
    fleet = serving(2)
    fleet.tell(Order.ROLL)
    fleet.end(0)
    fleet.after(LONG)
    assert fleet.living == [1, 2], "nobody else is started for it, and the next waits until it serves"
    fleet.ready(2)
    assert (fleet.living, fleet.told) == ([1, 2, 3], [])


def test_told_again_while_they_are_replaced_the_new_ones_are_replaced_too() -> None:
    fleet = serving(1)
    fleet.tell(Order.ROLL)
    fleet.tell(Order.ROLL)
    fleet.ready(1)
    fleet.end(0, GOODBYE)
    assert fleet.living == [1, 2]


def test_a_stop_during_a_replacement_ends_all_and_interrupts_nobody_who_was_told_to_finish() -> None:
    fleet = serving(2)
    fleet.tell(Order.ROLL)
    fleet.ready(2)
    fleet.tell(Order.FINISH)
    assert sorted(fleet.told, key=lambda told: told[1]) == [(Do.FINISH, 0), (Do.FINISH, 1), (Do.FINISH, 2)]
    for number in (0, 1, 2):
        fleet.end(number, GOODBYE)
    assert fleet.plan.over


def test_workers_that_start_or_end_are_not_replaced() -> None:
    fleet = Fleet(2)
    fleet.tell(Order.ROLL)
    assert fleet.living == [0]
    fleet.ready(0, *fleet.living[1:])
    assert fleet.living == [0, 1]
    fleet.tell(Order.FINISH)
    fleet.tell(Order.ROLL)
    assert fleet.living == [0, 1]
    assert fleet.said == ["the workers are not replaced now: they are starting or ending"] * 2


def test_a_lone_worker_is_interrupted_when_its_terminal_goes_away() -> None:
    fleet = serving(0)
    fleet.tell(Order.ROLL)
    assert fleet.told == [(Do.INTERRUPT, 0)]


# ---- in general


class AnyFleet(RuleBasedStateMachine):
    """Whatever happens in whatever order."""

    def __init__(self) -> None:
        super().__init__()
        self.processes = 3
        self.fleet = serving(self.processes)
        self.stopped = False

    @rule(seconds=st.sampled_from([0.01, 1.0, LONGEST_PAUSE, START_PATIENCE + 1, FIRST_PATIENCE + 1]))
    def time_passes(self, seconds: float) -> None:
        self.fleet.after(seconds)

    @precondition(lambda self: self.fleet.living)
    @rule(which=st.integers(0, 9))
    def one_is_ready(self, which: int) -> None:
        self.fleet.ready(self.fleet.living[which % len(self.fleet.living)])

    @precondition(lambda self: self.fleet.living)
    @rule(which=st.integers(0, 9), end=st.sampled_from([DIED, GOODBYE, End(1), End(-9, killed=True)]))
    def one_ends(self, which: int, end: End) -> None:
        self.fleet.end(self.fleet.living[which % len(self.fleet.living)], end)

    @rule()
    def replaced(self) -> None:
        before = len(self.fleet.living)
        told = len(self.fleet.told)
        self.fleet.tell(Order.ROLL)
        assert len(self.fleet.living) >= before
        assert len(self.fleet.told) == told, "nobody is told anything before a successor serves"

    @rule(order=st.sampled_from([Order.FINISH, Order.INTERRUPT]), really=st.integers(0, 9))
    def stop(self, order: Order, really: int) -> None:
        if really == 0:
            self.fleet.tell(order)
            self.stopped = True

    @invariant()
    def never_too_many_and_nothing_is_forgotten(self) -> None:
        plan = self.fleet.plan
        assert len(self.fleet.living) <= self.processes + 1
        if not self.stopped:
            assert not plan.over
            kept = [number for number in self.fleet.living if (Do.FINISH, number) not in self.fleet.told]
            waiting = sum(1 for post in plan._posts if post.due < float("inf"))
            assert len(kept) + waiting in (self.processes, self.processes + 1)
        elif not self.fleet.living:
            assert plan.over


TestAnyFleet = AnyFleet.TestCase
TestAnyFleet.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


# ---- pauses and words


def test_pauses_double_up_to_a_limit_and_are_short_again_after_a_good_life() -> None:
    pauses = RestartPauses()
    assert [pauses.after(1) for _ in range(3)] == [FIRST_PAUSE, FIRST_PAUSE * 2, FIRST_PAUSE * 4]
    assert pauses.after(LONG) == FIRST_PAUSE
    assert pauses.after(1) == FIRST_PAUSE * 2
    assert pauses.after(0, forgiven=True) == FIRST_PAUSE
    assert max(pauses.after(0) for _ in range(20)) == LONGEST_PAUSE


def test_exits_in_words() -> None:
    assert End(0).in_words == "exit code 0"
    assert "settings" in End(2).in_words
    assert "stuck" in End(-signal.SIGKILL, killed=True).in_words
    assert End(3).in_words == "exit code 3 without saying goodbye"
    assert End(-signal.SIGSEGV).in_words == "killed by SIGSEGV without saying goodbye"
    assert "for want of memory" in DIED.in_words
    assert GOODBYE.in_words == "on purpose, exit code 0"
    assert End(0, True, replace=True).in_words == "it asked for a successor, exit code 0"
    assert signal_name(250) == "signal 250"
