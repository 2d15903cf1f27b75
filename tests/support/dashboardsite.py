"""A whole place for the page: servers, a worker, and the dashboard as a process that can be killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mrq.embedded.ports import pick_port
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.faultsite import FaultSite

TESTS = Path(__file__).parents[1]
START = 60.0  # seconds that it may take on a busy machine
SHOP = "support.shoptasks"


class DashboardServer:
    """`mrq dashboard` of a site, always on the same port."""

    def __init__(self, site: FaultSite, environment: Mapping[str, str] | None = None) -> None:
        self._site = site
        self.port = pick_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._more = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> DashboardServer:
        """Start it, and wait until it listens."""
        site = self._site
        environment = {
            **os.environ, "MRQ_MONGODB_JOBS": site.mongodb_url, "MRQ_REDIS": site.redis_url,
            "MRQ_REDIS_PREFIX": site.prefix, "PYTHONPATH": str(TESTS), **self._more,
        }  # fmt: skip
        command = [sys.executable, "-m", "mrq_dashboard.command", "--dashboard_port", str(self.port)]
        with (site.folder / "dashboard.log").open("ab") as log:
            process = subprocess.Popen(command, env=environment, cwd=site.folder, stdout=log, stderr=log)
        self._process = process

        def listens() -> bool:
            assert process.poll() is None, (site.folder / "dashboard.log").read_text()
            with socket.socket() as tried:
                return tried.connect_ex(("127.0.0.1", self.port)) == 0

        wait_until(listens, START, what="the dashboard listens")
        return self

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End it as a user would."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
