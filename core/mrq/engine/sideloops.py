"""The loops beside the main one. If one of them dies, the worker says so and stops: never half alive."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.ports.runtime import Fiber, Runtime

log = logging.getLogger("mrq.worker")

SHORTEST_JOIN = 0.01  # seconds, for what has as good as ended


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
        """Tell all loops to end and wait up to `timeout` seconds for them, not for `but`.

        Returns the names of those that didn't end in time.
        """
        self.stopped.set()
        until = time.monotonic() + timeout
        return [
            name
            for name, fiber in self._fibers.items()
            if name != but and not fiber.join(max(SHORTEST_JOIN, until - time.monotonic()))
        ]

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


def in_time(runtime: Runtime, work: Callable[[], None], seconds: float) -> bool:
    """Do something that may take longer than there is time, beside the caller. False: it is not done after so many
    seconds, and may go on for as long as this process lives.

    Raises:
        BaseException: what the work raised.
    """
    raised: list[BaseException] = []

    def tried() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - the caller's
            raised.append(error)

    ended = runtime.spawn(tried, name="mrq-in-time").join(max(SHORTEST_JOIN, seconds))
    if raised:
        raise raised[0]
    return ended
