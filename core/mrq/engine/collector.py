"""Count what a worker does, minute by minute, and write it with its reports.

Each write is the whole of a minute under that minute's own id, so one that is repeated after a lost answer counts once.
What can't be written is kept, up to a bound; beyond that the oldest minutes are given up, and that is counted too.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mrq.domain.stats import Key, Period, Resolution, Tally, WorkerSample, counted_as, period_id
from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from mrq.domain.ids import WorkerId
    from mrq.domain.job import ClaimedJob
    from mrq.domain.stats import Counts
    from mrq.domain.status import Status
    from mrq.engine.options import WorkerOptions
    from mrq.engine.run import Run
    from mrq.ports.clock import Clock
    from mrq.ports.stats import StatsStore
    from mrq.ports.stores import StorePorts

log = logging.getLogger("mrq.stats")

MOST_MINUTES = 60  # kept while MongoDB is away
SET_BACK = timedelta(minutes=5)
"""A clock that goes back by more than that was wrong before. By less it only wavers, and the minute that is counted
goes on."""
MOST_PLACES = 2_000
MOST_KEPT_PAIRS = 5_000  # of queue and task, in all of these minutes together


@dataclass(slots=True)
class _Minute:
    """One minute. `name`: its id; `revision`: of what is in it; `written`: the one that is stored."""

    name: str
    start: datetime
    tally: Tally = field(default_factory=Tally)
    sample: WorkerSample = field(default_factory=WorkerSample)
    revision: int = 0
    written: int = 0
    places: dict[Key, Counts] = field(default_factory=dict)  # where a queue by its full name and a task are counted

    def place(self, key: Key) -> Counts:
        """Where to count. Remembered, for this is asked for each job; there may be any number of subqueues."""
        queue, path = key
        if len(self.places) >= MOST_PLACES:
            self.places.clear()
        found = self.places[key] = self.tally.at((counted_as(queue), path))
        return found


class Collector:
    """Told of every start and end by the worker. `source` is its name for as long as the process lives, whatever
    identities the worker takes. Without a store it counts nothing."""

    def __init__(self, store: StatsStore | None, source: object, clock: Clock, ttl: float) -> None:
        """`ttl`: seconds for which the minutes of one worker are kept."""
        self._store = store
        self._source = source
        self._clock = clock
        self._ttl = timedelta(seconds=ttl)
        self._set_back = 0  # times that the clock was
        self._minutes: dict[str, _Minute] = {}
        self._current: _Minute | None = None
        self._dropped = 0  # minutes; told with what is counted next
        self._complained = False  # that minutes had to be given up
        self._last_cpu: float | None = None
        self._lock = threading.Lock()

    # ---- what is counted; this is done for each job

    def started(self, jobs: Sequence[ClaimedJob]) -> None:
        """These jobs were claimed and start."""
        if self._store is None:
            return
        with self._lock:
            minute = self._minute()
            places = minute.places
            for job in jobs:
                raw = job.raw
                key = (job.queue if raw is None else raw.queue, job.path)
                counts = places.get(key) or minute.place(key)
                counts.started += 1
                if raw is None and job.datequeued is not None:  # when payloads were queued nobody knows
                    counts.wait.add((job.datestarted - job.datequeued).total_seconds())

    def ended(self, runs: Iterable[tuple[Run, Status]]) -> None:
        """These runs have ended like this, and that is written."""
        if self._store is None:
            return
        with self._lock:
            minute = self._minute()
            places = minute.places
            for run, status in runs:
                job = run.job
                key = (job.queue if job.raw is None else job.raw.queue, job.path)
                counts = places.get(key) or minute.place(key)
                counts.ended[status] = counts.ended.get(status, 0) + 1
                if run.took is not None:
                    counts.run.add(run.took)
                if run.memory is not None:
                    counts.measured += 1
                    counts.grown += run.memory

    def rescued(self, ends: Iterable[tuple[ClaimedJob, Status]]) -> None:
        """This became of runs that ended with their worker; for how long they had run nobody knows."""
        if self._store is None:
            return
        with self._lock:
            minute = self._minute()
            for job, status in ends:
                counts = minute.place((job.queue, job.path))
                counts.ended[status] = counts.ended.get(status, 0) + 1

    def sampled(self, process: Mapping[str, Any], busy: int, greenlets: int) -> None:
        """The worker reports: what its process uses (as in the report), and so many greenlets are at work."""
        if self._store is None:
            return
        cpu, memory = process.get("cpu") or {}, process.get("mem") or {}
        spent = float(cpu.get("user", 0)) + float(cpu.get("system", 0))
        with self._lock:
            sample = self._minute().sample
            sample.reports += 1
            sample.busy += busy
            sample.greenlets = max(sample.greenlets, greenlets)
            sample.rss = max(sample.rss, int(memory.get("rss", 0)))
            if self._last_cpu is not None:
                sample.cpu_ms += max(0, round(1000 * (spent - self._last_cpu)))
            self._last_cpu = spent

    def _minute(self) -> _Minute:
        """The minute that is being counted, about to be changed. What was written of an earlier minute must not be
        begun anew: after the clock was set back, minutes have other names."""
        start = Resolution.WORKER.start_of(self._clock.now())
        if self._current is not None and self._current.start - start > SET_BACK:
            self._set_back += 1
            log.warning("the clock was set back by %s: what was counted meanwhile stays", self._current.start - start)
            self._current = None
        if self._current is None or start > self._current.start:
            source = f"{self._source}-{self._set_back}" if self._set_back else self._source
            name = period_id(Resolution.WORKER, start, source)
            self._current = self._minutes[name] = _Minute(name, start)
        if self._dropped:
            self._current.tally.dropped += self._dropped
            self._dropped = 0
        self._current.revision += 1
        return self._current

    # ---- writing

    def flush(self, worker: WorkerId) -> bool:
        """Write what has not been written, as that worker; whether all of it was. Raises nothing: statistics must not
        cost a worker its life."""
        store = self._store
        if store is None:
            return True
        self._drop_what_is_too_much()
        for minute in self._changed():
            try:
                if not self._write(store, minute, worker):
                    return False
            except Exception:
                log.exception("the statistics of %s can't be stored: they are given up", minute.start)
                self._forget(minute.name)
        self._complained = False
        return True

    def _changed(self) -> list[_Minute]:
        """Copies of what is to be written, oldest first."""
        with self._lock:
            return [_copy(each) for each in self._minutes.values() if each.revision > each.written]

    def _write(self, store: StatsStore, minute: _Minute, worker: WorkerId) -> bool:
        name, revision = minute.name, minute.revision
        period = Period(name, Resolution.WORKER, minute.start, revision, minute.tally, worker, minute.sample)
        try:
            store.put(period, minute.start + self._ttl)
        except StoreUnavailableError as error:
            log.debug("statistics wait for MongoDB: %s", error)
            return False
        with self._lock:
            kept = self._minutes.get(minute.name)
            if kept is not None:
                kept.written = minute.revision
                if kept is not self._current and kept.revision == kept.written:
                    del self._minutes[minute.name]
        return True

    def _forget(self, name: str) -> None:
        with self._lock:
            self._minutes.pop(name, None)
            if self._current is not None and self._current.name == name:
                self._current = None
            self._dropped += 1

    def _drop_what_is_too_much(self) -> None:
        with self._lock:
            pairs = sum(len(each.tally.counts) for each in self._minutes.values())
            dropped = 0
            while len(self._minutes) > 1 and (len(self._minutes) > MOST_MINUTES or pairs > MOST_KEPT_PAIRS):
                oldest = self._minutes.pop(next(iter(self._minutes)))
                pairs -= len(oldest.tally.counts)
                dropped += 1 + oldest.tally.dropped  # with what it had to tell itself
            if dropped and not self._complained:  # once an outage
                self._complained = True
                log.warning("MongoDB is away for too long: from now on the oldest minutes of statistics are given up")
            self._dropped += dropped


def _copy(minute: _Minute) -> _Minute:
    tally = Tally({key: counts.copy() for key, counts in minute.tally.counts.items()}, dropped=minute.tally.dropped)
    return replace(minute, tally=tally, sample=replace(minute.sample), places={})


def collector_of(stores: StorePorts, options: WorkerOptions, clock: Clock) -> Collector:
    """That of a new worker. Who writes no reports counts nothing: there would be nobody to write it."""
    store = stores.stats if options.report_interval else None
    return Collector(store, stores.jobs.new_id(), clock, options.stats_ttl)
