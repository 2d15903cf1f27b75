"""Take jobs from raw queues: out of Redis into the worker's hands, made into jobs, stored, and only then let go.

Each take is kept until all of that is done, and each step may be repeated, so a lost answer or an outage in the middle
is gone through by beginning the step again.
"""

from __future__ import annotations

import itertools
import logging
import traceback
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mrq.domain.change import LOSSES_BEFORE_ALONE
from mrq.domain.job import ClaimedJob, RawOrigin
from mrq.domain.outcome import Failure
from mrq.domain.redelivery import redelivery
from mrq.engine.clock import unix
from mrq.engine.ends import reason_of
from mrq.engine.execute import storable
from mrq.ports.raw import Take

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mrq.domain.ids import JobId, Token
    from mrq.domain.queuename import QueueName
    from mrq.engine.raw_settings import RawSettings
    from mrq.engine.state import WorkerState
    from mrq.ports.clock import Clock
    from mrq.ports.jobs import JobStore
    from mrq.ports.raw import Held, RawQueues

log = logging.getLogger("mrq.worker")

LARGEST_TAKE = 1000
SUBQUEUES_AT_ONCE = 200


@dataclass(slots=True)
class _Open:
    """A take that is not over. `held` is None as long as its answer is not known."""

    take: Take
    token: Token
    settings: RawSettings
    held: list[Held] | None = None
    jobs: dict[JobId, ClaimedJob] = field(default_factory=dict)
    failures: dict[JobId, Failure] = field(default_factory=dict)  # no job could be made of these
    inserted: bool = False


@dataclass(slots=True)
class _Walk:
    """Where the walk through the subqueues of a root stands."""

    names: deque[str] = field(default_factory=deque)
    cursor: int = 0


class RawSource:
    """See mrq.engine.claiming.Source."""

    def __init__(
        self,
        raw: RawQueues,
        jobs: JobStore,
        state: WorkerState,
        clock: Clock,
        settings: Mapping[str, RawSettings],
        *,
        accept: Callable[[list[ClaimedJob]], None],
        reject: Callable[[ClaimedJob, Failure], None],
        fresh: Callable[[], bool],
    ) -> None:
        """`reject`: takes a job that ends at once, as failed. `fresh`: whether the worker's lease is certainly held."""
        self._raw = raw
        self._jobs = jobs
        self._state = state
        self._clock = clock
        self._settings = settings
        self._accept = accept
        self._reject = reject
        self._fresh = fresh
        self._open: list[_Open] = []
        self._numbers = itertools.count(1)
        self._walks: dict[QueueName, _Walk] = {}
        self._served: set[str] = set()

    def take(self, queue: QueueName, limit: int, paused: frozenset[str]) -> int:
        """See Source."""
        if queue.root not in self._served:
            self._raw.serve(queue.root)
            self._served.add(queue.root)
        if queue.serves_subqueues:
            return self._walk(queue, limit, paused)
        return len(self._take(queue, [queue.id], limit))

    def recover(self) -> int:
        """See Source. What an identity that was lost had taken is left to the rescue."""
        self._open = [each for each in self._open if each.take.worker == self._state.worker]
        return sum(len(self._go_on(each)) for each in list(self._open))

    def _walk(self, queue: QueueName, limit: int, paused: frozenset[str]) -> int:
        """Go on through the known subqueues from where the last walk ended, once around at most."""
        walk = self._walks.setdefault(queue, _Walk())
        rounds = 2 if walk.names or walk.cursor else 1  # the rest of one, and a whole one
        found = 0
        while found < limit:
            if not walk.names:
                walk.cursor, names = self._raw.scan_subqueues(queue.root, walk.cursor)
                walk.names.extend(name for name in names if name not in paused)
            if walk.names:
                asked = list(itertools.islice(walk.names, SUBQUEUES_AT_ONCE))
                wanted = min(limit - found, LARGEST_TAKE)
                took = self._take(queue, asked, wanted)
                found += len(took)
                # those behind the last one that gave something were not asked if it gave enough
                passed = asked.index(took[-1].queue) + 1 if len(took) >= wanted else len(asked)
                for _ in range(passed):
                    walk.names.popleft()
            if not walk.names and not walk.cursor:
                rounds -= 1
                if not rounds:
                    break
        return found

    def _take(self, queue: QueueName, queues: Sequence[str], limit: int) -> list[Held]:
        settings = self._settings[queue.root]
        limit = min(limit, LARGEST_TAKE)
        take = Take(
            queue.root,
            queue.type,
            queue.is_reverse,
            queues,
            self._state.worker,
            next(self._numbers),
            [self._jobs.new_id() for _ in range(limit)],
            unix(self._clock.now()),
            settings.pushback,
            settings.unstored,
        )
        begun = _Open(take, self._jobs.new_id(), settings)
        self._state.open_takes[begun.token] = frozenset(take.ids)  # nobody may hand these back meanwhile
        self._open.append(begun)
        return self._go_on(begun)

    def _go_on(self, begun: _Open) -> list[Held]:
        """Do what is left to do about a take. Whatever raises here is done again by `recover`."""
        take = begun.take
        if begun.held is None:
            begun.held = self._raw.take(take)
            self._make(begun, begun.held)
        to_store = [job for job in begun.jobs.values() if _is_stored(job)]
        taken_away: set[JobId] = set()
        if to_store:
            if not begun.inserted:
                self._insert(begun, to_store)
                begun.inserted = True
            ids = [job_id for job_id, job in begun.jobs.items() if _is_stored(job)]
            taken_away = self._raw.done(take.root, take.worker, ids)
            if taken_away:  # this worker was taken for dead meanwhile: they are back in their queue
                self._jobs.discard(sorted(taken_away), begun.token)
        self._hand_over(begun, taken_away)
        return begun.held

    def _hand_over(self, begun: _Open, taken_away: set[JobId]) -> None:
        """The jobs become runs, unless the worker stood still for so long that it may be taken for dead: then they
        are left to whoever looks after it."""
        if self._fresh():
            ours = [job for job in begun.jobs.values() if job.id not in taken_away]
            ready = [job for job in ours if job.id not in begun.failures]
            if ready:
                self._accept(ready)
            for job in ours:
                if job.id in begun.failures:
                    self._reject(job, begun.failures[job.id])
        self._open.remove(begun)
        # only now: between the two the jobs would look as if nobody held them
        self._state.open_takes.pop(begun.token, None)

    # ---- from payloads to jobs

    def _make(self, begun: _Open, held: list[Held]) -> None:
        settings, take = begun.settings, begun.take
        now = self._clock.now()
        for each in held:
            # one that has lost workers is stored, so that it is run alone, and fails if it goes on like that
            stored = not settings.unstored or each.losses >= LOSSES_BEFORE_ALONE
            origin = RawOrigin(
                each.queue, take.root, each.payload, take.worker, stored, settings.no_storage, each.score
            )
            job = ClaimedJob(
                each.id, begun.token, "", {}, settings.retry_queue, now, now, losses=each.losses, raw=origin
            )
            begun.jobs[each.id] = job
            try:
                job.path, job.params, job.trace = _made(settings, each.payload)
            except Exception as error:  # noqa: BLE001 - whatever the user's function does must cost only this payload
                self._spoil(begun, job, type(error).__name__, traceback.format_exc())

    def _spoil(self, begun: _Open, job: ClaimedJob, kind: str, text: str) -> None:
        """No job can be made of a payload: a failed one is stored instead that keeps it."""
        if job.raw is None:
            return
        failure = begun.failures[job.id] = Failure(kind, storable(text))
        # the traceback is in the log once the job's end is: here only where it came from
        log.error(
            "queue %s: no job can be made of %.200r: %s; kept as job %s; requeue that once this is mended",
            job.raw.queue, job.raw.payload, reason_of(failure), job.id,
        )  # fmt: skip
        again = redelivery(job.raw)
        job.path, job.params, job.raw.stored = again["path"], again["params"], True

    def _insert(self, begun: _Open, jobs: list[ClaimedJob]) -> None:
        refused = self._jobs.insert_started(jobs)
        for job_id, reason in refused.items():
            job = begun.jobs[job_id]
            if job_id in begun.failures:
                size = len(job.raw.payload) if job.raw else 0
                log.critical("queue %s: a payload of %d bytes can't be stored: held until this worker ends",
                             begun.take.root, size)  # fmt: skip
                del begun.jobs[job_id]
                self._state.open_takes[self._jobs.new_id()] = frozenset({job_id})
            else:
                self._spoil(begun, job, "UnstorableParams", reason)
        if refused:
            self._insert(begun, [job for job_id, job in begun.jobs.items() if job_id in refused])


def _is_stored(job: ClaimedJob) -> bool:
    return job.raw is not None and job.raw.stored


def _made(settings: RawSettings, payload: bytes) -> tuple[str, dict[str, Any], dict[str, str] | None]:
    """What the user's factory makes of a payload: path, params, and the trace that it belongs to. Text is given to it
    as text, as MRQ 0.9 meant to."""
    try:
        raw: str | bytes = payload.decode()
    except UnicodeDecodeError:
        raw = payload
    if settings.job_factory is None:
        raise TypeError(f"RAW_QUEUES[{settings.root!r}] has no job_factory")
    job = settings.job_factory(raw)
    if not isinstance(job, Mapping):
        raise TypeError(f"the job_factory of {settings.root} returned a {type(job).__name__}, not a dict")
    path, params = job.get("path"), job.get("params")
    if not isinstance(path, str) or not path:
        raise TypeError(f"the job_factory of {settings.root} gave no path, but {path!r}")
    if not isinstance(params, Mapping):
        raise TypeError(f"the job_factory of {settings.root} gave no params, but {params!r}; it needs a dict")
    carried = {name: job[name] for name in ("traceparent", "tracestate") if isinstance(job.get(name), str)}
    return path, dict(params), carried if "traceparent" in carried else None
