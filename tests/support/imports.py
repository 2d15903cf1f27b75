"""Code in a fresh interpreter: what it prints, and what it costs in processor time, whatever else the machine does."""

from __future__ import annotations

import os
import subprocess
import sys


def _environment() -> dict[str, str]:
    # Without bytecode each import is a compilation, which is not what a user has.
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def fresh(code: str) -> str:
    """What a fresh interpreter prints for this."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True, env=_environment()
    )
    return done.stdout


def cpu_seconds(code: str) -> float:
    """The processor time that a fresh interpreter takes for this."""
    process = subprocess.Popen([sys.executable, "-c", code], env=_environment())
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, code
    return used.ru_utime + used.ru_stime
