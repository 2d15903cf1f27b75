"""`mrq.processes`: commands that are kept running, and processes that obey signals in stages. Names of MRQ 0.9."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psutil

from mrq.domain.commands import parse_command
from mrq.domain.processlist import ProcessList, Run
from mrq.domain.supervision import Do, End
from mrq_container.lifeline import tied, unheard
from mrq_container.signals import Signals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mrq.domain.supervision import Action

log = logging.getLogger("mrq.processes")

Decision = Callable[[float], "list[Run | Action]"]  # what is to be done at a time

_SENT = {Do.FINISH: signal.SIGINT, Do.INTERRUPT: signal.SIGTERM, Do.KILL: signal.SIGKILL}


@dataclass(slots=True)
class _Request:
    """Something that the pool's thread is to do."""

    about: Decision
    done: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None


class ProcessPool:
    """Keeps commands running: each as often as it is in a list that may be changed at any time.

    A process that ends is started again, after a pause that grows with each quick end. On Linux, the processes get
    a SIGTERM when this process dies; before `start`, also when the thread ends that called `set_commands`.
    """

    def __init__(self, watch_interval: float = 1, extra_env: Mapping[str, str] | None = None) -> None:
        """watch_interval: seconds between two looks at the processes. extra_env: for the environment of all."""
        self.watch_interval = watch_interval
        self.extra_env = dict(extra_env or {})
        self._list = ProcessList()
        self._running: dict[int, dict[str, Any]] = {}
        self._requests: list[_Request] = []
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def processes(self) -> list[dict[str, Any]]:
        """All that run: dicts with `command`, `pid`, `subprocess` (a Popen) and `psutil` (a psutil.Process; None where
        the system refused to show it)."""
        with self._lock:
            return list(self._running.values())

    @property
    def commands(self) -> list[str]:
        """The commands that run, those included that are to end."""
        return [process["command"] for process in self.processes]

    def start(self) -> None:
        """Begin to watch the processes."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="mrq-process-pool", daemon=True)
            self._thread.start()

    def set_commands(self, commands: Sequence[str], timeout: float | None = None) -> None:
        """Start what is missing, and let those finish that are too many (SIGINT).

        Commands are split as a shell does; variables may stand before the program. timeout: seconds until a process
        that is to finish gets a SIGTERM (None: never); a minute after that it is killed. Raises ValueError, and
        changes nothing: a command can't be read.
        """
        for command in commands:
            parse_command(command)
        self._by_the_watcher(lambda now: self._list.want(commands, now, timeout))

    def watch_processes(self) -> None:
        """Look at the processes once, and act. Done again and again after `start`."""
        with self._lock:
            for number, process in list(self._running.items()):
                code = process["subprocess"].poll()
                if code is not None:
                    self._bury(number, process, code)
        self._decide(self._list.tick)

    def stop(self, timeout: float | None = None) -> None:
        """Have all processes finish (SIGINT) and start none again. `timeout`: see set_commands."""
        self._decide(lambda now: self._list.stop(Do.FINISH, now, timeout))

    def terminate(self) -> None:
        """Have all processes end at once (SIGTERM) and start none again."""
        self._decide(lambda now: self._list.stop(Do.INTERRUPT, now))

    def kill(self) -> None:
        """Kill all processes, and start none again."""
        self._decide(lambda now: self._list.stop(Do.KILL, now))

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the pool was stopped and all processes have ended; whether they had within so many seconds."""
        if self._thread is not None:
            return self._ended.wait(timeout)
        until = float("inf") if timeout is None else time.monotonic() + timeout
        while not self._over and time.monotonic() < until:
            time.sleep(min(self.watch_interval, 0.05))
            self.watch_processes()
        return self._over

    # ---- inside

    @property
    def _over(self) -> bool:
        return self._list.stopping and self._list.empty

    def _watch(self) -> None:
        while not self._over:
            self._wake.wait(self._list.wait(time.monotonic(), self.watch_interval))
            self._wake.clear()
            try:
                self._serve()
                self.watch_processes()
            except Exception:  # such as no memory for one more process; the others must be watched all the same
                log.exception("the processes could not be looked after; trying again")
        self._ended.set()

    def _by_the_watcher(self, about: Decision) -> None:
        """Have processes started by the thread that lasts as long as they do: with the one that has started them, the
        kernel takes them for orphans."""
        thread = self._thread
        if thread is None:
            self._decide(about)
            return
        request = _Request(about)
        with self._lock:
            self._requests.append(request)
        self._wake.set()
        while not request.done.wait(self.watch_interval) and thread.is_alive():
            pass  # when the pool is over, there is nothing to be done
        if request.error is not None:
            raise request.error

    def _serve(self) -> None:
        with self._lock:
            requests, self._requests = self._requests, []
        for request in requests:
            try:
                self._decide(request.about)
            except Exception as error:  # noqa: BLE001 - it is the caller's
                request.error = error
            request.done.set()

    def _decide(self, about: Decision) -> None:
        with self._lock:
            for action in about(time.monotonic()):
                if isinstance(action, Run):
                    self._start(action)
                elif process := self._running.get(action.child):
                    with contextlib.suppress(ProcessLookupError):
                        process["subprocess"].send_signal(_SENT[action.do])
        if threading.current_thread() is not self._thread:  # which is awake, and would never sleep again
            self._wake.set()

    def _start(self, run: Run) -> None:
        environment, words = parse_command(run.command)
        try:
            with unheard():
                child = subprocess.Popen(
                    tied(words),
                    env={**os.environ, "MRQ_IS_SUBPROCESS": "1", **self.extra_env, **environment},
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,  # a Ctrl-C in the terminal reaches this process alone; it forwards it once
                )
        except (OSError, ValueError) as error:  # ValueError: what no process can be given, such as a NUL in a variable
            pause = self._list.ended(run.child, time.monotonic())
            log.error("%s can't be started: %s; next try in %g s", run.command, error, pause or 0)
            return
        about = None
        with contextlib.suppress(psutil.Error):  # it is watched all the same
            about = psutil.Process(child.pid)
        self._running[run.child] = {"command": run.command, "pid": child.pid, "subprocess": child, "psutil": about}
        log.info("started process %d: %s", child.pid, run.command)

    def _bury(self, number: int, process: dict[str, Any], code: int) -> None:
        del self._running[number]
        pause = self._list.ended(number, time.monotonic())
        how = End(code).in_words
        if pause is None:
            log.info("process %d has ended (%s): %s", process["pid"], how, process["command"])
        else:
            log.warning(
                "process %d has ended (%s), next start in %g s: %s", process["pid"], how, pause, process["command"]
            )


class Process:
    """Something that runs until it is told to end: by SIGINT in its own time, by a second one or SIGTERM at once."""

    def __init__(self) -> None:
        self._signals: Signals | None = None
        self._told = False

    def install_signal_handlers(self) -> None:
        """From now on SIGINT and SIGTERM are noted for `obey`. In the main thread only."""
        self._signals = Signals((signal.SIGINT, signal.SIGTERM))

    def obey(self, timeout: float) -> None:
        """Wait for signals for so many seconds at most, and act on those that came."""
        if self._signals is None:
            raise RuntimeError("install_signal_handlers() was not called")
        for number in self._signals.wait(timeout):
            if number == signal.SIGINT and not self._told:
                self._told = True
                self.shutdown_graceful()
            else:
                self._told = True
                self.shutdown_now()

    def shutdown_graceful(self) -> None:
        """End in one's own time. To be overridden."""

    def shutdown_now(self) -> None:
        """End at once. To be overridden."""


class Supervisor(Process):
    """Keeps one command running several times, until told to end by a signal."""

    LOOK = 0.5  # seconds between two looks for the end

    def __init__(self, command: str, numprocs: int = 1) -> None:
        """Raises ValueError: the command can't be read."""
        super().__init__()
        parse_command(command)
        self.command = command
        self.numprocs = numprocs
        self.pool = ProcessPool()

    def work(self) -> None:
        """Run until told to end and all processes have."""
        self.install_signal_handlers()
        self.pool.start()
        self.pool.set_commands([self.command] * self.numprocs)
        while not self.pool.wait(0):
            self.obey(self.LOOK)

    def shutdown_graceful(self) -> None:
        """See Process."""
        self.pool.stop()

    def shutdown_now(self) -> None:
        """See Process."""
        self.pool.terminate()
