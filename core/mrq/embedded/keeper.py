"""The keeper of one server: starts it, and stops it when the process that asked for it is gone.

A small process of its own, run as a file (`python -I -S keeper.py ...`), so it imports next to nothing.
Its stdin is the read end of a pipe whose write end is open in the owner alone: the pipe closes when the
owner ends, even by SIGKILL. Its stdout takes one line, the server's pid. Its stderr is the server's log.

Arguments: seconds between SIGTERM and SIGKILL, a folder to remove if the owner goes without stopping the
server ("" for none), then the server's command. Exits with the server's code, or 128 + signal.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import sys
import time

TYPE_CHECKING = False  # typing's own is a large import; type checkers know this name as well
if TYPE_CHECKING:
    from collections.abc import Callable

PR_SET_PDEATHSIG = 1
OWNER = 0
REPORT = 1
LOG = 2


def main(arguments: list[str]) -> int:
    """Run a server until it ends or the owner does; returns this process's exit code."""
    grace, folder, command = float(arguments[0]), arguments[1], arguments[2:]
    wake = _listen_to_signals()
    server = _start(command)
    os.write(REPORT, f"{server}\n".encode())
    while True:
        ready, _, _ = select.select([OWNER, wake], [], [])
        status = _ended(server)
        if status is not None:
            return status
        owner_left = OWNER in ready and not os.read(OWNER, 1)
        told_to_stop = wake in ready and signal.SIGTERM in os.read(wake, 64)
        if owner_left or told_to_stop:
            status = _stop(server, grace, wake)
            if owner_left and folder:
                import shutil  # noqa: PLC0415 - rarely needed, and every keeper would pay its memory

                shutil.rmtree(folder, ignore_errors=True)
            return status


def _listen_to_signals() -> int:
    """The read end of a pipe into which each SIGCHLD and SIGTERM writes its number."""
    # The owner may have blocked or ignored signals, and that is inherited.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    wake, write_end = os.pipe()
    os.set_blocking(write_end, False)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    return wake


def _start(command: list[str]) -> int:
    """Fork and exec the server; returns its pid. A failed exec is told in the log, and exits with 127."""
    prctl = _find_prctl()
    keeper = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        if prctl is not None:
            # Bound to the thread that forked: the keeper has one thread only, which ends with it.
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != keeper:
                os._exit(1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        _raise_open_files_limit()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(LOG, REPORT)
        os.execv(command[0], command)  # noqa: S606 - this is how the server starts, without a shell
    except BaseException as error:  # noqa: BLE001 - nothing of the keeper may go on in the forked child
        os.write(LOG, f"{command[0]} could not be run: {error}\n".encode())
    finally:
        os._exit(127)


def _find_prctl() -> Callable[..., object] | None:
    """libc's prctl, or None where there is none (macOS): a killed keeper then leaves its server."""
    if sys.platform != "linux":
        return None
    try:
        import ctypes  # noqa: PLC0415 - missing from some builds of Python

        prctl: Callable[..., object] = ctypes.CDLL(None).prctl
    except (ImportError, OSError, AttributeError):
        return None
    return prctl


def _raise_open_files_limit() -> None:
    """mongod ends when it runs out of file descriptors, and 1024 are soon used."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 64000 if hard == resource.RLIM_INFINITY else min(64000, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _ended(server: int) -> int | None:
    """The server's exit code if it has ended (and is reaped), else None."""
    pid, status = os.waitpid(server, os.WNOHANG)
    if not pid:
        return None
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _stop(server: int, grace: float, wake: int) -> int:
    """SIGTERM, and SIGKILL `grace` seconds later; returns the exit code."""
    os.kill(server, signal.SIGTERM)
    os.kill(server, signal.SIGCONT)  # a paused server would not see the SIGTERM
    deadline = time.monotonic() + grace
    while (left := deadline - time.monotonic()) > 0:
        status = _ended(server)
        if status is not None:
            return status
        if select.select([wake], [], [], left)[0]:
            os.read(wake, 64)
    os.kill(server, signal.SIGKILL)
    while (status := _ended(server)) is None:
        select.select([wake], [], [], 0.1)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
