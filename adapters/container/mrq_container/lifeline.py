"""A process that must not outlive the one that started it.

As a script it runs a command that is to be told when its starter dies: nothing but the standard library is imported.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PR_SET_PDEATHSIG = 1
NOT_FOUND = 127
"""Exit code of a command that can't be started, as shells have it."""


def die_with_guard() -> None:
    """Have the kernel kill this process when its guard dies (Linux; elsewhere `watch_pipe` must do)."""
    parent = int(os.environ.pop("MRQ_GUARD_PID", os.getppid()))
    if sys.platform == "linux":
        signal_at_death_of(parent, signal.SIGKILL)


def signal_at_death_of(parent: int, number: int) -> None:
    """Have the kernel send this process a signal when its parent dies (Linux only). It outlasts an exec."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it died before the call
        os._exit(1)


def watch_pipe(fd: int) -> None:
    """Block until the other end of a pipe is closed, which its owner's death does; then end this process."""
    while os.read(fd, 64):
        pass
    os._exit(1)


def tied(words: list[str]) -> list[str]:
    """The words of a command that gets a SIGTERM when this process dies (only on Linux; elsewhere nothing changes)."""
    if sys.platform != "linux":
        return words
    return [sys.executable, "-I", "-S", os.path.abspath(__file__), str(os.getpid()), *words]  # noqa: PTH100


@contextmanager
def unheard() -> Iterator[None]:
    """A process that is started within, by the words of `tied`, feels a SIGINT only when it can obey it.

    While Python starts, the exception that a SIGINT makes may come where exceptions are ignored: then the process
    would never end.
    """
    if sys.platform != "linux":  # there the command itself would inherit the mask
        yield
        return
    former = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)


def main() -> None:
    """Become the command, bound to the parent that is named by its pid."""
    parent, words = int(sys.argv[1]), sys.argv[2:]
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):  # Python has its own ways with these
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # see `unheard`
    signal_at_death_of(parent, signal.SIGTERM)
    try:
        os.execvp(words[0], words)  # noqa: S606
    except OSError as error:
        os.write(2, f"mrq: {words[0]} can't be started: {error.strerror}\n".encode())
        os._exit(NOT_FOUND)


if __name__ == "__main__":
    main()
