"""Handlers of log lines that raise harm nobody: a line that can't be written is no reason to stop a worker."""

from __future__ import annotations

import logging
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from mrq.exceptions import ends_the_caller

if TYPE_CHECKING:
    from collections.abc import Callable

COMPLAIN_AGAIN = 60.0  # seconds between two complaints about one handler


class Guard:
    """In place of one handler's own `handle`."""

    def __init__(self, handler: logging.Handler, handle: Callable[[logging.LogRecord], object]) -> None:
        self._kind = type(handler).__name__
        self._handle = handle
        self._quiet_until = float("-inf")
        self.lost = 0

    def __call__(self, record: logging.LogRecord) -> bool:
        """Handle a line; what that raises is counted, and said on stderr, where no handler is needed."""
        try:
            return bool(self._handle(record))
        except BaseException as error:
            if ends_the_caller(error):
                raise
            self.lost += 1
            self._complain(error)
            return False

    def _complain(self, error: BaseException) -> None:
        """The error's own text may hold the line, secrets included: its type must do."""
        if time.monotonic() < self._quiet_until:
            return
        self._quiet_until = time.monotonic() + COMPLAIN_AGAIN
        with suppress(Exception):  # stderr may be closed, or there is none
            sys.stderr.write(
                f"mrq: the log handler {self._kind} raised {type(error).__name__}: {self.lost} lines of it are lost so"
                " far; further ones are hidden for a minute\n"
            )


def guarded(handler: logging.Handler) -> logging.Handler:
    """The same handler, whose `handle` raises nothing. May be called twice."""
    if not isinstance(handler.handle, Guard):
        handler.handle = Guard(handler, handler.handle)  # type: ignore[method-assign] # it stays what users know it as
    return handler


def guard_all() -> None:
    """Those that a program has given MRQ's logger itself."""
    for handler in logging.getLogger("mrq").handlers:
        guarded(handler)
