"""The permits that a worker holds: renewed while it lives, given back in batches. A side loop of the worker."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from typing import TYPE_CHECKING

from mrq.domain.words import many
from mrq.engine.backoff import Backoff
from mrq.engine.outage import Outage
from mrq.ports.errors import StoreUnavailableError
from mrq.ports.semaphores import Permit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mrq.domain.ids import WorkerId
    from mrq.engine.options import WorkerOptions
    from mrq.engine.run import Run
    from mrq.engine.state import WorkerState
    from mrq.ports.clock import Clock
    from mrq.ports.runtime import Event, Runtime
    from mrq.ports.semaphores import Semaphores
    from mrq.ports.stores import StorePorts

log = logging.getLogger("mrq.worker")

LEASES = 2.0  # a permit lasts so many leases of the worker, if it isn't renewed
QUIET = 30.0  # seconds between two looks of a loop that has nothing to do


class Permits:
    """Asks for permits and keeps them. A worker whose tasks and queues have no limits never touches Redis for it."""

    def __init__(
        self,
        stores: StorePorts,
        state: WorkerState,
        runtime: Runtime,
        clock: Clock,
        options: WorkerOptions,
        released: Callable[[set[str]], None],
        overdue: Callable[[], None],
    ) -> None:
        """`released`: told the names of semaphores whose used permits are free again. `overdue`: called when
        permits could not be renewed in time."""
        self._stores = stores
        self._state = state
        self._clock = clock
        self._interval = options.heartbeat_interval
        self.lease = LEASES * options.lease
        self._released = released
        self._overdue = overdue
        self._held: set[Permit] = set()
        self._leaving: set[Permit] = set()
        self._gone: Counter[str] = Counter()  # permits that were released, by name
        self._written: list[Run] = []  # their ends are written
        self._dead: list[WorkerId] = []
        self._renewed = 0.0  # monotonic seconds
        self._not_before = 0.0  # monotonic seconds
        self._something = runtime.event()
        self._lock = threading.Lock()  # around what is noted here
        self._sending = threading.Lock()  # a permit must not be released while it is renewed
        self._backoff = Backoff()
        self._outage = Outage(log, clock)
        self.used = False

    @property
    def _semaphores(self) -> Semaphores:
        self.used = True
        return self._stores.semaphores

    # ---- for those who need permits

    def new(self, name: str) -> Permit:
        """A permit to be asked for."""
        return Permit(name, self._state.worker, str(self._stores.jobs.new_id()))

    def ask(self, name: str, limit: int, wanted: list[Permit]) -> list[Permit]:
        """Those of the wanted permits that were granted.

        Raises:
            StoreUnavailableError: it is not known; give them all back.
        """
        if self._clock.monotonic() < self._not_before:
            raise StoreUnavailableError("Redis was away: workers renew the permits they hold before new ones are given")
        by_id = {permit.id: permit for permit in wanted}
        try:
            granted = self._semaphores.acquire(name, limit, self._state.worker, list(by_id), self.lease)
        except StoreUnavailableError:
            self.shaken()
            raise
        with self._lock:
            if not self._held:
                self._renewed = self._clock.monotonic()
                self._something.set()
            mine = [permit for permit in wanted if permit.id in granted]
            self._held.update(mine)
        return mine

    def held(self, name: str) -> set[Permit]:
        """Those of this name that this worker has and has not released."""
        with self._lock:
            return {permit for permit in (*self._held, *self._leaving) if permit.name == name}

    def releases(self, name: str) -> int:
        """How many of this name were released so far."""
        with self._lock:
            return self._gone[name]

    def ended_of(self, permits: set[Permit]) -> set[Permit]:
        """Those whose runs are out of their tasks: they are, or were, about to be released."""
        return permits - {permit for run in self._state.active() for permit in run.permits}

    def shaken(self) -> None:
        """Redis is away, or was until now, and may have forgotten who holds what. All workers notice that, and
        renew what they hold as soon as it is back; until they have had the time, none asks for more."""
        self._not_before = self._clock.monotonic() + self._backoff.longest + self._interval
        self._renewed = min(self._renewed, self._clock.monotonic() - self._interval)
        self._something.set()

    def give_back(self, permits: Iterable[Permit]) -> None:
        """Release permits soon."""
        with self._lock:
            self._leave(permits)
        self._something.set()

    def give_back_now(self, permits: list[Permit]) -> None:
        """Release permits that were not used; soon, if that can't be done now."""
        try:
            with self._sending:
                self._semaphores.release(permits)
                with self._lock:
                    self._held.difference_update(permits)
        except StoreUnavailableError:
            self.give_back(permits)

    def ended(self, runs: Iterable[Run]) -> None:
        """The ends of these runs are written, or decided by others. Their permits are released as soon as they
        are out of their tasks as well: a run must not go on beside its successor."""
        with_permits = [run for run in runs if run.permits]
        if with_permits:
            with self._lock:
                self._written += with_permits
            self._something.set()

    def look(self) -> None:
        """A run with permits has left its task."""
        self._something.set()

    def bury(self, worker: WorkerId) -> None:
        """Free what a dead worker held."""
        with self._lock:
            self._dead.append(worker)
        self._something.set()

    # ---- the side loop

    def loop(self, stopped: Event) -> None:
        """Renew and release until told to stop."""
        while not stopped.is_set():
            self._something.wait(self._interval if self._held or self._written else QUIET)
            self._something.clear()
            try:
                self.turn()
            except StoreUnavailableError as error:
                self.shaken()
                self._outage.failed("permits can be neither renewed nor released", error)
                self._look_at_lease()
                stopped.wait(self._backoff.failed())
                self._something.set()

    def turn(self) -> None:
        """Release what is to be released, and renew what is due."""
        with self._lock:
            gone = [run for run in self._written if run.ended]
            self._written = [run for run in self._written if not run.ended]
            for run in gone:
                self._leave(run.permits)
            leaving, dead = list(self._leaving), list(self._dead)
        if leaving:
            with self._sending:
                self._semaphores.release(leaving)
            with self._lock:
                self._leaving.difference_update(leaving)
                self._gone.update(permit.name for permit in leaving)
            self._released({permit.name for permit in leaving})
        for worker in dead:
            freed = self._stores.semaphores.drop(worker)
            self._dead.remove(worker)
            if freed:
                log.warning("taken back from the dead worker %s: %s", worker, many(freed, "permit"))
        self._renew()
        self._backoff.worked()
        self._outage.over("Redis is back: permits are renewed")

    def _renew(self) -> None:
        now = self._clock.monotonic()
        with self._sending:  # what is released from now on stays released
            with self._lock:
                held = list(self._held)
            if held and now - self._renewed >= 0.9 * self._interval:
                self._semaphores.renew(held, self.lease)
                self._renewed = now

    def _look_at_lease(self) -> None:
        if self._held and self._clock.monotonic() - self._renewed > self.lease - self._interval:
            self._overdue()

    def _leave(self, permits: Iterable[Permit]) -> None:
        permits = list(permits)
        self._held.difference_update(permits)
        self._leaving.update(permits)

    # ---- ends

    def close(self) -> None:
        """Let the loop see that it is told to stop."""
        self._something.set()

    def start_over(self, lost: WorkerId) -> None:
        """The worker takes a new identity: what it held under the lost one is free."""
        if self.used:
            with self._lock:
                self._held.clear()
                self._written.clear()
                self._leaving.clear()
            self.bury(lost)

    def finish(self) -> None:
        """The worker has ended all its jobs: nothing stays behind."""
        if self.used:
            try:
                self._semaphores.drop(self._state.worker)
            except StoreUnavailableError as error:
                log.warning("permits that are left free themselves within %g s: %s", self.lease, error)
