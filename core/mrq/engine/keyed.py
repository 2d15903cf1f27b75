"""Queue jobs under keys: one job a key, whoever asks for it, how often, and from where.

A key is a document that names a job. Whoever gets there first writes the id of a job that is yet to be queued; all
others read it. Then each of them inserts the job under that id, which only the first one really does. So a
producer that dies between the two leaves nothing behind: the next one that wants the key queues the job.

Only the key of a job that has ended is given to a new job, by compare-and-set, so one of those who try it wins.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mrq.domain.change import after
from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mrq.domain.ids import JobId
    from mrq.domain.job import NewJob
    from mrq.domain.jobkeys import KeyTerms
    from mrq.ports.clock import Clock
    from mrq.ports.jobkeys import JobKeys
    from mrq.ports.jobs import JobStore

ROUNDS = 50  # times that a key may change hands under us


@dataclass(slots=True)
class KeyedInsert:
    """Inserts jobs under keys. Everything here may be repeated."""

    jobs: JobStore
    keys: JobKeys
    clock: Clock

    def insert(self, batch: Sequence[NewJob], names: Sequence[str | None], terms: KeyTerms) -> list[JobId]:
        """Queue those jobs whose keys (None: it has none) stand for no job yet; the ids that result, in order.

        Raises:
            StoreUnavailableError: repeat the call with the same jobs.
        """
        first: dict[str, NewJob] = {}
        for job, name in zip(batch, names, strict=True):
            if name is not None:
                first.setdefault(name, job)
        held, recent = self._agree(first, terms)
        new = [job for job, name in zip(batch, names, strict=True) if name is None]
        for name, job in first.items():
            winner = held[name]
            if winner not in recent:  # also those that are queued already: what we saw of them may be undone
                new.append(job if job.id == winner else replace(job, id=winner, encoded=None))
        if new:
            self.jobs.insert(new)
        return [job.id if name is None else held[name] for job, name in zip(batch, names, strict=True)]

    def _agree(self, first: Mapping[str, NewJob], terms: KeyTerms) -> tuple[dict[str, JobId], set[JobId]]:
        """Which job each key stands for, for certain; and those of them that have ended a short while ago."""
        if not first:
            return {}, set()
        now = self.clock.now()
        latest = max(now, *(job.due or now for job in first.values()))
        expires = after(latest, max(terms.kept, terms.ttl))
        for _ in range(ROUNDS):
            held = self.keys.hold({name: job.id for name, job in first.items()}, expires)
            if len(held) < len(first):
                continue
            standing = self.jobs.standing(list(held.values()))
            over = {job for job, where in standing.items() if where.is_over(now, terms.ttl)}
            changes = {name: (job, first[name].id) for name, job in held.items() if job in over}
            if changes:
                held.update(self.keys.pass_on(changes, expires))
            if self.keys.confirm(held, expires):
                ended = {job for job, where in standing.items() if where.is_over(now, 0)}
                return held, ended - over
        raise StoreUnavailableError("the keys of these jobs changed hands all the time")
