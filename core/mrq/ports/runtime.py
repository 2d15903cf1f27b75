"""Runtime: how things run side by side: threads, greenlets, or one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from traceback import StackSummary


class Event(Protocol):
    """A flag that can be waited for."""

    def set(self) -> None: ...
    def clear(self) -> None: ...
    def is_set(self) -> bool: ...
    def wait(self, timeout: float | None = None) -> bool:
        """Whether the flag was set within `timeout` seconds (None: without limit)."""
        ...


class Fiber(Protocol):
    """One thing that runs beside others."""

    @property
    def ended(self) -> bool:
        """Whether it has returned or raised."""
        ...

    @property
    def ident(self) -> int:
        """What the runtime itself tells it by: id() of a greenlet, the identifier of a thread."""
        ...

    def join(self, timeout: float | None = None) -> bool:
        """Wait for its end, up to `timeout` seconds. True when it has ended."""
        ...

    def interrupt(self, exc: BaseException) -> None:
        """Have this raised where it runs, as soon as that can be done. Nothing happens if it has ended.

        A fiber that is inside native code feels it only when it comes back from there.
        """
        ...

    def stack(self) -> StackSummary:
        """Where it is now, outermost frame first; empty when that can't be told."""
        ...


class Runtime(Protocol):
    """Makes fibers and what they wait with."""

    one_thread: bool
    """Whether all fibers run in the same thread, one at a time."""

    def spawn(
        self,
        function: Callable[..., Any],
        *args: Any,
        name: str = "",
        known: Callable[[Fiber], None] | None = None,
    ) -> Fiber:
        """Run something beside the caller, in a fresh context (contextvars are not inherited).

        known: given the fiber before it begins to run; an interruption from then until it runs may be lost.
        """
        ...

    def event(self) -> Event:
        """A new flag, not set."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let others run for at least this long."""
        ...

    def current(self) -> int:
        """The `ident` of what runs here, also if it is no fiber."""
        ...
