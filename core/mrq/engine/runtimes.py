"""Which Runtime fits this process."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from mrq.engine.threads import ThreadRuntime

if TYPE_CHECKING:
    from mrq.ports.runtime import Runtime

GROUP = "mrq.runtimes"
"""Entry points of packages that bring a Runtime: its name, and a class that is called without arguments."""


def runtime_of_process() -> Runtime:
    """The installed gevent runtime if gevent has patched this process's threads, else threads.

    Threads that gevent has patched are greenlets and can't be interrupted as threads are.
    """
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        for entry in entry_points(group=GROUP, name="gevent"):
            runtime: Runtime = entry.load()()
            return runtime
    return ThreadRuntime()
