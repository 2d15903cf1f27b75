"""Greenlets that run one thing after another: making a greenlet and its end cost more than a small job.

Nobody may notice. So a greenlet is used again only if, while it waits, nobody else knows it: a `gevent.Timeout` that
was left running would hit the next job, which would also see greenlet-local values, and who waits for the greenlet's
end would wait for long. One that somebody knows is let end.
"""

from __future__ import annotations

import sys
import weakref
from typing import TYPE_CHECKING

import gevent

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 256  # that wait; each holds some 20 KiB


class Hand(gevent.Greenlet):  # type: ignore[type-arg] # it is generic for type checkers only
    """A greenlet that waits for more when it has run what it was given."""

    __slots__ = ("_crew", "given")

    def __init__(self, crew: Crew, work: Callable[[], object] | None) -> None:
        """`work`: what it runs first."""
        super().__init__()
        self._crew = crew
        self.given = work

    def _run(self) -> None:
        """Run what is given, until that is nothing."""
        while (work := self.given) is not None:
            self.given = None
            work()
            work = None  # nothing of it stays while this waits
            self.gr_context = None  # the next one starts in a fresh one, as in a new greenlet
            if self._crew.wait_in(self):
                gevent.get_hub().switch()


class Crew:
    """The hands of a runtime."""

    def __init__(self) -> None:
        """Also finds out how many references there are to a hand that only we know."""
        self._waiting: list[Hand] = []
        self._ours = 0
        Hand(self, int).start()
        gevent.sleep(0)  # it runs, and waits
        if self._waiting:
            self._ours = sys.getrefcount(self._waiting[-1])

    def start(self, work: Callable[[], object]) -> Hand:
        """Have a hand run this soon; as with a new greenlet, not before the caller lets others run."""
        while self._waiting:
            known_to = sys.getrefcount(self._waiting[-1])
            hand = self._waiting.pop()
            if hand.dead or hand.parent is not gevent.get_hub():
                continue
            if known_to == self._ours and self._is_blank(hand):
                hand.given = work
                hand.parent.loop.run_callback(hand.switch)
                return hand
            hand.parent.loop.run_callback(hand.switch)  # given nothing, it ends
        hand = Hand(self, work)
        hand.start()
        return hand

    def wait_in(self, hand: Hand) -> bool:
        """Whether this hand is to wait for more."""
        if len(self._waiting) >= MOST:
            return False
        self._waiting.append(hand)
        return True

    @staticmethod
    def _is_blank(hand: Hand) -> bool:
        # gevent's locals are links of the greenlet and weak references to it
        return not (hand.has_links() or hand.__dict__ or weakref.getweakrefcount(hand))
