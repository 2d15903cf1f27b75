"""Who wants to know when a worker has nothing to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mrq.ports.runtime import Event


class IdleBell:
    """Rings for those who had asked before a look at the queues began: what was queued before they asked has then
    been seen."""

    def __init__(self, kick: Event) -> None:
        self._kick = kick  # makes the worker look
        self._asked: list[Event] = []
        self._closed = False

    def wait(self, event: Event, timeout: float | None) -> bool:
        """Wait with a new event; False after `timeout` seconds. True at once when the worker is over."""
        self._asked.append(event)
        self._kick.set()
        rung = self._closed or event.wait(timeout)
        if not rung:
            self._asked.remove(event)
        return rung

    def asked(self) -> list[Event]:
        """Those who have asked so far."""
        return list(self._asked)

    def ring(self, asked: Iterable[Event]) -> None:
        """Tell these that the worker is idle."""
        for event in asked:
            event.set()
            if event in self._asked:
                self._asked.remove(event)

    def close(self) -> None:
        """The worker is over: nobody needs to wait any more."""
        self._closed = True
        self.ring(self.asked())
