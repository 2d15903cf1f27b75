"""Which processes a list of commands asks for. Time is a number that the tests move."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from mrq.domain.backoff import FIRST_PAUSE, LIVED_WELL, LONGEST_PAUSE
from mrq.domain.processlist import KILL_AFTER, ProcessList, Run
from mrq.domain.supervision import Action, Do

NOW = 50.0


def started(actions: list[Run | Action]) -> list[tuple[int, str]]:
    return [(action.child, action.command) for action in actions if isinstance(action, Run)]


def told(actions: list[Run | Action]) -> list[tuple[Do, int]]:
    return [(action.do, action.child) for action in actions if isinstance(action, Action)]


def test_each_command_is_started_as_often_as_it_is_in_the_list() -> None:
    assert started(ProcessList().want(["a", "b", "a"], NOW)) == [(0, "a"), (1, "a"), (2, "b")]


def test_what_stays_is_left_alone_and_of_too_many_the_newest_end() -> None:
    processes = ProcessList()
    processes.want(["a", "a", "a", "b"], NOW)
    actions = processes.want(["a", "c"], NOW)
    assert (started(actions), told(actions)) == ([(4, "c")], [(Do.FINISH, 2), (Do.FINISH, 1), (Do.FINISH, 3)])
    assert processes.want(["a", "c"], NOW) == []
    assert started(processes.want(["a", "a", "c"], NOW)) == [(5, "a")], "one that ends doesn't count"


def test_what_ends_is_started_again_after_a_pause_that_grows_with_quick_ends() -> None:
    processes = ProcessList()
    processes.want(["a"], NOW)
    now, pauses = NOW, []
    for number in range(12):
        pause = processes.ended(number, now)
        assert pause is not None
        pauses.append(pause)
        assert processes.tick(now + pause * 0.99) == []
        now += pause
        assert started(processes.tick(now)) == [(number + 1, "a")]
    assert pauses == [min(LONGEST_PAUSE, FIRST_PAUSE * 2**n) for n in range(12)]
    assert processes.ended(12, now + LIVED_WELL + 1) == FIRST_PAUSE


def test_what_waits_to_be_started_counts_and_is_given_up_when_it_is_not_wanted() -> None:
    processes = ProcessList()
    processes.want(["a", "a"], NOW)
    processes.ended(0, NOW)
    assert processes.want(["a", "a"], NOW) == []
    assert processes.want(["a"], NOW) == [], "the one that waits goes first"
    assert processes.tick(NOW + LONGEST_PAUSE) == []
    processes.ended(1, NOW)
    processes.want([], NOW)
    assert processes.tick(NOW + LONGEST_PAUSE) == []
    assert processes.wait(NOW, 7.0) == 7.0


def test_what_does_not_finish_in_time_is_told_in_a_harder_way() -> None:
    processes = ProcessList()
    processes.want(["a", "b"], NOW)
    processes.want(["b"], NOW, timeout=5)
    assert processes.wait(NOW, 60) == 5
    assert processes.tick(NOW + 4.9) == []
    assert told(processes.tick(NOW + 5)) == [(Do.INTERRUPT, 0)]
    assert processes.tick(NOW + 4.9 + KILL_AFTER) == []
    assert told(processes.tick(NOW + 5 + KILL_AFTER)) == [(Do.KILL, 0)]
    assert processes.ended(0, NOW + 99) is None


def test_without_a_timeout_it_may_take_as_long_as_it_likes() -> None:
    processes = ProcessList()
    processes.want(["a"], NOW)
    processes.want([], NOW)
    assert processes.tick(NOW + 1e9) == []


def test_stopped_nothing_is_started_any_more() -> None:
    processes = ProcessList()
    processes.want(["a", "b"], NOW)
    processes.want(["a"], NOW)  # b was told to finish
    assert told(processes.stop(Do.FINISH, NOW)) == [(Do.FINISH, 0)], "told twice, b would be interrupted"
    assert processes.stop(Do.FINISH, NOW) == []
    assert told(processes.stop(Do.INTERRUPT, NOW)) == [(Do.INTERRUPT, 0), (Do.INTERRUPT, 1)]
    assert told(processes.stop(Do.KILL, NOW)) == [(Do.KILL, 0), (Do.KILL, 1)]
    assert processes.stop(Do.INTERRUPT, NOW) == []
    assert processes.want(["c"], NOW) == []
    processes.ended(0, NOW)
    assert not processes.empty
    processes.ended(1, NOW)
    assert (processes.empty, processes.tick(NOW + 1e9)) == (True, [])


@given(st.lists(st.tuples(st.lists(st.sampled_from("abc"), max_size=6), st.lists(st.integers(0, 9), max_size=4))))
def test_whatever_was_wanted_before_in_the_end_there_is_what_is_wanted(
    steps: list[tuple[list[str], list[int]]],
) -> None:
    processes, running, now = ProcessList(), dict[int, str](), NOW

    def see(actions: list[Run | Action]) -> None:
        for action in actions:
            if isinstance(action, Run):
                running[action.child] = action.command
            else:
                running.pop(action.child)  # it obeys
                processes.ended(action.child, now)

    for wanted, deaths in steps:
        for death in deaths:
            if running:
                doomed = sorted(running)[death % len(running)]
                del running[doomed]
                processes.ended(doomed, now)
        see(processes.want(wanted, now))
        now += 1
        see(processes.tick(now))
    now += LONGEST_PAUSE
    see(processes.tick(now))
    assert Counter(running.values()) == Counter(steps[-1][0] if steps else [])
