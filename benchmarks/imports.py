"""What it costs to import the modules that users and adapters begin with."""

from __future__ import annotations

import subprocess
import sys

# CPU milliseconds on top of a bare interpreter. What a producer pays is the first; a worker's guard must stay small.
BUDGETS = {"mrq.job": 400.0, "mrq_container.command": 40.0, "mrq_container.guard": 200.0, "mrq_container.child": 1000.0}
PROGRAM = "import time; start = time.process_time(); import {}; print(time.process_time() - start)"


def measure(module: str) -> float:
    """CPU milliseconds of one import in a fresh process."""
    command = [sys.executable, "-c", PROGRAM.format(module)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    return 1000 * float(ran.stdout)
