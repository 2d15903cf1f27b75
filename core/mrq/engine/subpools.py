"""Sub-pools: one function over many items, side by side, on fibers that die with the one who asked for them."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from contextvars import copy_context
from itertools import count
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mrq.engine.run import current_run
from mrq.exceptions import Interrupt, JobInterrupt, TimeoutInterrupt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mrq.ports.runtime import Fiber, Runtime

SLICE: Final = 0.2  # seconds: a thread that waits feels an interruption only between two waits
AGAIN: Final = 0.5  # seconds between two interruptions of a fiber that doesn't end
GENTLY: Final = 1.0  # seconds that fibers without work get to end by themselves


class _End(NamedTuple):
    """What became of one item."""

    value: Any = None
    error: BaseException | None = None


class _NoMoreItemsError(Exception):
    """The iterable is used up, or the pool stops."""


class Subpool:
    """Runs a function over items. `results` is what the consumer iterates over, once.

    The fibers take the items themselves, one fiber at a time, so that work goes on while the consumer is busy.
    Each call gets a copy of the consumer's context: it sees the consumer's job. What an item or the iterable
    raises reaches the consumer as it was, with the traceback of the place where it happened.

    When the consumer ends, for whatever reason, the fibers are interrupted and their ends are awaited: none
    of them outlives the consumer, so a job's end is the end of all that it started.
    """

    def __init__(
        self,
        runtime: Runtime,
        size: int,
        function: Callable[[Any], Any],
        items: Iterable[Any],
        *,
        ordered: bool = True,
        ahead: int | None = None,
    ) -> None:
        """`size`: fibers at most. `ordered`: results come in the order of the items, else as they are ready.
        `ahead`: how many items may be taken whose results are not consumed yet (None: any number)."""
        self._runtime = runtime
        self._size = size
        self._function = function
        self._items = iter(items)
        self._ordered = ordered
        self._ahead = ahead
        self._run = current_run.get()
        self._context = copy_context()
        self._items_context = copy_context()  # the iterable's own: it may be a generator that sets variables
        self._taking = threading.Lock()
        self._fibers: list[Fiber] = []
        self._ends: dict[int, _End] = {}
        self._order: deque[int] = deque()  # of the ends, as they came
        self._broken: BaseException | None = None
        self._taken = 0
        self._consumed = 0
        self._exhausted = False
        self._stopping = False
        self._news = runtime.event()
        self._room = runtime.event()

    def results(self) -> Iterator[Any]:
        """What the function returned for each item.

        Raises:
            BaseException: what an item or the iterable raised; the other items are interrupted.
        """
        if self._run is not None:
            self._run.pools.add(self)
        try:
            with self._taking:
                self._start_fiber()
            for turn in count():
                end = self._next(turn)
                if end is None:
                    break
                self._consumed += 1
                self._room.set()
                value, error = end
                del end
                if error is not None:
                    try:
                        raise error
                    finally:
                        del error  # or it, its traceback and this frame would keep one another alive
                yield value
                del value  # a large result must not live until the next one comes
            self._let_end()
        except (TimeoutInterrupt, JobInterrupt) as exc:
            self.stop(type(exc))
            raise
        finally:
            self.stop()

    # ---- the consumer's side

    def _next(self, turn: int) -> _End | None:
        """The next end to be consumed; None when there are no more."""
        while True:
            self._news.clear()
            if self._ordered:
                if turn in self._ends:
                    return self._ends.pop(turn)
            elif self._order:
                return self._ends.pop(self._order.popleft())
            if self._exhausted and turn >= self._taken:
                return None
            if self._broken is not None:
                raise self._broken
            self._news.wait(SLICE)

    def _let_end(self) -> None:
        """All is consumed: the fibers end by themselves."""
        until = time.monotonic() + GENTLY
        for fiber in list(self._fibers):
            fiber.join(max(0.0, until - time.monotonic()))

    def stop(self, kind: type[BaseException] = JobInterrupt) -> None:
        """Interrupt all fibers and wait until they have ended, for as long as that takes. May be called twice.

        Interruptions of the caller meanwhile are raised at the end: leaving earlier would leave fibers behind.
        """
        self._stopping = True
        self._room.set()
        interrupted: Interrupt | None = None
        while not sys.is_finalizing():  # daemon threads are frozen then: they would never end
            try:
                living = [fiber for fiber in list(self._fibers) if not fiber.ended]
                if not living:
                    break
                for fiber in living:
                    fiber.interrupt(kind())
                until = time.monotonic() + AGAIN
                for fiber in living:
                    fiber.join(max(0.0, until - time.monotonic()))
            except Interrupt as exc:
                interrupted = exc
        self._ends.clear()
        if self._run is not None:
            self._run.pools.discard(self)
        if interrupted is not None:
            raise interrupted

    @property
    def fibers(self) -> list[Fiber]:
        """Those of its fibers that have not ended."""
        return [fiber for fiber in list(self._fibers) if not fiber.ended]

    # ---- the fibers' side

    def _start_fiber(self) -> None:
        """Add a fiber; the caller has `_taking`."""
        try:
            self._fibers.append(self._runtime.spawn(self._work, name="mrq-subpool"))
        except RuntimeError:  # no more threads: those that are there do the work
            if not self._fibers:
                raise

    def _work(self) -> None:
        trace = None if self._run is None else self._run.trace
        if trace is None:
            self._work_on()
            return
        trace.enter()
        try:
            self._work_on()
        finally:
            trace.leave()

    def _work_on(self) -> None:
        try:
            while True:
                index, item = self._take()
                try:
                    end = _End(self._context.copy().run(self._function, item))
                except BaseException as exc:  # noqa: BLE001 - the consumer is the one to judge it
                    end = _End(error=exc)
                    self._exhausted = True  # the consumer will get no further than this
                del item
                self._deliver(index, end)
                del end
                self._runtime.sleep(0)  # items that never wait must not keep everybody else from running
        except _NoMoreItemsError:
            pass
        except BaseException as exc:
            self._broken = exc  # hit between two items: the consumer must not wait for this fiber
            raise
        finally:
            self._news.set()

    def _take(self) -> tuple[int, Any]:
        """The next item and its number.

        Raises:
            _NoMoreItemsError: there is nothing more to do.
        """
        with self._taking:
            self._wait_for_room()
            if self._exhausted or self._stopping:
                raise _NoMoreItemsError
            index = self._taken
            try:
                item = self._items_context.run(next, self._items)
            except StopIteration:
                self._exhausted = True
                raise _NoMoreItemsError from None
            except BaseException as exc:  # noqa: BLE001 - as above
                self._taken += 1
                self._exhausted = True
                self._deliver(index, _End(error=exc))
                raise _NoMoreItemsError from None
            self._taken += 1
            if len(self._fibers) < self._size:
                self._start_fiber()
            return index, item

    def _wait_for_room(self) -> None:
        """Wait until the consumer has come close enough."""
        while self._ahead is not None and not self._stopping and not self._exhausted:
            self._room.clear()
            if self._taken - self._consumed < self._ahead:
                return
            self._room.wait(SLICE)

    def _deliver(self, index: int, end: _End) -> None:
        self._ends[index] = end
        if not self._ordered:
            self._order.append(index)
        self._news.set()
