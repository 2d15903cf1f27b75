"""Payloads in the hands of workers that died, or of nobody, go back to their raw queues.

Anyone may do it, any number at once: a payload goes back in one step, if it is still held. What MongoDB has is not put
back, it is MongoDB's business from then on.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mrq.engine.backoff import Backoff
from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.domain.ids import JobId, WorkerId
    from mrq.engine.state import WorkerState
    from mrq.ports.jobs import JobStore
    from mrq.ports.raw import RawQueues
    from mrq.ports.runtime import Event
    from mrq.ports.workers import WorkerStore

log = logging.getLogger("mrq.rescue")

BATCH = 300
SELDOM = 3  # times as long between two looks where there are no raw queues


@dataclass(slots=True)
class RawRescuer:
    """Looks after what is held."""

    raw: RawQueues
    jobs: JobStore
    workers: WorkerStore
    returned: Callable[[set[str]], object] = len  # told the queues to which payloads returned

    def round(self, me: WorkerId | None, roots: set[str] | None = None) -> int:
        """Look once at everybody but `me`. Returns how many payloads went back. `roots`: where those were just asked
        for.

        Raises:
            StoreUnavailableError: the round was cut short; the next one goes on.
        """
        back = 0
        for root in sorted(self.raw.roots() if roots is None else roots):
            # The holders first, the workers after: who takes has registered before, so one that is not found among
            # the living can't be a newcomer.
            holders = self.raw.holders(root) - {me}
            back += sum(self.release(root, worker) for worker in self.workers.gone(holders))
        return back

    def release_all(self, worker: WorkerId, running: set[JobId] | None = None) -> int:
        """Take all that a worker holds, which is certainly dead. `running`: those that ran when it died, if known."""
        return sum(self.release(root, worker, running) for root in sorted(self.raw.roots()))

    def release(self, root: str, worker: WorkerId, running: set[JobId] | None = None) -> int:
        """Take what a dead worker holds of one root."""
        released = self._put_back(root, worker, self.raw.held_ids(root, worker), running)
        self.raw.leave(root, worker)
        if released:
            log.warning("queue %s: %d payloads of the dead worker %s wait again", root, released, worker)
        return released

    def release_unknown(self, root: str, worker: WorkerId, knows: Callable[[JobId], bool]) -> int:
        """Put back what a worker holds without knowing of it: the answer was lost with a former state of things."""
        unknown = [job for job in self.raw.held_ids(root, worker) if not knows(job)]
        released = self._put_back(root, worker, unknown, set())
        if released:
            log.warning("queue %s: %d payloads were held without this worker's knowing: put back", root, released)
        return released

    def _put_back(self, root: str, worker: WorkerId, jobs: list[JobId], running: set[JobId] | None) -> int:
        """`running`: None if they may all have run. The last taken go back first: so the first ends up in front."""
        released = 0
        for end in range(len(jobs), 0, -BATCH):
            batch = jobs[max(0, end - BATCH) : end]
            stored = self.jobs.existing(batch)
            if stored:
                self.raw.done(root, worker, stored)
            back = {each.id: each.queue for each in self.raw.held(root, worker, batch) if each.id not in stored}
            if back:
                lost = back.keys() if running is None else back.keys() & running
                released += self.raw.put_back(root, worker, back, lost)
                self.returned(set(back.values()))
        return released


@dataclass(slots=True)
class RawUpkeep:
    """A worker's part of it, in a loop of its own: a Redis that hangs must not hold up the heartbeat."""

    rescuer: RawRescuer
    state: WorkerState
    roots: frozenset[str]  # that this worker serves
    interval: float

    def loop(self, stopped: Event) -> None:
        """Look every `interval` seconds until told to stop."""
        backoff = Backoff(first=self.interval, longest=4 * self.interval)
        pause = self.interval
        while not stopped.wait(pause):
            try:
                pause = self.interval if self.round() else SELDOM * self.interval
                backoff.worked()
            except StoreUnavailableError as error:
                pause = backoff.failed()
                log.debug("nobody looks after held payloads for now: %s", error)

    def round(self) -> bool:
        """Look once. Whether there are any raw queues."""
        me = self.state.worker
        for root in sorted(self.roots):
            self.rescuer.raw.serve(root)  # again: Redis may have forgotten it in a fail-over
            self.rescuer.release_unknown(root, me, self.state.knows)
        roots = self.rescuer.raw.roots()
        self.rescuer.round(me, roots)
        return bool(roots)

    def give_back(self) -> None:
        """What was taken and never became a run, when the worker ends; a rescue would do the same, later."""
        try:
            for root in self.roots:
                self.rescuer.release(root, self.state.worker, set())
        except StoreUnavailableError as error:
            log.warning("what this worker had taken from raw queues is left to a rescue: %s", error)
