"""The Runtime on plain threads: for Lambda, for tests, and wherever gevent is not wanted."""

from __future__ import annotations

import ctypes
import sys
import threading
import time
import traceback
from contextvars import Context
from typing import TYPE_CHECKING, Any

from mrq.exceptions import Interrupt
from mrq.ports.runtime import Event  # noqa: TC001 - part of the public signatures

if TYPE_CHECKING:
    from collections.abc import Callable


class ThreadFiber:
    """A daemon thread. An interruption reaches it between two bytecodes, never inside a blocking C call.

    Thread.join and Thread.is_alive are not used: interrupted themselves, they take a living thread for an
    ended one (Python 3.11).
    """

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        name: str,
        known: Callable[[ThreadFiber], None] | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(function, args), name=name, daemon=True)
        if known is not None:
            known(self)
        self._thread.start()

    def _run(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        try:
            Context().run(function, *args)
        except Interrupt:
            pass  # hit the thread after its work was done
        finally:
            try:
                self._end()
            except Interrupt:  # the last one that was sent before
                self._end()

    def _end(self) -> None:
        with self._lock:
            self._over.set()

    @property
    def ended(self) -> bool:
        """See Fiber."""
        return self._over.is_set()

    @property
    def ident(self) -> int:
        """See Fiber."""
        return self._thread.ident or 0

    def join(self, timeout: float | None = None) -> bool:
        """See Fiber."""
        return self._over.wait(timeout)

    def interrupt(self, exc: BaseException) -> None:
        """See Fiber. The interpreter makes a new exception of the class; its text is lost."""
        with self._lock:  # not between the thread's last line and its end: the ident may be taken anew
            if self._over.is_set() or self._thread.ident is None:
                return
            ident = ctypes.c_ulong(self._thread.ident)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(type(exc)))

    def stack(self) -> traceback.StackSummary:
        """See Fiber."""
        if self.ended:  # a later thread may have its identifier
            return traceback.StackSummary()
        frame = sys._current_frames().get(self._thread.ident or 0)  # noqa: SLF001
        return traceback.StackSummary() if frame is None else traceback.extract_stack(frame)


class ThreadRuntime:
    """See mrq.ports.runtime.Runtime."""

    one_thread = False

    def spawn(
        self,
        function: Callable[..., Any],
        *args: Any,
        name: str = "",
        known: Callable[[ThreadFiber], None] | None = None,
    ) -> ThreadFiber:
        """Start a thread."""
        return ThreadFiber(function, args, name, known)

    def event(self) -> Event:
        """A threading.Event."""
        return threading.Event()

    def sleep(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)

    def current(self) -> int:
        """The thread's identifier."""
        return threading.get_ident()
