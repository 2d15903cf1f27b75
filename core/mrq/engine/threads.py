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
    """A daemon thread. An interruption reaches it between two bytecodes, never inside a blocking C call."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], name: str) -> None:
        self._lock = threading.Lock()
        self._over = False
        self._thread = threading.Thread(target=self._run, args=(function, args), name=name, daemon=True)
        self._thread.start()

    def _run(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        try:
            Context().run(function, *args)
        except Interrupt:
            pass  # hit the thread after its work was done
        finally:
            with self._lock:
                self._over = True

    @property
    def ended(self) -> bool:
        """See Fiber."""
        return self._over or not self._thread.is_alive()

    def join(self, timeout: float | None = None) -> bool:
        """See Fiber."""
        self._thread.join(timeout)
        return self.ended

    def interrupt(self, exc: BaseException) -> None:
        """See Fiber. The interpreter makes a new exception of the class; its text is lost."""
        with self._lock:  # not between the thread's last line and its end: the ident may be taken anew
            if self._over or self._thread.ident is None:
                return
            ident = ctypes.c_ulong(self._thread.ident)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(type(exc)))

    def stack(self) -> traceback.StackSummary:
        """See Fiber."""
        frame = sys._current_frames().get(self._thread.ident or 0)  # noqa: SLF001
        return traceback.StackSummary() if frame is None else traceback.extract_stack(frame)


class ThreadRuntime:
    """See mrq.ports.runtime.Runtime."""

    def spawn(self, function: Callable[..., Any], *args: Any, name: str = "") -> ThreadFiber:
        """Start a thread."""
        return ThreadFiber(function, args, name)

    def event(self) -> Event:
        """A threading.Event."""
        return threading.Event()

    def sleep(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)
