"""A worker that has grown too large makes way for a fresh one."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.engine.shutdown import StopFlags
    from mrq.ports.runtime import Event

log = logging.getLogger("mrq.worker")

INTERVAL = 1.0  # seconds between two looks
MB = 1024 * 1024


@dataclass(slots=True)
class MemoryWatch:
    """Looks at the memory of the process. Without having taken a job the worker stays, whatever it uses: a limit
    below what an idle worker needs must not make it restart for ever."""

    limit: int  # MB
    used: Callable[[], int]  # bytes
    taken: Callable[[], int]  # jobs
    stop: StopFlags
    warned: bool = False

    def loop(self, stopped: Event) -> None:
        """Look until told to stop."""
        self.look()
        while not stopped.wait(INTERVAL):
            self.look()

    def look(self) -> None:
        """Ask for a successor when the limit is passed."""
        used = self.used()
        if used <= self.limit * MB or self.stop.graceful:
            return
        text = f"it uses {used / MB:.0f} MB, max_memory is {self.limit}"
        if self.taken():
            log.warning("the worker stops and wants a successor: %s", text)
            self.stop.renew(text)
        elif not self.warned:
            self.warned = True
            log.warning(
                "the worker has taken no job and is over its limit: %s; it will stop once it has taken some", text
            )
