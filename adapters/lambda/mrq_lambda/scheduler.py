"""The tick: what recurs is queued, what is due comes back, jobs of the dead are taken from them, and so on.

To be invoked by EventBridge each minute. Any number may run at once, beside schedulers in containers as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# What the first event needs, drivers included, while the start of a sandbox has the most CPU
import mrq.stores.mongo_jobs
import mrq.stores.mongo_reports
import mrq.stores.mongo_schedules
import mrq.stores.mongo_workers
import mrq.stores.redis_locks
import mrq.stores.redis_raw  # noqa: F401
from mrq.app_upkeep import LONGEST_TICK, tick
from mrq_lambda import emf
from mrq_lambda.sandbox import sandbox

if TYPE_CHECKING:
    from mrq.app import App
    from mrq_lambda.context import Context

MARGIN = 5.0  # seconds before the end of the invocation at which it stops watching silent workers


def handler(event: Any, context: Context) -> dict[str, Any]:  # noqa: ARG001 - whatever invokes it, it does the same
    """One tick. What it did is the answer: how many jobs schedules have queued, the other chores by name, and, if
    schedules are mirrored into EventBridge Scheduler, how many entries were made and deleted, or what went wrong.

    Raises:
        ConfigError: the configuration is wrong; nothing was done.
        ServerUnavailableError, ServerRefusedError: MongoDB can't be reached. The next tick goes on.
    """
    return sandbox.invocation(lambda app: _tick(app, context), context)


def _tick(app: App, context: Context) -> dict[str, Any]:
    longest = max(0.0, min(LONGEST_TICK, context.get_remaining_time_in_millis() / 1000 - MARGIN))
    done = tick(app, longest=longest)
    told: dict[str, Any] = {"queued": done.queued, "upkeep": dict(done.upkeep)}
    emf.write(app, {"ScheduledJobs": float(done.queued)})
    if app.settings.eventbridge_role:
        from mrq_lambda import mirror  # noqa: PLC0415 - boto3 takes longer to load than all of MRQ

        told["mirror"] = mirror.tried(app, context.invoked_function_arn)
    return told
