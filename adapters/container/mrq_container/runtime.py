"""The Runtime on gevent: greenlets. Import it only after monkey-patching."""

from __future__ import annotations

import contextlib
import traceback
from typing import TYPE_CHECKING, Any, cast

import gevent
from gevent.event import Event

from mrq.exceptions import Interrupt

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.ports.runtime import Event as EventPort


class GreenletFiber:
    """See mrq.ports.runtime.Fiber."""

    __slots__ = ("_greenlet",)

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        known: Callable[[GreenletFiber], None] | None = None,
    ) -> None:
        self._greenlet = gevent.Greenlet(_quietly, function, args)
        if known is not None:
            known(self)
        self._greenlet.start()

    @property
    def ended(self) -> bool:
        """See Fiber."""
        return bool(self._greenlet.dead)

    @property
    def ident(self) -> int:
        """See Fiber."""
        return id(self._greenlet)

    def join(self, timeout: float | None = None) -> bool:
        """See Fiber."""
        self._greenlet.join(timeout)
        return self.ended

    def interrupt(self, exc: BaseException) -> None:
        """See Fiber. A greenlet that waits feels it at once; one that never yields does not (see the guard)."""
        self._greenlet.kill(exc, block=False)

    def stack(self) -> traceback.StackSummary:
        """See Fiber."""
        frame = self._greenlet.gr_frame
        return traceback.StackSummary() if frame is None else traceback.extract_stack(frame)


def _quietly(function: Callable[..., Any], args: tuple[Any, ...]) -> None:
    with contextlib.suppress(Interrupt):  # it hit the greenlet after its work was done
        function(*args)


class GeventRuntime:
    """See mrq.ports.runtime.Runtime. A new greenlet starts with an empty context, as is asked for."""

    def spawn(
        self,
        function: Callable[..., Any],
        *args: Any,
        name: str = "",  # noqa: ARG002
        known: Callable[[GreenletFiber], None] | None = None,
    ) -> GreenletFiber:
        """Start a greenlet."""
        return GreenletFiber(function, args, known)

    def event(self) -> EventPort:
        """A gevent event."""
        return cast("EventPort", Event())  # gevent's wait() has one more way to be called

    def sleep(self, seconds: float) -> None:
        """Let other greenlets run."""
        gevent.sleep(seconds)

    def current(self) -> int:
        """id() of the greenlet."""
        return id(gevent.getcurrent())
