"""The guard: a small process that starts the worker, watches it from outside, and starts it again.

It keeps the lease of a worker whose code burns CPU without yielding, ends one that can't end a job by itself,
and cleans up after one that died. It talks to no database: short-lived helpers do (`standin`, `aftermath`),
so that nothing but the standard library is loaded here.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from mrq_container.board import Board
from mrq_container.verdict import Act, View, verdict

if TYPE_CHECKING:
    from types import FrameType

TICK = 0.5  # seconds between two looks at the worker
NUDGE_SIGNAL = signal.SIGXCPU
LIVED_WELL = 30.0  # seconds after which a death is not held against the next start
BAD_CONFIGURATION = 2  # exit code of a worker whose settings can't be used
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 10.0


def say(text: str) -> None:
    """One line on stderr, as the worker's log has them by default: the guard reads no configuration."""
    now = time.time()
    stamp = f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(now))},{int(now % 1 * 1000):03}"
    print(f"{stamp} [WARNING] guard: {text}", file=sys.stderr, flush=True)  # noqa: T201


class Signals:
    """Handlers that only note what came; a byte in a pipe ends the wait of the main loop."""

    WATCHED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)

    def __init__(self) -> None:
        self.came: list[int] = []
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        os.set_blocking(self._reader, False)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in self.WATCHED:
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


class Watched:
    """One worker process, with its board."""

    def __init__(self, argv: list[str]) -> None:
        self._argv = argv
        self.board = Board.create()
        # its other end is closed by our death: the worker then ends too, also where there is no PDEATHSIG
        lifeline, self._lifeline = os.pipe()
        environment = {
            **os.environ,
            "MRQ_GUARD_BOARD": str(self.board.fd),
            "MRQ_GUARD_LIFELINE": str(lifeline),
            "MRQ_GUARD_PID": str(os.getpid()),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mrq_container.child", *argv],
            env=environment,
            pass_fds=(self.board.fd, lifeline),
            start_new_session=True,  # a Ctrl-C in the terminal reaches the guard alone, which forwards it once
        )
        os.close(lifeline)
        self.started = time.monotonic()
        self._standin: subprocess.Popen[bytes] | None = None
        self.killed = False
        self.served = False  # known at its end: it had registered
        self.told = float("inf")  # when it was told to end at once

    def send(self, number: int) -> None:
        """Send the worker a signal; one that has just died doesn't mind."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def look(self) -> None:
        """See how the worker does, and act."""
        now = time.monotonic()
        view = View(self.board.header(), self.board.entries(), is_stopped(self.process.pid), now, self.told)
        for act in verdict(view):
            if act is Act.STAND_IN:
                self._stand_in()
            elif act is Act.STAND_BACK:
                self.stand_back()
            elif act is Act.NUDGE:
                self.send(NUDGE_SIGNAL)
            elif act is Act.KILL and not self.killed:
                why = "it was told to end" if now > self.told else "its time-outs are past"
                say(f"worker {self.process.pid} doesn't yield and {why}: it is killed")
                self.killed = True
                self.send(signal.SIGKILL)

    def _stand_in(self) -> None:
        if self._standin is None or self._standin.poll() is not None:
            self._standin = self._helper("standin", self.board)

    def stand_back(self) -> None:
        """Stop writing heartbeats in the worker's place."""
        if self._standin is not None:
            self._standin.kill()
            self._standin.wait()
            self._standin = None

    def clean_up(self) -> subprocess.Popen[bytes]:
        """Start the helper that gives the dead worker's jobs back; it reads the board as it was at the end."""
        return self._helper("aftermath", self.board, "--killed" if self.killed else "--died")

    def _helper(self, name: str, board: Board, *flags: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", f"mrq_container.{name}", *flags, "--", *self._argv],
            env={**os.environ, "MRQ_GUARD_BOARD": str(board.fd), "MRQ_GUARD_PID": str(os.getpid())},
            pass_fds=(board.fd,),
            start_new_session=True,
        )

    def close(self) -> None:
        """Forget the process; it has ended."""
        self.stand_back()
        os.close(self._lifeline)
        self.board.close()


def is_stopped(pid: int) -> bool:
    """Whether a process is suspended. Where /proc is not there, ps is asked."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
            return file.read().rpartition(b")")[2].split()[0] in (b"T", b"t")
    except FileNotFoundError:
        if os.path.isdir("/proc/self"):  # the process is gone  # noqa: PTH112
            return False
    state = subprocess.run(["ps", "-o", "state=", "-p", str(pid)], capture_output=True, check=False).stdout  # noqa: S607
    return state.startswith(b"T")


class Guard:
    """Starts workers, one after the other, until one ends on purpose."""

    def __init__(self, argv: list[str]) -> None:
        self._argv = argv
        self._signals = Signals()
        self._stopping = False
        self._pause = FIRST_PAUSE
        self._has_served = False  # one of its workers had got going
        self._cleaners: list[subprocess.Popen[bytes]] = []

    def run(self) -> int:
        """Guard until the end; the exit code."""
        while True:
            watched = Watched(self._argv)
            code = self._watch(watched)
            again = self._after(watched, code)
            watched.close()
            if not again:
                return self._exit(code, watched)
            if not watched.served:
                say(f"no worker could be started; next try in {self._pause:g} s")
            self._rest(watched)
            if self._stopping:
                return self._exit(0, watched)
            say("starting another worker")

    def _watch(self, watched: Watched) -> int:
        while (code := watched.process.poll()) is None:
            for number in self._signals.wait(TICK):
                if number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                    if number != signal.SIGINT or self._stopping:
                        watched.told = min(watched.told, time.monotonic())
                    self._stopping = True
                    # one that hasn't got going yet has nothing to finish, and no handler for a quiet end
                    gently = number == signal.SIGINT and watched.board.header().ready
                    watched.send(signal.SIGINT if gently else signal.SIGTERM)
            watched.look()
        return code

    def _after(self, watched: Watched, code: int) -> bool:
        """What follows a worker's end; whether another one is started."""
        watched.stand_back()
        header = watched.board.header()
        watched.served = header.ready
        self._has_served |= header.ready
        if header.finishing and not watched.killed:
            self._pause = FIRST_PAUSE
            return header.replace and not self._stopping
        if not header.ready:
            # It never got going, and its message is on the screen. Trying again helps nobody, unless there were
            # workers here before: then it is a server that is away, and it will come back.
            return self._has_served and code != BAD_CONFIGURATION and not self._stopping
        say(f"worker {watched.process.pid} died ({how(code)}); its jobs are given back")
        self._cleaners = [cleaner for cleaner in self._cleaners if cleaner.poll() is None]
        self._cleaners.append(watched.clean_up())
        return not self._stopping

    def _rest(self, watched: Watched) -> None:
        """A pause before the next start, longer after each quick death."""
        if time.monotonic() - watched.started > LIVED_WELL:
            self._pause = FIRST_PAUSE
        until = time.monotonic() + self._pause
        self._pause = min(LONGEST_PAUSE, self._pause * 2)
        while (left := until - time.monotonic()) > 0 and not self._stopping:
            came = self._signals.wait(left)
            self._stopping = any(n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) for n in came)

    def _exit(self, code: int, watched: Watched) -> int:
        for cleaner in self._cleaners:
            with contextlib.suppress(subprocess.TimeoutExpired):
                cleaner.wait(timeout=20)  # what it can't do by then, a rescue after the lease does
        if self._stopping and not watched.served:
            return 0
        if watched.killed:
            return 0 if watched.told < float("inf") else 1
        return 128 - code if code < 0 else code


def how(code: int) -> str:
    """An exit status in words."""
    if code >= 0:
        return f"exit code {code} without saying goodbye"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def main(argv: list[str]) -> int:
    """Guard a worker with these arguments."""
    return Guard(argv).run()
