"""The worker of `mrq demo`: a real mrq-worker as a process, which never outlives the demo."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Self

from mrq.embedded.process import KeptProcess, poll
from mrq.embedded.server import describe_log

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType


class DemoWorker:
    """A context manager. The environment of this process has to say which servers the worker uses."""

    def __init__(self, queues: Sequence[str], greenlets: int, folder: Path, *, temporary: bool) -> None:
        """`folder`: for its log; also its current directory, so that no mrq-config.py is found by chance.

        `temporary`: the folder is removed if this process dies.
        """
        self._arguments = [*queues, "--greenlets", str(greenlets)]
        self._folder = folder
        self._temporary = temporary
        self._log = folder / "worker.log"
        self._log_start = 0
        self._process: KeptProcess | None = None

    def __enter__(self) -> Self:
        self._log.touch(mode=0o600)
        self._log_start = self._log.stat().st_size
        command = [sys.executable, "-m", "mrq.cli.main", "worker", *self._arguments, "--log_level", "INFO"]
        remove = self._folder if self._temporary else None
        lock = os.open(self._folder / "worker.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._process = KeptProcess(command, folder=self._folder, log=self._log, lock=lock, remove=remove)
        finally:
            os.close(lock)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # After an error the jobs don't matter any more, and they have no part in a quick end.
        self._kept.ask_to_stop()
        self._kept.wait_gone()

    @property
    def _kept(self) -> KeptProcess:
        if self._process is None:
            raise RuntimeError("the worker of the demo has not been started; use `with DemoWorker(...)`")
        return self._process

    @property
    def command(self) -> str:
        """How a user would start it."""
        return f"mrq-worker {' '.join(self._arguments)}"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._kept.pid

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._kept.alive

    def stop(self, seconds: float) -> None:
        """Stop it in order, as Ctrl-C does; what is still there after `seconds` is stopped at the exit."""
        self._kept.signal(signal.SIGINT)
        poll(lambda: not self.running, seconds)

    def how_it_ended(self) -> str:
        """Its exit code in words."""
        code = self._kept.exit_code
        if code is not None and code > 128:
            return f"killed by {signal.Signals(code - 128).name}"
        return f"exit code {code}"

    def last_words(self) -> str:
        """The last lines of its log."""
        with self._log.open("rb") as log:
            log.seek(self._log_start)
            return describe_log(self._log, log.read().decode(errors="replace"))
