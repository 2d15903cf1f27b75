"""Signals of a process that waits for them, and its lines on stderr: no logging, no gevent, so that it stays small."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType


def say(text: str, *, level: str = "WARNING", who: str = "guard") -> None:
    """One line on stderr, as the worker's log has them by default: the guard reads no configuration."""
    now = time.time()
    stamp = f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(now))},{int(now % 1 * 1000):03}"
    print(f"{stamp} [{level}] {who}: {text}", file=sys.stderr, flush=True)  # noqa: T201


class Signals:
    """Handlers that only note what came; a byte in a pipe ends the wait of the main loop."""

    WATCHED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)

    def __init__(self, watched: tuple[int, ...] = WATCHED) -> None:
        """In the main thread only."""
        self.came: list[int] = []
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        os.set_blocking(self._reader, False)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # it is for workers, and must not end those who watch them
        for number in watched:
            signal.signal(number, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.came.append(number)

    def wait(self, timeout: float) -> list[int]:
        """Signals that came within `timeout` seconds; returns at once when there are some."""
        if not self.came:
            select.select([self._reader], [], [], timeout)
        with contextlib.suppress(BlockingIOError):
            os.read(self._reader, 4096)
        came, self.came = self.came, []
        return came
