"""The part of `mrq.job.Job` that starts, runs and ends a job by hand: what MRQ 0.9's own worker used it for.

A worker of this version doesn't need it. Everything here is written under the claim of the run, like the worker's own
writes: where the job was taken away meanwhile, nothing is written.
"""

from __future__ import annotations

import logging
import random
import sys
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from mrq.app import get_app
from mrq.domain.change import after
from mrq.domain.job import NewJob
from mrq.domain.outcome import Failure, Outcome
from mrq.domain.queuename import waiting_place
from mrq.domain.status import FINAL, Status
from mrq.engine.execute import call, failure_of, main_task, outcome_of, storable
from mrq.engine.run import Run, current_job_id, current_run
from mrq.exceptions import Interrupt, JobInterrupt, MrqError, TimeoutInterrupt

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mrq.app import App
    from mrq.domain.ids import JobId

log = logging.getLogger("mrq.job")

STARTS_WITHIN = timedelta(seconds=60)
"""A job that is inserted as a started one is safe from workers for so long, until it is."""

_MOVES = ("queue", "datequeued", "retry_count", "dateexpires")


class JobSaving:
    """See the module's docstring."""

    id: JobId | None
    data: dict[str, Any] | None
    stored: bool | None = None
    """Whether MongoDB has the job; None: not known."""

    statuses_no_storage: Sequence[str] | None = None
    """Statuses in which a job that MongoDB doesn't have is not stored either."""

    datestarted: datetime | None
    _app: App
    _run: Run | None
    _task: Any = None
    _outcome: Outcome | None = None
    """What came of the last `perform`, for a worker that writes the end itself."""
    _for_worker = False
    _raised: BaseException | None = None

    @property
    def task(self) -> Any:
        """The instance of its task that runs or has run here, or None."""
        return self._task if self._run is None else self._run.task

    @task.setter
    def task(self, task: Any) -> None:
        self._task = task
        if self._run is not None:
            self._run.task = task

    # ---- starting

    def _start(self) -> bool:
        """Start the job here, unless it runs already or is not to run."""
        record = None if self.id is None else self._app.jobs.fetch(self.id)
        run = None if record is None else self._app.own_runs.start(record.id, record.path)
        if run is None:
            log.info("job %s is not there, runs already, or is not to run", self.id)
            return False
        self._run, self.stored, self.datestarted = run, True, run.job.datestarted
        return True

    @classmethod
    def _insert(cls, jobs_data: Iterable[dict[str, Any]], queue: str | None, *, store: bool) -> list[dict[str, Any]]:
        """Insert jobs given as documents, which get their `_id`s. Those of status started are not started yet."""
        app, new, documents = get_app(), [], list(jobs_data)
        now, parent = app.clock.now(), current_job_id()
        for data in documents:
            data["_id"] = data.get("_id") or app.jobs.new_id()
            name = waiting_place(data.get("queue") or queue or app.queue_of(data["path"])).id
            data.update(queue=name, status=Status(data.get("status", Status.QUEUED)).value)
            placed = data.setdefault("datequeued", now)
            due = now + STARTS_WITHIN if data["status"] == Status.STARTED else None
            new.append(NewJob(data["_id"], data["path"], data.get("params") or {}, name, placed, due, parent))
        if store and new:
            app.jobs.check(new)
            app.enqueuer.patience.through(lambda: app.jobs.insert(new), f"{len(new)} jobs wait to be queued")
            app.enqueuer.call_for({job.queue for job in new if job.due is None})
        return documents

    # ---- running

    def perform(self) -> Any:
        """Run the job's task here, store its result, and return it. Does nothing without `data`.

        Then `data` has the `status` and `result`. What the task raises is raised here, interrupts included; nothing is
        stored then: see `save_retry` and the like. A job without an id is run and not stored. In a job that a worker
        performs, `data` also shows how a run that raised ends, and the worker stores either.
        """
        if self.data is None:
            return None
        params = self.data.get("params") or {}
        if self.id is None and not self._for_worker:
            self._run = self._app.own_runs.nameless(self.data["path"], params)
        elif self._run is None:
            self._run = self._app.own_runs.seen(self._known())
        run = self._run
        task = self.task = main_task(self._app.tasks, self.data["path"])
        before = current_run.set(run) if run is not None else None
        try:
            if run is not None:
                run.face = self
            result = call(task, params)
        except BaseException as exc:
            if self._for_worker:
                self._outcome = self._note(self._outcome_of(exc))
            raise
        finally:
            if before is not None:
                current_run.reset(before)
        if self._for_worker:
            self._outcome = self._note(Outcome(Status.SUCCESS, result=result))
        else:
            self.save_success(result)
        return result

    def perform_for_worker(self) -> Outcome:
        """`perform`, as a subclass has it, for a worker that holds the run and writes its end: what came of it. Never
        raises."""
        self._for_worker, self._outcome, self._raised = True, None, None
        try:
            self.perform()
            return self._performed()
        except BaseException as exc:  # noqa: BLE001 - whatever it is, it is the job's end
            if self._is_from_task(exc):
                return self._performed()
            return self._note(self._outcome_of(exc))

    def _is_from_task(self, exc: BaseException) -> bool:
        return exc is self._raised

    def _performed(self) -> Outcome:
        if self._outcome is None:
            raise RuntimeError("perform() did not call that of mrq.job.Job: the job was not run")
        return self._outcome

    def _outcome_of(self, exc: BaseException) -> Outcome:
        if self._run is None:
            raise MrqError(f"job {self.id} is not held by a worker")
        self._raised = exc
        return outcome_of(exc, self._run.job, self._run.options, random.random())  # noqa: S311 - for jitter

    def _note(self, outcome: Outcome) -> Outcome:
        """Show in `data` how the run ends, as MRQ 0.9 did."""
        if self._run is not None and self._run.outcome is not None:
            outcome = self._run.outcome  # decided before, by a time-out or a shutdown
        self._note_move(outcome.status, {"retry_count": outcome.retry_count, "queue": outcome.queue})
        if self.data is None:
            return outcome
        for name in ("result", "exceptiontype", "traceback"):
            self.data.pop(name, None)
        if outcome.failure is not None:
            self.data |= {"exceptiontype": outcome.failure.exceptiontype, "traceback": outcome.failure.traceback}
        if outcome.status is Status.SUCCESS and "progress" in self.data:
            self.data["progress"] = 1.0
        if outcome.result is not None:
            self.data["result"] = outcome.result
        return outcome

    def _note_move(self, status: Status, fields: Mapping[str, Any]) -> None:
        """In a new dict: the old one may be, or be in, the result, which would then hold itself."""
        if self.data is not None:
            known = {name: value for name, value in fields.items() if value is not None}
            self.data = {**self.data, "status": status.value, **known}

    # ---- ending

    def save_success(self, result: Any = None) -> bool:
        """End the run with a result. Raises MrqError when it can't be stored."""
        return self._end(Outcome(Status.SUCCESS, result=result))

    def save_retry(self, retry_exc: Interrupt) -> bool:
        """End the run as its RetryInterrupt says: status `retry`, or, without a delay, queued again at once."""
        return self._end_by(retry_exc, Status.RETRY)

    def save_abort(self) -> bool:
        """End the run as `abort`; call it while the exception is being handled."""
        return self._end(Outcome(Status.ABORT, failure=_current_failure()))

    def save_cancel(self) -> bool:
        """Cancel the job, to be kept for its `cancel_ttl`."""
        return self._save_status(Status.CANCEL)

    def _save_status(
        self,
        status: str,
        updates: Mapping[str, Any] | None = None,
        exception: bool = False,
        w: int | str | None = None,  # noqa: ARG002 - MRQ 0.9
        j: bool | None = None,  # noqa: ARG002
    ) -> bool:
        """Bring the job into a status, if the table of moves allows it. False: it was not.

        updates: new values of queue, datequeued, retry_count, dateexpires; for the end of a run result, traceback
        and exceptiontype. exception: store the one that is being handled. Writes are always acknowledged by a
        majority, whatever w and j say.
        """
        to, values = Status(status), dict(updates or {})
        if self.id is None or self._is_not_stored(to):
            return False
        if to is Status.STARTED:
            return self._start()
        if to in FINAL and to is not Status.CANCEL:
            failure = _current_failure() if exception else _failure_in(values)
            return self._end(Outcome(to, result=values.get("result"), failure=failure))
        now = self._app.clock.now()
        fields = {name: values[name] for name in _MOVES if name in values}
        if fields.get("queue"):
            fields["queue"] = waiting_place(fields["queue"]).id
        if to is Status.CANCEL and "dateexpires" not in fields:
            fields["dateexpires"] = after(now, self._app.tasks.options(self._path()).cancel_ttl)
        moved = self._app.enqueuer.patience.through(
            lambda: self._app.jobs.move(self._known(), to, now, fields), f"job {self.id} waits to be moved"
        )
        if moved:
            self._note_move(to, fields)
            self._app.metrics.statuses([to])
        else:
            log.error("job %s can't become %s: it is not there, or its status doesn't allow it", self.id, to)
        return moved

    def _end_by(self, exc: BaseException, expected: Status) -> bool:
        run = self._held_run()
        if run is None:
            return self._refuse(expected)
        return self._end(outcome_of(exc, run.job, run.options), run)

    def _end(self, outcome: Outcome, run: Run | None = None) -> bool:
        if self.id is None or self._is_not_stored(outcome.status):
            self._note(outcome)
            return False
        if self.stored is False:
            self._store()
        run = run or self._held_run()
        if run is None:
            return self._refuse(outcome.status)
        written = self._app.own_runs.end(run, outcome)
        if written:
            self._note(outcome)
            self._app.metrics.statuses([outcome.status])
        if written and outcome.status is Status.QUEUED:
            self._app.enqueuer.call_for([outcome.queue or run.job.queue])
        return written

    def _refuse(self, status: Status) -> bool:
        log.error("job %s can't become %s: it doesn't run", self.id, status)
        return False

    def _held_run(self) -> Run | None:
        """The run that is held here, or, for a job that others run, as the database has it."""
        return self._run or self._app.own_runs.seen(self._known())

    def _is_not_stored(self, status: Status) -> bool:
        return self.stored is False and status in (self.statuses_no_storage or ())

    def _store(self) -> None:
        """A job that was not to be stored has to be: insert it, started."""
        if self.data is None:
            raise MrqError(f"job {self.id} was never stored and has no data")
        self._insert([{**self.data, "_id": self.id, "status": Status.STARTED}], None, store=True)
        self._start()

    def _known(self) -> JobId:
        if self.id is None:
            raise MrqError("this job has no id")
        return self.id

    def _path(self) -> str:
        if self.data and "path" in self.data:
            return str(self.data["path"])
        record = self._app.jobs.fetch(self._known())
        return record.path if record else ""

    # ---- from outside

    def kill(self, block: bool = False, reason: str = "unknown") -> bool:
        """End a job that runs in this process now. False: none runs here under this id, or its end was decided.

        It ends as `timeout` when that is the reason, else as `interrupt`, and doesn't return by itself then; with the
        place where it was. block: wait until its code has stopped, for as long as a job may take to be interrupted.
        """
        holder = None if self.id is None else self._app.holder_of(self.id)
        if holder is None:
            log.warning("job %s doesn't run in this process", self.id)
            return False
        worker, run = holder
        timeout = reason == Status.TIMEOUT
        interrupt = TimeoutInterrupt(reason) if timeout else JobInterrupt(reason)
        name = type(interrupt).__name__
        text = storable(f"Job killed: {reason}\n\n{run.where()}{name}: {reason}\n")
        outcome = Outcome(Status.TIMEOUT if timeout else Status.INTERRUPT, failure=Failure(name, text))
        killed = worker.kill(run, outcome, interrupt)
        if block and run.fiber is not None and run is not current_run.get():
            run.fiber.join(worker.options.interrupt_grace)
        return killed


def _current_failure() -> Failure | None:
    exc = sys.exc_info()[1]
    return None if exc is None else failure_of(exc)


def _failure_in(values: Mapping[str, Any]) -> Failure | None:
    if "traceback" not in values and "exceptiontype" not in values:
        return None
    return Failure(str(values.get("exceptiontype", "")), str(values.get("traceback", "")))
