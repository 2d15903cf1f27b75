"""Tasks that bring jobs back. Workers of this version do that by themselves: these are for whoever wants it sooner.

Several at once would do no harm; each is limited to one because more would only be a waste.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mrq.app import get_app
from mrq.context import log, run_task
from mrq.domain.status import Status
from mrq.engine.overdue import requeue_overdue
from mrq.task import Task

if TYPE_CHECKING:
    from collections.abc import Mapping

JOB_ACTION = "mrq.basetasks.utils.JobAction"


class RequeueInterruptedJobs(Task):
    """Queue all jobs of status `interrupt` again, without waiting for their time. No params.

    Returns {"requeued": n, "cancelled": 0}; they keep their `retry_count`.
    """

    max_concurrency = 1

    def run(self, params: Mapping[str, Any]) -> Any:  # noqa: ARG002
        """See the class."""
        return run_task(JOB_ACTION, {"action": "requeue_retry", "status": Status.INTERRUPT.value})


class RequeueRetryJobs(Task):
    """Queue jobs of status `retry` again whose time has come. No params.

    Returns {"requeued": n, "cancelled": 0}; they keep their `retry_count`.
    """

    max_concurrency = 1

    def run(self, params: Mapping[str, Any]) -> Any:  # noqa: ARG002
        """See the class."""
        due = {"$lte": get_app().clock.now()}
        return run_task(JOB_ACTION, {"action": "requeue_retry", "status": Status.RETRY.value, "dateretry": due})


class RequeueStartedJobs(Task):
    """Queue started jobs again that are far over their time, or whose worker is gone.

    Params: `timeout`, seconds that are added to the time-out of each job (default 300). Returns {"requeued": n,
    "started": m}, where m are all that were started, this very job among them.
    """

    max_concurrency = 1

    def run(self, params: Mapping[str, Any]) -> dict[str, int]:
        """See the class."""
        app = get_app()
        extra = {"timeout": 300, **params}["timeout"]
        requeued, started = requeue_overdue(app.jobs, app.workers, app.tasks, app.enqueuer, app.clock, float(extra))
        if requeued:
            log.info("%d of %d started jobs were over their time or had lost their workers", requeued, started)
        return {"requeued": requeued, "started": started}
