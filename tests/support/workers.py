"""Real worker processes: started as a user starts them, and stopped, killed or frozen as tests want."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from support.ledger import VARIABLE, Ledger
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

TESTS = Path(__file__).parents[1]
HEARTBEAT, LEASE = 0.5, 3.0  # seconds, of workers with QUICK_LEASE
QUICK_LEASE = ("--heartbeat_interval", str(HEARTBEAT), "--lease", str(LEASE))
START = 30.0  # seconds that a worker may take to get going on a busy machine
STOP = 20.0


class WorkerProcess:
    """A worker: a guard and its child, or, with --no_guard, one process."""

    def __init__(self, *arguments: str, folder: Path, ledger: Ledger, environment: Mapping[str, str]) -> None:
        self.name = f"faults-{secrets.token_hex(4)}"  # in the environment of all its processes, so they are found
        self.ledger = ledger
        self._log = folder / f"{self.name}.log"
        path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mrq_container.command", "default", *arguments],
                env={**os.environ, "PYTHONPATH": path, "MRQ_NAME": self.name, **environment},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._watcher = threading.Thread(target=self._note_deaths, daemon=True)
        self._watcher.start()

    # ---- what is to be seen of it

    @property
    def log(self) -> str:
        """All that its processes have written so far."""
        return self._log.read_text()

    @property
    def identities(self) -> list[str]:
        """The ids under which it has served, in order."""
        return re.findall(r"(?:worker (?=\w+ serves)|the worker goes on as )([0-9a-f]{24})", self.log)

    @property
    def guard_pid(self) -> int:
        """The process that was started."""
        return self._process.pid

    @property
    def child_pid(self) -> int:
        """The process that runs jobs now; one of them if there are several."""
        return wait_until(lambda: next(iter(self.child_pids()), 0), START, what=f"a child of {self.name}")

    def child_pids(self) -> list[int]:
        """The processes that run jobs now, those that start or end included; oldest first."""
        found = []
        with contextlib.suppress(psutil.Error):
            for process in psutil.Process(self.guard_pid).children():
                with contextlib.suppress(psutil.Error):
                    if "mrq_container.child" in process.cmdline():
                        found.append(process)
        return [process.pid for process in sorted(found, key=lambda each: (each.create_time(), each.pid))]

    def _note_deaths(self) -> None:
        """In a thread: whenever a child dies, for whatever reason, note that what it ran ended with it."""
        handles: dict[int, int] = {}
        while self.running:
            for pid in self.child_pids():
                if pid not in handles.values():
                    with contextlib.suppress(ProcessLookupError):
                        handles[os.pidfd_open(pid)] = pid
            for handle in select.select(list(handles), [], [], 0.1)[0]:
                self.ledger.note_death(handles.pop(handle))
                os.close(handle)
        for handle in handles:
            os.close(handle)

    def processes(self) -> list[psutil.Process]:
        """Everything that this worker has started and that still lives, helpers included."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("MRQ_NAME") == self.name and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    @property
    def running(self) -> bool:
        """Whether the process that was started lives."""
        return self._process.poll() is None

    # ---- what is done to it

    def wait_ready(self, times: int = 1) -> WorkerProcess:
        """Wait until it serves its queues (for the n-th time)."""

        def serves() -> bool:
            if not self.running:
                raise AssertionError(f"the worker ended with {self._process.returncode}:\n{self.log}")
            return len(self.identities) >= times

        wait_until(serves, START * times, what=f"{self.name} serves its queues")
        return self

    def wait_for_log(self, text: str, timeout: float = 20.0) -> None:
        """Wait until it has written this."""
        wait_until(lambda: text in self.log, timeout, what=f"{text!r} in the log of {self.name}")

    def signal(self, number: int) -> None:
        """Send a signal to the process that was started."""
        self._process.send_signal(number)

    def wait(self, timeout: float = STOP) -> int:
        """Wait for its end; the exit code."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the worker still runs after {timeout:g} s:\n{self.log}") from None

    def kill(self, *, guard: bool = True, child: bool = True) -> int:
        """SIGKILL one of its processes or both; the pid of the child, whose jobs end with either."""
        pid = self.child_pid
        self.ledger.note_death(pid)
        if guard:  # first, so that it can't see its child die
            os.kill(self.guard_pid, signal.SIGKILL)
        if child:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if guard:
            self._process.wait()
        return pid

    def freeze(self, *, guard: bool = True) -> None:
        """SIGSTOP the child, and first the guard."""
        if guard:
            os.kill(self.guard_pid, signal.SIGSTOP)
        os.kill(self.child_pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """End a `freeze`."""
        os.kill(self.child_pid, signal.SIGCONT)
        os.kill(self.guard_pid, signal.SIGCONT)

    def close(self) -> None:
        """Kill whatever is left of it."""
        if self.running:
            self._process.kill()
        self._process.wait()
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
        self._watcher.join(STOP)


def environment_for(mongodb_url: str, redis_url: str, prefix: str, ledger_path: Path) -> dict[str, str]:
    """What a worker's environment must say."""
    return {
        "MRQ_MONGODB_JOBS": mongodb_url,
        "MRQ_REDIS": redis_url,
        "MRQ_REDIS_PREFIX": prefix,
        VARIABLE: str(ledger_path),
    }
