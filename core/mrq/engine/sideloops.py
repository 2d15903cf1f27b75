"""The loops beside the main one. If one of them dies, the worker says so and stops: never half alive."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.ports.runtime import Fiber, Runtime

log = logging.getLogger("mrq.worker")


class SideLoops:
    """Fibers that must not end before they are told to."""

    def __init__(self, runtime: Runtime, died: Callable[[str], None]) -> None:
        self._runtime = runtime
        self._died = died
        self._fibers: dict[str, Fiber] = {}
        self._may_end: set[str] = set()
        self.stopped = runtime.event()

    def start(self, name: str, loop: Callable[[], None], *, may_end: bool = False) -> None:
        """Run a loop; it must return only after `stopped` was set, or, if it `may_end`, when nothing is left to do."""
        if may_end:
            self._may_end.add(name)
        self._fibers[name] = self._runtime.spawn(self._watched, name, loop, name=f"mrq-{name}")

    def stop(self, timeout: float, but: str = "") -> list[str]:
        """Tell all loops to end and wait up to `timeout` seconds for each, not for `but`.

        Returns the names of those that didn't end in time.
        """
        self.stopped.set()
        return [name for name, fiber in self._fibers.items() if name != but and not fiber.join(timeout)]

    def join(self, name: str, timeout: float) -> bool:
        """Wait for one loop's end."""
        return self._fibers[name].join(timeout)

    def _watched(self, name: str, loop: Callable[[], None]) -> None:
        try:
            loop()
        except BaseException:
            log.critical("the worker's %s loop died; the worker stops", name, exc_info=True)
            self._died(name)
            return
        if not self.stopped.is_set() and name not in self._may_end:
            log.critical("the worker's %s loop ended by itself; the worker stops", name)
            self._died(name)
