"""What a deployment needs done now and then, whoever does it: workers that run the scheduler, or one call a minute
from outside. Each chore is bounded, and safe to be done by any number at once; a lock only saves work."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from mrq.ports.clock import Clock
    from mrq.ports.locks import Locks
    from mrq.ports.runtime import Event

log = logging.getLogger("mrq.maintenance")

EXPIRY_INTERVAL = 60.0  # seconds
INDEX_INTERVAL = 3600.0
LATE = timedelta(minutes=5)  # MongoDB's own deletion runs once a minute; what is left after this, it doesn't do
BATCH = 1000
LONGEST = 5.0  # seconds of deleting in one round


@dataclass(frozen=True, slots=True)
class Chore:
    """One thing to do. `act` takes the time (naive, UTC) and tells how much there was to do.

    `every`: seconds in which once is enough for the whole deployment; 0: each time.
    """

    name: str
    every: float
    act: Callable[[datetime], int]


@dataclass(slots=True)
class Upkeep:
    """Does chores. One that fails doesn't keep the others from being done."""

    chores: Sequence[Chore]
    locks: Locks
    clock: Clock

    def loop(self, stopped: Event, interval: float) -> None:
        """Do what is due every `interval` seconds until told to stop."""
        while not stopped.wait(interval):
            self.round(self.clock.now())

    def round(self, now: datetime) -> dict[str, int]:
        """Do what is due; how much there was to do, by the names of the chores that were done."""
        done = {chore.name: self._do(chore, now) for chore in self.chores}
        return {name: count for name, count in done.items() if count is not None}

    def _do(self, chore: Chore, now: datetime) -> int | None:
        turn: str | None = ""
        try:
            turn = self._turn(chore)
            return None if turn is None else chore.act(now)
        except StoreUnavailableError as error:
            log.debug("%s waits: %s", chore.name, error)
        except Exception:
            log.exception("%s failed; it is tried again", chore.name)
        if turn:
            self._give_back(chore, turn)
        return None

    def _turn(self, chore: Chore) -> str | None:
        """A key to give the turn back with ("": there is no turn to be taken), or None: others have taken it."""
        if not chore.every:
            return ""
        try:
            # a little less, so that a round that comes after just that time finds the lock open
            return self.locks.acquire(f"upkeep:{chore.name}", 0.9 * chore.every)
        except StoreUnavailableError:
            return ""  # twice does no harm, never might

    def _give_back(self, chore: Chore, turn: str) -> None:
        try:
            self.locks.release(f"upkeep:{chore.name}", turn)
        except StoreUnavailableError as error:
            log.debug("%s is left to the next turn: %s", chore.name, error)


class Expiring(Protocol):
    """A store whose documents the database deletes by itself when their time is over."""

    def expire(self, before: datetime, limit: int) -> int:
        """Delete what should have been deleted before a time, at most `limit`; how many there were."""
        ...


@dataclass(frozen=True, slots=True)
class Expiry:
    """Deletes what expired a while ago and is still there: no TTL index does it here, or not fast enough."""

    stores: Sequence[Expiring]
    clock: Clock

    def round(self, now: datetime) -> int:
        """Delete for some seconds at most; how many documents there were.

        Raises:
            StoreUnavailableError: the rest is left to the next round.
        """
        until, deleted = self.clock.monotonic() + LONGEST, 0
        for store in self.stores:
            while True:
                count = store.expire(now - LATE, BATCH)
                deleted += count
                if count < BATCH or self.clock.monotonic() > until:
                    break
        if deleted:
            log.warning("deleted %d documents whose time was over: the database doesn't do it by itself", deleted)
        return deleted
