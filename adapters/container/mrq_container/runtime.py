"""The Runtime on gevent: greenlets. Import it only after monkey-patching."""

from __future__ import annotations

import contextlib
import traceback
from typing import TYPE_CHECKING, Any, cast

import gevent
from gevent.event import Event

from mrq.exceptions import Interrupt
from mrq_container.hands import Crew

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.ports.runtime import Event as EventPort
    from mrq_container.hands import Hand


class GreenletFiber:
    """See mrq.ports.runtime.Fiber. Its greenlet may have run others before, and run others after."""

    __slots__ = ("_args", "_ended", "_function", "_hand", "_ident", "_over")

    def __init__(
        self,
        crew: Crew,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        known: Callable[[GreenletFiber], None] | None = None,
    ) -> None:
        self._function, self._args = function, args
        self._ended = False
        self._over: Event | None = None  # made for who waits
        self._hand: Hand | None = None
        self._ident = 0
        if known is not None:
            known(self)
        self._hand = crew.start(self._run)
        self._ident = id(self._hand)

    def _run(self) -> None:
        try:
            with contextlib.suppress(Interrupt):  # it hit the greenlet after its work was done
                self._function(*self._args)
        finally:
            self._ended = True
            self._hand = None  # it is no longer ours
            self._function, self._args = _nothing, ()
            if self._over is not None:
                self._over.set()

    @property
    def ended(self) -> bool:
        """See Fiber."""
        return self._ended

    @property
    def ident(self) -> int:
        """See Fiber."""
        return self._ident

    def join(self, timeout: float | None = None) -> bool:
        """See Fiber."""
        if not self._ended:
            if self._over is None:
                self._over = Event()
            self._over.wait(timeout)
        return self._ended

    def interrupt(self, exc: BaseException) -> None:
        """See Fiber. A greenlet that waits feels it at once; one that never yields does not (see the guard)."""
        if self._hand is not None:
            gevent.get_hub().loop.run_callback(self._throw, exc)

    def _throw(self, exc: BaseException) -> None:
        """In the hub. By now the fiber may have ended, and its greenlet run something else."""
        if self._hand is not None:
            self._hand.throw(exc)

    def stack(self) -> traceback.StackSummary:
        """See Fiber."""
        frame = None if self._hand is None else self._hand.gr_frame
        return traceback.StackSummary() if frame is None else traceback.extract_stack(frame)


def _nothing() -> None:
    """What an ended fiber would run: it keeps nothing alive."""


class GeventRuntime:
    """See mrq.ports.runtime.Runtime. Every fiber starts with an empty context, as is asked for."""

    one_thread = True

    def __init__(self) -> None:
        """Its greenlets stay for what comes next."""
        self._crew = Crew()

    def spawn(
        self,
        function: Callable[..., Any],
        *args: Any,
        name: str = "",  # noqa: ARG002
        known: Callable[[GreenletFiber], None] | None = None,
    ) -> GreenletFiber:
        """Start it in a greenlet."""
        return GreenletFiber(self._crew, function, args, known)

    def event(self) -> EventPort:
        """A gevent event."""
        return cast("EventPort", Event())  # gevent's wait() has one more way to be called

    def sleep(self, seconds: float) -> None:
        """Let other greenlets run."""
        gevent.sleep(seconds)

    def current(self) -> int:
        """id() of the greenlet."""
        return id(gevent.getcurrent())
