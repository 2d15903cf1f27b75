"""The guard: a small process that starts the worker, watches it from outside, and starts it again.

It keeps the lease of a worker whose code burns CPU without yielding, ends one that can't end a job by itself,
and cleans up after one that died. It talks to no database: short-lived helpers do (`standin`, `aftermath`),
so that nothing but the standard library is loaded here. With `--processes N` it is the supervisor of N workers:
what it does when is decided by mrq.domain.supervision.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from mrq.domain.supervision import Action, Do, End, Order, Say, Supervision
from mrq_container.signals import Signals, say
from mrq_container.watched import Watched

if TYPE_CHECKING:
    from collections.abc import Sequence

TICK = 0.5  # seconds between two looks at the workers
IDLE_TICK = 2.0  # the same, while none of them runs a job
LAST_CLEANING = 20.0  # seconds that helpers may take at the end; what they can't do by then, a rescue does
ORDERS = {signal.SIGINT: Order.FINISH, signal.SIGTERM: Order.INTERRUPT, signal.SIGHUP: Order.ROLL}


class Guard:
    """Keeps one worker, or as many as its settings say, until they end on purpose or are told to."""

    def __init__(self, argv: list[str], *, watching: bool = True) -> None:
        """`watching`: stand in for workers that don't yield, and end those that are stuck."""
        self._argv = argv
        self._watching = watching
        self._signals = Signals()
        self._plan = Supervision()
        self._workers: dict[int, Watched] = {}
        self._cleaners: list[subprocess.Popen[bytes]] = []

    def run(self) -> int:
        """Guard until the end; the exit code."""
        self._carry_out(self._plan.begin(time.monotonic()))
        tick = TICK
        while not self._plan.over:
            came = self._signals.wait(self._plan.wait(time.monotonic(), tick))
            tick = TICK if self._look() else IDLE_TICK
            for order in (ORDERS[number] for number in map(signal.Signals, came) if number in ORDERS):
                self._carry_out(self._plan.told(order, time.monotonic()))
            self._carry_out(self._plan.tick(time.monotonic()))
        for cleaner in self._cleaners:
            with contextlib.suppress(subprocess.TimeoutExpired):
                cleaner.wait(timeout=LAST_CLEANING)
        return self._plan.exit_code

    def _look(self) -> bool:
        """See how all workers do. Whether any is starting, ending, or runs a job."""
        busy = False
        self._cleaners = [cleaner for cleaner in self._cleaners if cleaner.poll() is None]
        for number, worker in list(self._workers.items()):
            code = worker.process.poll()
            header = worker.board.header()
            if header.processes:
                self._plan.wants(header.processes)
            if header.ready:
                self._carry_out(self._plan.ready(number, time.monotonic()))
            elif header.alive:
                self._plan.starting(number, header.alive)
            busy = busy or code is not None or not header.ready or header.finishing
            if code is not None:
                self._bury(number, worker, code)
            elif self._watching:
                busy = worker.look() or busy
        return busy

    def _bury(self, number: int, worker: Watched, code: int) -> None:
        """A worker's process has ended."""
        worker.stand_back()
        header = worker.board.header()
        on_purpose = header.finishing and not worker.killed
        if header.ready and not on_purpose:
            self._cleaners.append(worker.clean_up())
        end = End(code, on_purpose, header.replace and on_purpose, worker.killed, f"worker {worker.process.pid}")
        del self._workers[number]
        worker.close()
        self._carry_out(self._plan.ended(number, end, time.monotonic()))

    def _carry_out(self, actions: Sequence[Action | Say]) -> None:
        for action in actions:
            if isinstance(action, Say):
                say(action.text, level="WARNING" if action.warning else "INFO")
            elif action.do is Do.START:
                self._workers[action.child] = Watched(self._argv)
            else:
                self._workers[action.child].tell(action.do)


def main(argv: list[str], *, watching: bool = True) -> int:
    """Guard a worker with these arguments."""
    return Guard(argv, watching=watching).run()


if __name__ == "__main__":  # a worker that is not to be guarded has found that there are to be several
    sys.exit(main(sys.argv[1:], watching=False))
