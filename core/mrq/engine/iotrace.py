"""I/O tracing: what each job waits for now, and for how long jobs have waited, by kind and by task.

Whatever does I/O is called through `call`. Only the outermost call counts: a MongoDB query is that, and not the sockets
that it uses. Costs nothing where nothing was patched.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from mrq.domain.iosums import REST, IoSum
from mrq.engine.run import current_run
from mrq.exceptions import ends_the_caller

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mrq.engine.run import Run
    from mrq.ports.clock import Clock

log = logging.getLogger("mrq.worker")

T = TypeVar("T")
Event = dict[str, Any]
Hook = Callable[[Event], object]

MOST_TOLD = 20  # kinds, and tasks, in a report
MOST_KNOWN = 2_000  # kinds, and tasks, of which sums are kept
MOST_OF_RUN = 100  # kinds of which a run keeps sums
LONGEST_DATA = 200  # characters
COMPLAIN_AGAIN = 60.0  # seconds between two log lines about hooks that raise

_inside: ContextVar[bool] = ContextVar("mrq_inside_io", default=False)


@dataclass(frozen=True, slots=True)
class IoWait:
    """What a job waits for: the kind, such as `mongodb.find` or `http.get`, and what of it."""

    kind: str
    data: str
    started: datetime


@dataclass(slots=True)
class IoHooks:
    """The user's functions around a call. Each is looked up at each call, since the configuration may change."""

    pre: Callable[[], Hook | None]
    post: Callable[[], Hook | None]
    job: Callable[[], Any]  # the Job of the code that runs, or None
    _quiet_until: float = 0.0

    def tell(self, hook: Hook | None, event: Event) -> None:
        """Call one. What it raises is logged, once a minute, and nothing more."""
        if hook is None:
            return
        try:
            hook(event)
        except BaseException as error:
            if ends_the_caller(error):
                raise
            if time.monotonic() >= self._quiet_until:
                self._quiet_until = time.monotonic() + COMPLAIN_AGAIN
                log.exception("an I/O hook raised; further errors of it are hidden for a minute")


@dataclass(slots=True)
class IoTrace:
    """Of one worker."""

    clock: Clock
    kinds: Counter[str] = field(default_factory=Counter)  # seconds
    tasks: Counter[str] = field(default_factory=Counter)  # seconds
    total: float = 0.0

    def call(
        self,
        kind: str,
        data: str,
        function: Callable[[], T],
        hooks: IoHooks | None = None,
        event: Event | None = None,
    ) -> T:
        """What the function returns; it is about to wait for this."""
        if _inside.get():
            return function()
        token = _inside.set(True)
        run = current_run.get()
        wait = IoWait(kind, data[:LONGEST_DATA], self.clock.now())
        if run is not None:
            run.waits.append(wait)
        if hooks is not None and event is not None:
            event["job"] = hooks.job()
            hooks.tell(hooks.pre(), event)
        began = time.perf_counter()
        try:
            result = function()
        finally:
            took = time.perf_counter() - began
            if run is not None:
                run.waits.remove(wait)
                self._count(run, kind, took)
                _keep(run, kind, took)
                if run.span is not None:
                    run.span.waited(kind, wait.data, took)
            _inside.reset(token)
        if hooks is not None and event is not None:
            self._tell_after(hooks, {**event, "result": result, "time": took})
        return result

    def _tell_after(self, hooks: IoHooks, event: Event) -> None:
        token = _inside.set(True)  # what the hook does itself is not told to it
        try:
            hooks.tell(hooks.post(), event)
        finally:
            _inside.reset(token)

    def _count(self, run: Run, kind: str, seconds: float) -> None:
        self.total += seconds
        for sums, name in ((self.kinds, kind), (self.tasks, run.job.path)):
            if len(sums) < MOST_KNOWN or name in sums:
                sums[name] += seconds  # type: ignore[assignment]

    def report(self) -> dict[str, Any]:
        """In MRQ 0.9's form: seconds since the worker started, those of jobs alone, the largest first."""
        return {
            "types": [[kind, seconds] for kind, seconds in self.kinds.most_common(MOST_TOLD)],
            "tasks": [[path, seconds] for path, seconds in self.tasks.most_common(MOST_TOLD)],
            "total": self.total,
        }


def _keep(run: Run, kind: str, seconds: float) -> None:
    """For the run's own sums."""
    kept = run.io = {} if run.io is None else run.io
    name = kind if kind in kept or len(kept) < MOST_OF_RUN else REST
    before = kept.get(name, IoSum(name, 0.0, 0))
    kept[name] = IoSum(name, before.seconds + seconds, before.calls + 1)


def waits_of(run: Run) -> Mapping[str, Any] | None:
    """What a job waits for now, as reports have it; of several sub-pools' waits the oldest."""
    waits = run.waits
    first = waits[0] if waits else None
    return None if first is None else {"type": first.kind, "data": first.data, "started": first.started}
