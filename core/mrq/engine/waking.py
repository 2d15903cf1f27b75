"""When jobs come into a queue that no worker listens to, call whoever can start some: a wake-up from zero."""

from __future__ import annotations

import logging
import threading
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from mrq.engine.outage import Outage
from mrq.exceptions import ConfigError
from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mrq.ports.clock import Clock
    from mrq.ports.locks import Locks

log = logging.getLogger("mrq.enqueue")

GROUP = "mrq.wakers"
"""Entry points of packages that can wake somebody: a name, and what makes of a target the function that is called with
names of queues."""

MOST_REMEMBERED = 1000  # queues


class Waker:
    """Calls in threads of its own, at most once an interval for each queue, whoever asks in whichever process.

    What is asked for within the interval is called for at its end, so that no job that comes when the last consumer
    has just looked is forgotten. If this process ends before, that one is left to the next look of a dispatcher.
    """

    def __init__(
        self, call: Callable[[list[str]], object], locks: Callable[[], Locks], clock: Clock, interval: float
    ) -> None:
        """`call`: may take its time and raise. `interval`: seconds."""
        self._call = call
        self._locks = locks
        self._clock = clock
        self._interval = interval
        self._outage = Outage(log, clock)
        self._asked: dict[str, float] = {}  # monotonic seconds
        self._due: set[str] = set()
        self._later: set[str] = set()
        self._thread: threading.Thread | None = None
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def ask(self, queue: str) -> None:
        """Nobody listens to a queue. Returns at once and never raises."""
        try:
            with self._lock:
                now = self._clock.monotonic()
                if now - self._asked.get(queue, float("-inf")) < self._interval:
                    self._postpone([queue])
                    return
                if len(self._asked) >= MOST_REMEMBERED:
                    self._asked.clear()
                self._asked[queue] = now
                self._due.add(queue)
                if self._thread is None or not self._thread.is_alive():  # not alive: that of a process before a fork
                    self._thread = threading.Thread(target=self._run, name="mrq-waker")
                    self._thread.start()
        except RuntimeError as error:  # no more threads, or the interpreter ends
            log.debug("nobody is woken for %s: %s", queue, error)

    def wait(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds until all calls that are due were made; whether they were."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return thread is None or not thread.is_alive()

    # ---- in threads

    def _run(self) -> None:
        while True:
            with self._lock:
                due, self._due = self._due, set()
                if not due:
                    self._thread = None
                    return
            mine = self._mine(due)
            with self._lock:
                self._postpone(
                    due.difference(mine)
                )  # another process has called just now, perhaps before our jobs came
            self._make_call(mine)

    def _postpone(self, queues: Iterable[str]) -> None:
        self._later.update(queues)
        if self._later and (self._timer is None or not self._timer.is_alive()):
            self._timer = threading.Timer(self._interval, self._late)
            self._timer.daemon = True
            self._timer.start()

    def _late(self) -> None:
        with self._lock:
            later, self._later, self._timer = self._later, set(), None
            self._asked.update(dict.fromkeys(later, self._clock.monotonic()))
        self._make_call(self._mine(later))  # those of others were called for after our jobs had come

    def _mine(self, queues: Iterable[str]) -> list[str]:
        """Queues for which nobody has called within the interval. Without Redis, all: one too many is harmless."""
        try:
            return [queue for queue in sorted(queues) if self._locks().acquire(f"wake:{queue}", self._interval)]
        except StoreUnavailableError as error:
            log.debug("whether somebody has been woken already is not known: %s", error)
            return sorted(queues)

    def _make_call(self, queues: list[str]) -> None:
        if not queues:
            return
        try:
            self._call(queues)
        except Exception as error:  # noqa: BLE001 - said by Outage; jobs are queued whatever it is
            self._outage.failed("jobs are queued, but nobody can be woken for them", error)
        else:
            self._outage.over("somebody can be woken again")


def caller_of(wake_up: str) -> Callable[[list[str]], object]:
    """What `wake_up` means, `lambda:FUNCTION`; looked up at the first call.

    The call raises ConfigError when nothing that is installed can do this.
    """
    found: list[Callable[[list[str]], object]] = []

    def call(queues: list[str]) -> None:
        if not found:
            name, _, target = wake_up.partition(":")
            for entry in entry_points(group=GROUP, name=name):
                found.append(entry.load()(target))
                break
            else:
                known = ", ".join(sorted(f"{entry.name}:" for entry in entry_points(group=GROUP)))
                raise ConfigError(f"wake_up = {wake_up!r} should begin with one of {known or '(nothing is installed)'}")
        found[0](queues)

    return call
