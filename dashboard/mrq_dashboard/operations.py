"""Bulk actions that go on in the background, in steps, so that any process can go on with any of them.

In a server that lives long, a thread does the steps. Elsewhere (AWS Lambda) each question about an operation does one.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from mrq.app import App
from mrq.domain.change import after
from mrq.domain.status import Status
from mrq.exceptions import MrqError, ServerUnavailableError
from mrq.job_bulk import BulkResult, MatchingJobs
from mrq.ports.operations import Operation, OperationState
from mrq_dashboard.errors import RefusedError
from mrq_dashboard.filters import JobFilterModel, filter_for_action
from mrq_dashboard.identity import How, Principal, Role
from mrq_dashboard.shown import Shower

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mrq.domain.ids import JobId
    from mrq.domain.jobfilter import JobFilter

log = logging.getLogger("mrq.dashboard")

BATCH = 500
HOLD = timedelta(seconds=30)  # after so long without a sign, another process goes on
STEP = 2.0  # seconds
LOOK = 5.0  # seconds between two looks for abandoned operations
KEPT = 30 * 24 * 3600.0  # seconds


class Action(StrEnum):
    """What is done to the jobs."""

    CANCEL = "cancel"
    REQUEUE = "requeue"

    @property
    def status(self) -> Status:
        """Where the jobs go."""
        return Status.CANCEL if self is Action.CANCEL else Status.QUEUED


def about_of(wanted: JobFilterModel, who: Principal) -> dict[str, Any]:
    """What an operation keeps of the wish: which jobs, and the scope of who wishes."""
    scope = None if who.queues is None else list(who.queues)
    return {"filter": wanted.model_dump(mode="json", exclude_defaults=True), "queues": scope}


def scope_of(about: Mapping[str, Any]) -> list[str] | None:
    """The queues that an operation is about, at most; None: any."""
    return about["filter"].get("queue") or about.get("queues")


def filter_of(app: App, shower: Shower, about: Mapping[str, Any]) -> JobFilter:
    """What `about_of` has kept, as a filter."""
    scope = about.get("queues")
    who = Principal("operation", Role.OPERATOR, How.OPEN, None if scope is None else tuple(scope))
    return filter_for_action(app, who, shower, JobFilterModel.model_validate(about["filter"]))


class _Enough(Exception):  # noqa: N818 - no error
    """Ends a step."""


class Operations:
    """Begins operations and goes on with them. `background`: in a thread."""

    def __init__(self, app: App, shower: Shower, *, background: bool) -> None:
        self._app = app
        self._shower = shower
        self._background = background
        self._wake = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None

    # ---- the thread

    def start(self) -> None:
        """Go on with operations in a thread, if that is wanted."""
        if self._background and self._thread is None:
            self._thread = threading.Thread(target=self._loop, name="mrq operations", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the thread, after the batch that it is at."""
        self._stopped = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(HOLD.total_seconds())
            self._thread = None

    def _loop(self) -> None:
        while not self._stopped:
            self._wake.wait(LOOK)
            self._wake.clear()
            try:
                self._go_on()
            except ServerUnavailableError as error:
                log.warning("bulk operations wait: %s", error)
            except Exception:
                log.exception("bulk operations wait")

    def _go_on(self) -> None:
        while waiting := self._app.operations.abandoned(self._app.clock.now(), 10):
            for operation in waiting:
                if self._stopped:
                    return
                self.step(operation)

    # ---- one operation

    def begin(self, operation: Operation) -> None:
        """Store a new operation, and go on with it."""
        self._app.operations.add(operation, after(operation.started, KEPT))
        self._wake.set()

    def looked_at(self, operation: JobId) -> None:
        """Somebody asks about it: where no thread does it, go on with it for a moment."""
        if not self._background:
            self.step(operation)

    def stop(self, operation: JobId) -> bool:
        """Ask it to stop. False: it doesn't run."""
        stopped = self._app.operations.stop(operation)
        self._wake.set()
        return stopped

    def step(self, operation: JobId) -> None:
        """Go on with it for some seconds, if nobody else does."""
        now, runner = self._app.clock.now(), self._app.jobs.new_id()
        held = self._app.operations.hold(operation, runner, now, now + HOLD)
        if held is None:
            return
        until = self._app.clock.monotonic() + STEP
        current = held

        def progress(result: BulkResult) -> None:
            nonlocal current
            at = self._app.clock.now()
            moved, found = held.moved + result.moved, held.found + result.found
            current = replace(current, moved=moved, found=found, last=result.last, updated=at)
            state = self._app.operations.save(current, runner, at + HOLD)
            if state is not OperationState.RUNNING:
                raise _Enough
            if self._app.clock.monotonic() > until or self._stopped:
                raise _Enough

        try:
            if held.state is OperationState.STOPPING:
                raise _Enough
            self._move(held, progress)
            current = replace(current, state=OperationState.DONE)
        except _Enough:
            current = self._after_step(current)
        except ServerUnavailableError:
            raise
        except (MrqError, RefusedError, ValueError) as error:
            current = replace(current, state=OperationState.BROKEN, error=str(error)[:1000])
        at = self._app.clock.now()
        self._app.operations.save(replace(current, updated=at), runner, at)

    def _after_step(self, current: Operation) -> Operation:
        now = self._app.operations.fetch(current.id)
        asked = now is not None and now.state is OperationState.STOPPING
        return replace(current, state=OperationState.STOPPED) if asked else current

    def _move(self, held: Operation, progress: Callable[[BulkResult], object]) -> None:
        which = filter_of(self._app, self._shower, held.about)
        # Jobs that are queued after it has begun are not meant, nor, by the order of ids, some of the same second.
        matching = MatchingJobs(self._app, replace(which, until=which.until or held.id))
        if held.action == Action.CANCEL:
            matching.cancel(batch_size=BATCH, start_after=held.last, progress=progress)
        else:
            matching.requeue(held.destination, batch_size=BATCH, start_after=held.last, progress=progress)
