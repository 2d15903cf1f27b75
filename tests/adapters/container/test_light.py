"""What the guard process costs: it stays for as long as its worker, so it must load next to nothing."""

from __future__ import annotations

import subprocess
import sys


def test_the_guard_loads_no_driver_no_gevent_and_no_command_line_library() -> None:
    heavy = ["gevent", "greenlet", "pymongo", "bson", "redis", "click", "mrq.app", "mrq.settings", "logging", "asyncio"]
    modules = "sys, mrq.bin.mrq_worker, mrq_container.command, mrq_container.guard"
    code = f"import {modules}; print([m for m in {heavy!r} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"
