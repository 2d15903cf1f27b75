"""One worker process as its guard sees it: started, watched, helped, cleaned up after."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

from mrq.domain.supervision import Do
from mrq_container.board import Board
from mrq_container.signals import say
from mrq_container.verdict import UNSEEN, Act, View, verdict

NUDGE_SIGNAL = signal.SIGXCPU


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
        self._standin: subprocess.Popen[bytes] | None = None
        self.killed = False
        self.told = float("inf")  # when it was told to end at once
        self._looked = time.monotonic()
        self._runs_since = 0.0

    def send(self, number: int) -> None:
        """Send the worker a signal; one that has just died doesn't mind."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def tell(self, what: Do) -> None:
        """Have the worker finish, or end at once, or kill it."""
        if what is Do.KILL:
            self.killed = True
            self.send(signal.SIGKILL)
        elif what is Do.FINISH:
            self.send(signal.SIGINT)
        else:
            self.told = min(self.told, time.monotonic())
            self.send(signal.SIGTERM)

    def look(self) -> bool:
        """See how the worker does, and act. Whether it runs a job, or is to be watched closely for another reason."""
        now = time.monotonic()
        stopped = is_stopped(self.process.pid)
        if stopped or now - self._looked > UNSEEN:
            self._runs_since = now
        self._looked = now
        view = View(self.board.header(), self.board.entries(), stopped, now, self.told, self._runs_since)
        acts = verdict(view)
        for act in acts:
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
        return bool(view.entries) or stopped or now > self.told or acts != [Act.STAND_BACK]

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
