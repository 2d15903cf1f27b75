"""Under which id a worker is known to the others: the one that was wished for, if it is free, or a new one."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from mrq.domain.worker import WorkerRecord, WorkerStatus
from mrq.exceptions import ConfigError, InvalidJobIdError

if TYPE_CHECKING:
    from mrq.domain.ids import WorkerId
    from mrq.engine.budget import Budget
    from mrq.engine.fittings import Fittings
    from mrq.engine.heartbeat import Heartbeat
    from mrq.engine.options import WorkerOptions
    from mrq.engine.report import Reporter
    from mrq.engine.state import WorkerState
    from mrq.ports.clock import Clock
    from mrq.ports.guard import Guard
    from mrq.ports.jobs import JobStore
    from mrq.ports.workers import WorkerStore

log = logging.getLogger("mrq.worker")

CLOCKS_AGREE = timedelta(seconds=0.5)


class Identity:
    """Registers a worker, and tells everything in it that has to know."""

    def __init__(
        self,
        jobs: JobStore,
        workers: WorkerStore,
        state: WorkerState,
        clock: Clock,
        options: WorkerOptions,
        *,
        heartbeat: Heartbeat,
        reporter: Reporter,
        guard: Guard,
        fittings: Fittings,
        budget: Budget | None = None,
    ) -> None:
        """`budget`: states its end.

        Raises ConfigError when `worker_id` of the options is no id."""
        self._workers = workers
        self._state = state
        self._clock = clock
        self._options = options
        self._heartbeat = heartbeat
        self._reporter = reporter
        self._guard = guard
        self._fittings = fittings
        self._budget = budget
        self._wanted = _id_of(jobs, options.worker_id)

    def assume(self, me: WorkerId) -> None:
        """Act under this id, or the first time under the one that was wished for, from the moment on in which it is
        known.

        Raises:
            StoreUnavailableError: the worker could not be registered.
        """
        wanted, self._wanted = self._wanted, None
        if wanted is None or not self._workers.introduce(self._record(wanted)):
            if wanted is not None:
                log.warning("the id %s is or was another worker's; this one is %s", wanted, me)
            self._workers.register(self._record(me))
        else:
            me = wanted
        if self._budget is not None:
            self._state_end(me, self._budget)
        self._state.worker = me
        if self._fittings.logs is not None:
            self._fittings.logs.act_as(me)
        self._heartbeat.last = self._clock.monotonic()
        self._guard.identity(me)
        self._guard.beat()
        self._state.status = WorkerStatus.STARTED

    def _record(self, me: WorkerId) -> WorkerRecord:
        now = self._reporter.started = self._clock.now()
        deadline = None if self._budget is None else self._budget.deadline(now)
        return WorkerRecord(me, self._options.name, now, self._options.lease, self._options.report_config, deadline)

    def _state_end(self, me: WorkerId, budget: Budget) -> None:
        """The stated end is judged by the database's clock: state it by that, if this machine's is another."""
        now, record = self._workers.beat(me), self._record(me)
        if now is not None and abs(now - record.datestarted) > CLOCKS_AGREE:
            self._workers.register(replace(record, deadline=budget.deadline(now)))


def _id_of(jobs: JobStore, worker_id: str) -> WorkerId | None:
    if not worker_id:
        return None
    try:
        return jobs.parse_id(worker_id)
    except InvalidJobIdError as error:
        raise ConfigError(f"worker_id {worker_id!r} is no id; write 24 hexadecimal digits") from error
