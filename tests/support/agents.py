"""Real agents: started as a user starts them."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil

from support.waiting import wait_until
from support.workers import TESTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PATIENCE = 90.0  # seconds, on a busy machine
QUICK = ("--report_interval", "0.5", "--orchestrate_interval", "1")


class AgentProcess:
    """An `mrq-agent` and all that it starts."""

    def __init__(self, group: str, *arguments: str, folder: Path, environment: Mapping[str, str]) -> None:
        self.mark = secrets.token_hex(6)  # in the environment of all its processes, so they are found
        self._log = folder / f"agent-{self.mark}.log"
        path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mrq.bin.mrq_agent", "--worker_group", group, *QUICK, *arguments],
                env={**os.environ, "PYTHONPATH": path, "MRQ_TEST_MARK": self.mark, **environment},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def log(self) -> str:
        """All that its processes have written so far."""
        return self._log.read_text()

    @property
    def pid(self) -> int:
        """Of the agent itself."""
        return self._process.pid

    @property
    def id(self) -> str:
        """Its identity, once it has one."""

        def found() -> str:
            if self._process.poll() is not None:
                raise AssertionError(f"the agent ended with {self._process.returncode}:\n{self.log}")
            match = re.search(r"agent ([0-9a-f]{24}) runs", self.log)
            return match[1] if match else ""

        return wait_until(found, PATIENCE, what="the agent has begun")

    def processes(self) -> list[psutil.Process]:
        """Everything of it that lives."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("MRQ_TEST_MARK") == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def signal(self, number: int) -> None:
        """Send the agent a signal."""
        self._process.send_signal(number)

    def wait(self) -> int:
        """Wait for its end; the exit code."""
        try:
            return self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the agent still runs:\n{self.log}") from None

    def close(self) -> None:
        """Kill whatever is left of it."""
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
        self._process.kill()
        self._process.wait()
