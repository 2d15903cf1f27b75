"""One server process and its keeper, seen from the process that started them (the owner)."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
import weakref
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mrq.exceptions import ServerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

KEEPER = Path(__file__).with_name("keeper.py")
# Seconds that a server has to stop after SIGTERM, before it is killed.
STOP_GRACE = 10.0
POLL_SECONDS = 0.02

# The write ends of the pipes that keep the keepers waiting. Only the owner may hold them: exec closes them
# (pipes aren't inheritable), and a fork without exec closes them here.
_lifelines: set[int] = set()


def _drop_lifelines_in_fork() -> None:
    for lifeline in list(_lifelines):
        _let_go(lifeline)


def _let_go(lifeline: int) -> None:
    """Close a lifeline once: its number may be another file's by the second time."""
    if lifeline in _lifelines:
        _lifelines.discard(lifeline)
        os.close(lifeline)


os.register_at_fork(after_in_child=_drop_lifelines_in_fork)


class KeptProcess:
    """A running server with a keeper, which stops it as soon as the owner's end of a pipe is closed."""

    def __init__(self, command: Sequence[str], *, folder: Path, log: Path, lock: int, remove: Path | None) -> None:
        """Start `command` in `folder`, its output appended to `log`.

        `lock` is an open file descriptor that keeper and server inherit, so that a lock on it lasts as long
        as they do. `remove` is a folder that the keeper removes if the owner dies.
        Raises ServerUnavailableError if the keeper does not start.
        """
        owner_read, self._lifeline = os.pipe()
        report_read, report_write = os.pipe()
        _lifelines.add(self._lifeline)
        self._finalizer = weakref.finalize(self, _let_go, self._lifeline)
        try:
            with log.open("ab") as output:
                # Found in its module at each call: gevent's monkey patching may have replaced Popen.
                # A session of its own: Ctrl-C in a terminal reaches the owner, not the servers.
                self._keeper = subprocess.Popen(
                    [
                        *(sys.executable, "-I", "-S", str(KEEPER)),
                        *(str(STOP_GRACE), str(remove or ""), *command),
                    ],
                    stdin=owner_read,
                    stdout=report_write,
                    stderr=output,
                    cwd=folder,
                    pass_fds=(lock,),
                    start_new_session=True,
                )
            os.close(report_write)
            report_write = -1
            self.pid = self._read_pid(report_read, log)
        except BaseException:
            self._finalizer()
            raise
        finally:
            for descriptor in (owner_read, report_read, report_write):
                if descriptor >= 0:
                    os.close(descriptor)

    def _read_pid(self, report: int, log: Path) -> int:
        line = b""
        if select.select([report], [], [], STOP_GRACE)[0]:
            line = os.read(report, 32)
        if not line:
            self._keeper.kill()
            self._keeper.wait()
            raise ServerUnavailableError(
                f"The keeper of an embedded server ({sys.executable} {KEEPER}) did not start; see {log}."
            )
        return int(line)

    @property
    def keeper_pid(self) -> int:
        return self._keeper.pid

    @property
    def exit_code(self) -> int | None:
        """The keeper's exit code, which is the server's (128 + signal if a signal ended it), or None."""
        return self._keeper.poll()

    @property
    def alive(self) -> bool:
        """Whether the server or its keeper is there."""
        code = self.exit_code
        # A keeper that exited by itself has reaped the server: its pid may be another process's by now.
        return code is None or (code < 0 and process_runs(self.pid))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the server, if it still runs."""
        if self.alive:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def ask_to_stop(self) -> None:
        """SIGTERM, which a paused server gets as well."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)

    def wait_gone(self) -> None:
        """Wait until server and keeper are gone; after STOP_GRACE seconds, kill the server."""
        if not poll(lambda: not self.alive, STOP_GRACE):
            self.signal(signal.SIGKILL)
            if not poll(lambda: not self.alive, STOP_GRACE):
                raise ServerUnavailableError(
                    f"Embedded server {self.pid} (keeper {self.keeper_pid}) does not end, even by SIGKILL."
                )
        self._keeper.wait()
        self._finalizer()


def process_runs(pid: int) -> bool:
    """Whether a process exists and is not a zombie (which ended, but whose parent has not noticed)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        # No /proc on macOS; on Linux it has ended just now, which the next look will tell.
        return True
    return state not in {"Z", "X"}


def poll(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask `condition` again and again, for `seconds` at most; returns whether it came true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
