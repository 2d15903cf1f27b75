"""Which greenlets are used again. In a process of its own: this one is not patched by gevent."""

from __future__ import annotations

import subprocess
import sys

import pytest

START = """
from gevent import monkey; monkey.patch_all()
import gc, threading, gevent
from mrq_container.hands import MOST, Crew

crew, ran, kept, local = Crew(), [], [], threading.local()

def note():
    ran.append(id(gevent.getcurrent()))

def run(work=note):
    crew.start(work)
    gevent.sleep(0)
    return ran[-1]
"""

SAME = {
    "one that nobody knows": "def work(): note()",
    "one that has waited": "def work(): gevent.sleep(0.001); note()",
    "one whose time-out was cancelled": "def work():\n with gevent.Timeout(9): note()",
    "one that has spawned others": "def work(): gevent.spawn(int).join(); note()",
}
OTHER = {
    "a time-out was left running": "def work(): gevent.Timeout.start_new(9); note()",
    "it has a local value": "def work(): local.value = 1; note()",
    "somebody kept it": "def work(): kept.append(gevent.getcurrent()); note()",
    "somebody waits for its end": "def work(): gevent.getcurrent().link(kept.append); note()",
    "it was given an attribute": "def work(): gevent.getcurrent().mine = 1; note()",
    "somebody will kill it": "def work(): gevent.spawn_later(9, gevent.getcurrent().kill); note()",
}


def after(work: str, then: str) -> None:
    program = f"{START}\n{work}\ncrew.start(work)\ngevent.sleep(0.05)\nfirst, second = ran[-1], run()\n{then}"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("work", SAME.values(), ids=SAME)
def test_a_greenlet_is_used_again(work: str) -> None:
    after(work, "assert first == second")


@pytest.mark.parametrize("work", OTHER.values(), ids=OTHER)
def test_a_greenlet_is_not_used_again_when(work: str) -> None:
    after(work, "assert first != second")


def test_one_that_is_not_used_again_ends_and_tells_who_waits() -> None:
    after(
        "def work(): kept.append(gevent.spawn(gevent.getcurrent().join)); note()",
        "assert kept[0].join(5) is None and kept[0].dead",
    )


def test_one_that_raised_is_not_used_again_and_does_no_harm() -> None:
    after("def work(): note(); raise KeyError('shown, as from any greenlet')", "assert run() == run()")


def test_no_more_wait_than_are_useful() -> None:
    after(
        "def work(): note()",
        "for _ in range(MOST + 50): crew.start(note)\n"
        "gevent.sleep(0)\n"
        "gc.collect()\n"
        "assert sum(type(each).__name__ == 'Hand' and not each.dead for each in gc.get_objects()) <= MOST",
    )
