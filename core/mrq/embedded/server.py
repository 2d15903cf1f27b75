"""What the embedded servers have in common: start, readiness, stop, faults."""

from __future__ import annotations

import os
import re
import signal
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Self

from mrq.embedded.binaries import make_executable
from mrq.embedded.folder import DataFolder
from mrq.embedded.ports import pick_port, port_gets_free, port_is_free
from mrq.embedded.process import KeptProcess, poll
from mrq.exceptions import ServerUnavailableError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

# Seconds for a server to answer after its start; recovering a large folder takes longest.
START_SECONDS = 60.0
PORT_ATTEMPTS = 5
PORT_RELEASE = 1.0  # seconds after the death of a server that had a port
TAIL_LINES = 8
TAIL_WIDTH = 400
MISSING_LIBRARY = re.compile(r"error while loading shared libraries: (\S+?):")
LIBRARY_PACKAGES = {
    "libcurl.so.4": "libcurl4",
    "liblzma.so.5": "liblzma5",
    "libcrypto.so.3": "libssl3",
    "libssl.so.3": "libssl3",
}


class EmbeddedServer(ABC):
    """A server process on 127.0.0.1 that never outlives the process that started it.

    `start` after `stop` or `kill` brings it back on the same port with the same data. A context manager:
    leaving it calls `close`.
    """

    name: ClassVar[str]

    def __init__(self, data: Path | None, port: int | None) -> None:
        """`data`: a folder to create or to use again; None for a temporary one, which `close` removes.

        `port`: None for a free one; a kept folder's former port is preferred.
        """
        self._folder = DataFolder(data, self.name)
        self._port = port
        self._port_is_fixed = port is not None
        self._process: KeptProcess | None = None
        self._log_start = 0

    @abstractmethod
    def _find_program(self) -> Path:
        """The server's program; raises ServerUnavailableError if there is none."""

    @abstractmethod
    def _arguments(self, port: int) -> list[str]:
        """The server's command line, without the program. Its working folder is the database's."""

    @abstractmethod
    def _answering_pid(self, port: int) -> int | None:
        """The pid of the server that is ready on this port, by its own word; OSError or None if none is."""

    @property
    @abstractmethod
    def url(self) -> str:
        """The address for a driver."""

    @property
    def port(self) -> int:
        """The TCP port; raises ServerUnavailableError before the first start, unless it was given."""
        if self._port is None:
            raise ServerUnavailableError(f"The embedded {self.name} has no port yet: call start() first.")
        return self._port

    @property
    def pid(self) -> int:
        """The server's process id; raises ServerUnavailableError if it was not started, or was stopped."""
        return self._running_process().pid

    @property
    def keeper_pid(self) -> int:
        """The process id of the server's keeper; raises as `pid` does."""
        return self._running_process().keeper_pid

    @property
    def running(self) -> bool:
        """Whether the process is there (paused or not)."""
        return self._process is not None and self._process.alive

    @property
    def data(self) -> Path:
        """The folder with the data and the log."""
        return self._folder.path

    @property
    def log(self) -> Path:
        """The file with the server's output."""
        return self._folder.log

    def start(self) -> Self:
        """Start the server and wait until it answers; does nothing if it runs already.

        Raises ServerUnavailableError, with the last lines of the log, if it does not come up in 60 s.
        """
        if not self.running:
            self.launch()
            self.wait_ready()
        return self

    def launch(self) -> None:
        """Start the process without waiting: for starting several at once. `wait_ready` must follow."""
        if self.running:
            return
        self._folder.prepare()
        if self._port is None or not self._port_is_fixed:
            self._port = self._choose_port()
        elif not port_gets_free(self._port, PORT_RELEASE):
            raise ServerUnavailableError(
                f"Port {self._port} of 127.0.0.1 is taken, so {self.name} can't start on it. "
                "Stop what listens there, or give another port (or none, for a free one)."
            )
        self._spawn(self._port)

    def wait_ready(self) -> None:
        """Wait until the launched server answers; raises as `start` does."""
        try:
            for _ in range(PORT_ATTEMPTS):
                if self._came_up():
                    self._port_is_fixed = True
                    self._folder.remember_port(self.port)
                    return
                if self._port_is_fixed or not self._port_was_taken():
                    break
                # Another process took the port after it was chosen.
                self._port = pick_port()
                self._spawn(self._port)
            raise ServerUnavailableError(self._why_it_failed())
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop the server in order and wait until its process is gone; data and port are kept."""
        self.begin_stop()
        self._wait_gone()

    def begin_stop(self) -> None:
        """Ask the server to stop, without waiting: for stopping several at once. `stop` must follow."""
        if self._process is not None:
            self._process.ask_to_stop()

    def kill(self) -> None:
        """SIGKILL the server, as a crash would, and wait until its process is gone; data are kept."""
        self._signal(signal.SIGKILL)
        self._wait_gone()

    def pause(self) -> None:
        """SIGSTOP: connections stay open, and nothing answers, until `resume`."""
        self._running_process().signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT: end a `pause`."""
        self._running_process().signal(signal.SIGCONT)

    def close(self) -> None:
        """Stop the server and remove its temporary folder; a given folder stays."""
        if self._folder.temporary:
            # Nothing of it will be read again: no need to wait for an orderly stop.
            self.kill()
            self._folder.remove()
        else:
            self.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.signal(number)

    def _running_process(self) -> KeptProcess:
        if self._process is None:
            raise ServerUnavailableError(f"The embedded {self.name} does not run: call start() first.")
        return self._process

    def _choose_port(self) -> int:
        former = self._folder.remembered_port()
        return former if former is not None and port_is_free(former) else pick_port()

    def _spawn(self, port: int) -> None:
        self._wait_gone()
        program = make_executable(self._find_program(), self._folder.path)
        lock = self._folder.lock()
        try:
            self._log_start = self.log.stat().st_size
            self._process = KeptProcess(
                [str(program), *self._arguments(port)],
                folder=self._folder.database,
                log=self.log,
                lock=lock,
                remove=self._folder.path if self._folder.temporary else None,
            )
        finally:
            # Keeper and server hold the lock from now on: it ends with them, not with this process.
            os.close(lock)

    def _wait_gone(self) -> None:
        if self._process is not None:
            self._process.wait_gone()
            self._process = None

    def _came_up(self) -> bool:
        """Wait for the server's answer; False if its process ended first, or the time was up."""
        process = self._running_process()
        ready = False

        def settled() -> bool:
            nonlocal ready
            try:
                # Whose answer it is matters: another server may have taken the port.
                ready = self._answering_pid(self.port) == process.pid
            except (OSError, ValueError):
                ready = False
            return ready or not process.alive

        poll(settled, START_SECONDS)
        return ready

    def _port_was_taken(self) -> bool:
        return not self.running and "address already in use" in self._new_log().lower()

    def _new_log(self) -> str:
        """What the server has written since its last start."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def _why_it_failed(self) -> str:
        text = self._new_log()
        missing = MISSING_LIBRARY.search(text)
        if missing:
            library = missing[1]
            package = LIBRARY_PACKAGES.get(library)
            install = f"apt-get install {package}" if package else "install the package that has it"
            return (
                f"{self._find_program()} can't run: the shared library {library} is missing. On Debian and "
                f"Ubuntu: {install}."
            )
        code = self._running_process().exit_code
        ended = f"ended with exit code {code}" if code is not None else f"gave no answer in {START_SECONDS:g} s"
        return f"The embedded {self.name} {ended} on port {self.port}. {describe_log(self.log, text)}"


def describe_log(log: Path, text: str) -> str:
    """The last lines of a log, cut to a readable width, with the path of the whole."""
    lines = [line[:TAIL_WIDTH] for line in text.splitlines()[-TAIL_LINES:]]
    return "\n  ".join([f"The last lines of {log}:", *(lines or ["(nothing was logged)"])])


def start_together(servers: Sequence[EmbeddedServer]) -> None:
    """Start servers side by side; if one fails, all are closed, and its error is raised."""
    try:
        for server in servers:
            server.launch()
        for server in servers:
            server.wait_ready()
    except BaseException:
        close_together(servers)
        raise


def stop_together(servers: Sequence[EmbeddedServer]) -> None:
    """Stop servers side by side; data are kept."""
    for server in servers:
        server.begin_stop()
    for server in servers:
        server.stop()


def close_together(servers: Sequence[EmbeddedServer]) -> None:
    """Stop servers side by side and remove their temporary folders."""
    for server in servers:
        server.begin_stop()
    for server in servers:
        server.close()
