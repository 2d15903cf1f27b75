"""What a process uses: memory and CPU time, from the system alone."""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

_STATUS = Path("/proc/self/status")
_NOTHING = {"cpu": {"user": 0, "system": 0, "percent": 0}, "mem": {"rss": 0, "swap": 0, "total": 0}}


def memory() -> dict[str, int]:
    """Bytes that this process holds: in memory (rss), swapped out, and both together."""
    try:
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:  # no Linux: the most that it ever held
        rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        rss = rss if sys.platform == "darwin" else rss * 1024
        return {"rss": rss, "swap": 0, "total": rss}
    sizes = {
        line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.startswith(("VmRSS:", "VmSwap:"))
    }
    rss, swap = sizes.get("VmRSS", 0), sizes.get("VmSwap", 0)
    return {"rss": rss, "swap": swap, "total": rss + swap}


class ProcessUsage:
    """The part of a worker's report about its process, in MRQ 0.9's fields."""

    def __init__(self) -> None:
        self._then = self._now()

    @staticmethod
    def _now() -> tuple[float, float]:
        spent = os.times()
        return time.monotonic(), spent.user + spent.system

    def report(self, measured: bool) -> dict[str, Any]:
        """pid, cpu and mem. `percent` is the share of one core since the last call; not `measured`: all 0."""
        if not measured:
            return {"pid": os.getpid(), **_NOTHING}
        spent = os.times()
        then, self._then = self._then, self._now()
        passed, used = self._then[0] - then[0], self._then[1] - then[1]
        percent = round(100 * used / passed, 1) if passed > 0 else 0.0
        return {
            "pid": os.getpid(),
            "cpu": {"user": spent.user, "system": spent.system, "percent": percent},
            "mem": memory(),
        }
