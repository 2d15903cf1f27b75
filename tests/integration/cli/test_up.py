"""`mrq up`: servers, and the indexes on them."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from mrq.app import App

if TYPE_CHECKING:
    from pathlib import Path


def test_up_makes_the_indexes_and_ends_with_its_signal(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mrq.cli.main", "up", "--data", str(tmp_path / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines: list[str] = []
            for line in process.stdout:
                lines.append(line)
                if line.startswith("Indexes: "):
                    break
            exports = next(line for line in lines if line.startswith("export "))
            given = dict(word.split("=", 1) for word in exports.split()[1:])
            app = App({"mongodb_jobs": given["MRQ_MONGODB_JOBS"], "redis": given["MRQ_REDIS"]})
            assert app.jobs.missing_indexes() == []
            app._database.client.close()
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            process.kill()
