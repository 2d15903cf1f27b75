"""Greenlet tracing: what each job uses of the one thread that all share, and where it kept it for longest.

greenlet calls a function at each switch. Only where a job's greenlet is left or entered it reads two clocks: the
thread's processor time, which is what the job used, and the time on the wall, which is how long others waited. Where a
job is while it does not switch can only be seen from outside: a real thread looks a few times a second.
"""

from __future__ import annotations

import sys
import time
from traceback import FrameSummary, walk_stack
from typing import TYPE_CHECKING, Any

import greenlet
from gevent.monkey import get_original

from mrq.domain.usage import Usage
from mrq.engine.frames import stack_of_task

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

LOOK_EVERY = 0.05  # seconds
NOTABLE = 2 * LOOK_EVERY  # seconds without a switch from which on the place is worth a look
DEEPEST = 200  # frames of a stack that are looked at

Place = tuple[str, int, str]  # file, line, function


class GreenletTrace:
    """See mrq.ports.tracing.RunTrace."""

    __slots__ = ("_places", "_tracer", "longest", "switches", "time")

    def __init__(self, tracer: GreenletTracer) -> None:
        self._tracer = tracer
        self.time = 0.0
        self.switches = 0
        self.longest = 0.0
        self._places: list[Place] = []  # outermost first, of the longest stretch

    def enter(self) -> None:
        """See RunTrace."""
        self._tracer.enter(self)

    def leave(self) -> None:
        """See RunTrace."""
        self._tracer.leave()

    def held(self, seconds: float, computed: float, places: Callable[[], list[Place]]) -> None:
        """A stretch without a switch has ended. `computed`: seconds of it on the processor."""
        self.time += computed
        if seconds > self.longest:
            self.longest = seconds
            self._places = places() if seconds >= NOTABLE else []

    def usage(self) -> Usage:
        """See RunTrace."""
        frames = [FrameSummary(file, line, name) for file, line, name in self._places]
        return Usage(self.time, self.switches, self.longest, stack_of_task(frames))


class GreenletTracer:
    """Traces the greenlets of the thread that calls `install`, once they have entered a trace."""

    def __init__(
        self, clock: Callable[[], float] = time.perf_counter, cpu: Callable[[], float] = time.thread_time
    ) -> None:
        self._clock = clock
        self._cpu = cpu  # of the thread that calls it
        self._traces: dict[Any, GreenletTrace] = {}  # by greenlet
        self._current: GreenletTrace | None = None
        self._since = 0.0
        self._cpu_since = 0.0
        self._seen: tuple[float, list[Place]] = (0.0, [])  # the stretch that began then, as the thread saw it
        self._thread = 0
        self._before: Any = None
        self._stopped = False

    def trace(self) -> GreenletTrace:
        """A trace for a run."""
        return GreenletTrace(self)

    def install(self) -> None:
        """Begin. Who traced this thread before goes on being told."""
        self._thread = get_original("_thread", "get_ident")()  # the patched one tells greenlets apart
        self._before = greenlet.settrace(self._switched)
        get_original("_thread", "start_new_thread")(self._watch, (get_original("time", "sleep"),))

    def remove(self) -> None:
        """End."""
        self._stopped = True
        greenlet.settrace(self._before)

    def enter(self, trace: GreenletTrace) -> None:
        """The current greenlet works for a run from now on."""
        self._traces[greenlet.getcurrent()] = trace
        trace.switches += 1
        self._current, self._since, self._cpu_since = trace, self._clock(), self._cpu()

    def leave(self) -> None:
        """It does no more."""
        current = greenlet.getcurrent()
        trace = self._traces.pop(current, None)
        if trace is not None:
            self._account(trace, current)
            self._current = None

    def _switched(self, event: str, args: Any) -> None:
        """A switch has happened; this runs in the greenlet that was switched to."""
        origin, target = args
        if self._current is not None:
            self._account(self._current, origin)
        trace = self._current = self._traces.get(target)
        if trace is not None:
            trace.switches += 1
            self._since, self._cpu_since = self._clock(), self._cpu()
        if self._before is not None:
            self._before(event, args)

    def _account(self, trace: GreenletTrace, left: Any) -> None:
        since = self._since

        def places() -> list[Place]:
            began, seen = self._seen
            # a look may have been impossible: native code that kept the interpreter to itself
            return seen if began == since and seen else places_of(left.gr_frame)

        trace.held(self._clock() - since, self._cpu() - self._cpu_since, places)

    # ---- the thread beside it

    def _watch(self, sleep: Callable[[float], object]) -> None:
        """Look where a job is that doesn't switch. Touches nothing that greenlets wait for."""
        while not self._stopped:
            sleep(LOOK_EVERY)
            self.look()

    def look(self) -> None:
        """Look once: what still runs in a stretch that is long enough is remembered with its stack."""
        since = self._since
        if self._current is not None and self._clock() - since >= LOOK_EVERY and self._seen[0] != since:
            self._seen = (since, places_of(sys._current_frames().get(self._thread)))  # noqa: SLF001 - documented


def places_of(frame: FrameType | None) -> list[Place]:
    """Where a stack is, outermost frame first, without reading any file."""
    steps = walk_stack(frame) if frame is not None else ()
    found = [(step.f_code.co_filename, line, step.f_code.co_name) for step, line in steps]
    return found[:DEEPEST][::-1]
