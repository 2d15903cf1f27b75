"""A sampling profile of a running worker: a real thread looks a hundred times a second where the worker's thread is.

What it costs while it runs is a few percent of a core; nothing before and after.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import gevent
from gevent.monkey import get_original

from mrq.domain.orders import LONGEST_PROFILE
from mrq.domain.profile import IDLE, Profile, bounded
from mrq.engine.execute import execute
from mrq.engine.subpools import Subpool
from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from types import FrameType

    from mrq.domain.ids import JobId, WorkerId
    from mrq.ports.clock import Clock
    from mrq.ports.profiles import Profiles

log = logging.getLogger("mrq.worker")

EVERY = 0.01  # seconds
DEEPEST = 100  # innermost frames of a stack
MOST_DIFFERENT = 50_000  # stacks in memory; what comes after them counts as one

_EXECUTE, _SUBPOOL = execute.__code__, Subpool._work_on.__code__  # noqa: SLF001 - to be recognised in a stack


class Profiler:
    """Of the thread that makes it. One profile at a time."""

    def __init__(
        self, profiles: Profiles, clock: Clock, new_id: Callable[[], JobId], worker: Callable[[], WorkerId]
    ) -> None:
        self._profiles = profiles
        self._clock = clock
        self._new_id = new_id
        self._worker = worker
        self._thread = get_original("_thread", "get_ident")()
        self._running = False
        self._life: tuple[Sampling, datetime, float] | None = None
        self.failed = 0

    def start(self, seconds: float) -> str:
        """Begin a profile; says so, or why not."""
        if self._running:
            return "it can't be done: a profile is being made"
        seconds = min(max(EVERY, seconds), LONGEST_PROFILE)
        self._running = True
        name = self._new_id()
        gevent.spawn(self._make, name, seconds)
        return f"makes the profile {name}, for {seconds:g} s"

    def begin(self) -> None:
        """Sample until `finish`."""
        self._life = sampling, _, _ = Sampling(self._thread), self._clock.now(), self._clock.monotonic()
        sampling.start()

    def finish(self) -> None:
        """Say and store what was seen since `begin`. Raises nothing."""
        if self._life is None:
            return
        (sampling, started, since), self._life = self._life, None
        name = self._new_id()
        try:
            stacks, samples = sampling.stop()
            seconds = self._clock.monotonic() - since
            profile = Profile(name, self._worker(), started, seconds, samples, bounded(stacks))
            log.info("profile %s: %s", name, profile.in_words())
            self._profiles.put(profile)
        except Exception as error:  # noqa: BLE001 - whatever it is, no job is to blame
            self._failed(name, error)

    def _failed(self, name: JobId, error: Exception) -> None:
        self.failed += 1
        away = isinstance(error, StoreUnavailableError)
        what = "stored" if away else "made"
        log.warning(
            "the profile %s can't be %s (%d times so far): %s", name, what, self.failed, error,
            exc_info=None if away else error,
        )  # fmt: skip

    def _make(self, name: JobId, seconds: float) -> None:
        try:
            started, sampling = self._clock.now(), Sampling(self._thread)
            sampling.start()
            gevent.sleep(seconds)
            stacks, samples = sampling.stop()
            self._profiles.put(Profile(name, self._worker(), started, seconds, samples, bounded(stacks)))
            log.info("the profile %s is made: %d samples; see `mrq profile %s`", name, samples, name)
        except Exception as error:  # noqa: BLE001 - whatever it is, no job is to blame
            self._failed(name, error)
        finally:
            self._running = False


class Sampling:
    """The thread that looks, and what it has seen."""

    def __init__(self, thread: int) -> None:
        self._thread = thread
        self._stopped = False
        self._counting = get_original("_thread", "allocate_lock")()  # held for moments: it may block the loop
        self.stacks: Counter[str] = Counter()
        self.samples = 0

    def start(self) -> None:
        """Begin to look."""
        get_original("_thread", "start_new_thread")(self._look_on, (get_original("time", "sleep"),))

    def stop(self) -> tuple[Counter[str], int]:
        """Look no more. The stacks that were seen, and how many samples there are: the thread adds no more to them."""
        with self._counting:
            self._stopped = True
            return self.stacks, self.samples

    def _look_on(self, sleep: Callable[[float], object]) -> None:
        while not self._stopped:
            self.look()
            sleep(EVERY)

    def look(self) -> None:
        """Look once."""
        frame = sys._current_frames().get(self._thread)  # noqa: SLF001 - documented
        if frame is None:
            return
        stack = stack_text(frame)
        with self._counting:
            if not self._stopped:
                self._count(stack)

    def _count(self, stack: str) -> None:
        if len(self.stacks) >= MOST_DIFFERENT and stack not in self.stacks:
            stack = stack.partition(";")[0]
        self.stacks[stack] += 1
        self.samples += 1


def stack_text(frame: FrameType | None) -> str:
    """ "task;outermost;...;innermost": the task's own part, or all of it when no job runs."""
    names: list[str] = []
    while frame is not None:
        code = frame.f_code
        if code is _EXECUTE or code is _SUBPOOL:
            return ";".join([_task_of(frame), *names[:DEEPEST][::-1]])
        names.append(f"{frame.f_globals.get('__name__', '?')}:{code.co_qualname}".replace(";", ","))
        frame = frame.f_back
    return ";".join([IDLE, *names[:DEEPEST][::-1]])


def _task_of(frame: FrameType) -> str:
    values: Any = frame.f_locals
    if frame.f_code is _EXECUTE:
        return str(values["job"].path)
    run = values["self"]._run  # noqa: SLF001
    return IDLE if run is None else str(run.job.path)
