"""A process that must not outlive the one that started it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_guard() -> None:
    """Have the kernel kill this process when its guard dies (Linux; elsewhere `watch_pipe` must do)."""
    parent = int(os.environ.pop("MRQ_GUARD_PID", os.getppid()))
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the call
        os._exit(1)


def watch_pipe(fd: int) -> None:
    """Block until the other end of a pipe is closed, which its owner's death does; then end this process."""
    while os.read(fd, 64):
        pass
    os._exit(1)
