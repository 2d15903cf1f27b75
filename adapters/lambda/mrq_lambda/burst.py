"""A burst: one invocation drains queues with the core's own loop until they are empty or its time is nearly up."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Any

# What the first event needs, drivers included: the start of a sandbox has the most CPU, and isn't part of the deadline.
import mrq.engine.loop
import mrq.engine.stats_reading
import mrq.stores.mongo_jobs
import mrq.stores.mongo_logs
import mrq.stores.mongo_stats
import mrq.stores.mongo_workers
import mrq.stores.redis_pauses
import mrq.stores.redis_wakeups  # noqa: F401
from mrq.app import get_app
from mrq.domain.exposition import Totals
from mrq.engine.budget import Budget, needs_of
from mrq.engine.claiming import queues_of
from mrq.engine.fittings import Fittings
from mrq.engine.sideloops import in_time
from mrq.exceptions import MrqError
from mrq.logger import handlers_of, mongo_handler
from mrq_lambda import emf
from mrq_lambda.continuation import continue_burst, work_remains
from mrq_lambda.measuring import measured_by
from mrq_lambda.orders import orders_of
from mrq_lambda.sandbox import sandbox

if TYPE_CHECKING:
    from mrq.app import App
    from mrq.engine.loop import Worker
    from mrq.engine.shutdown import Exit
    from mrq_lambda.context import Context
    from mrq_lambda.orders import BurstOrders

log = logging.getLogger("mrq.lambda")

_handlers: list[logging.Handler] = []  # that this sandbox has given MRQ's logger


class BurstFailedError(MrqError):
    """Something in the burst itself broke. Its jobs are handed back."""


def handler(event: Any, context: Context) -> dict[str, Any]:
    """Drain queues. What it did is the answer.

    Raises:
        BadEventError, ConfigError: the event or the configuration is wrong; nothing was touched.
        ServerUnavailableError, ServerRefusedError: MongoDB can't be reached; nothing was taken.
        BurstFailedError: see there.
    """
    return sandbox.invocation(lambda app: drain(app, event, context), context)


def measured(path: str) -> float | None:
    """Seconds below which nearly all jobs of a task stay; None: not measured yet."""
    return measured_by(get_app(), path)


def drain(app: App, event: Any, context: Context) -> dict[str, Any]:
    """One invocation. See `handler`."""
    orders = orders_of(event, app.settings, context.aws_request_id)
    budget = Budget(
        app.clock, context.get_remaining_time_in_millis() / 1000, orders.margin, needs_of(app.tasks, measured)
    )
    budget.look_at(app.tasks.known | orders.task_whitelist)
    options = orders.options(app.settings)
    totals = Totals() if app.settings.emf else None
    worker = app.worker(app.runtime, options=options, fittings=_fittings(app, totals), budget=budget)
    worker.begin()  # what raises here has taken nothing
    worker.loop()
    ended = worker.end()
    told = _report(worker, ended, budget, orders)
    emf.write(app, _gauges(app, worker, budget), totals, str(worker.id))
    hangs = False
    if _may_go_on(worker, ended, budget):

        def go_on() -> None:
            if work_remains(app, options, queues_of(orders.queues), budget):
                told["continued"] = continue_burst(app, orders, _taken(worker), context.invoked_function_arn)

        try:
            hangs = not in_time(app.runtime, go_on, budget.leaves_by - app.clock.monotonic())
        except Exception:
            log.exception("the burst can't be continued: what remains is left to the next one that is started")
    if ended.replace or hangs:
        retire("whether the burst goes on could not be said in time" if hangs else ended.reason)
    if ended.code:
        raise BurstFailedError(f"the burst broke: {ended.reason}; its jobs are handed back, see the log")
    log.info("burst: %s", told)
    return told


def _may_go_on(worker: Worker, ended: Exit, budget: Budget) -> bool:
    """Whether another one could do better. One that has finished nothing would not: its queue may be poisoned."""
    if not worker.state.finished:
        return False
    out_of_time = budget.left <= 0 or bool(budget.unfit() - budget.too_long().keys())
    full = worker.options.max_jobs and _taken(worker) >= worker.options.max_jobs
    return not full and (out_of_time or ended.replace)


def _taken(worker: Worker) -> int:
    return worker.state.finished + worker.state.interrupted


def _report(worker: Worker, ended: Exit, budget: Budget, orders: BurstOrders) -> dict[str, Any]:
    return {
        "worker": str(worker.id),
        "reason": ended.reason,
        "jobs": _taken(worker),
        "interrupted": worker.state.interrupted,
        "for_containers": budget.too_long(),
        "generation": orders.generation,
        "continued": False,
    }


def _gauges(app: App, worker: Worker, budget: Budget) -> dict[str, float]:
    state = worker.state
    return {
        "BurstJobs": float(_taken(worker)),
        "BurstInterrupted": float(state.interrupted),
        "BurstHandedBack": float(state.handed_back),
        "BurstLeftSeconds": max(0.0, budget.left),
        "FailedExports": float(app.spans.failed),
    }


def _fittings(app: App, totals: Totals | None) -> Fittings:
    """Lines of jobs are kept in MongoDB, as those of containers are."""
    add_handlers(app)
    handler = mongo_handler()
    return Fittings(logs=None if handler is None else handler.writer(app), totals=totals)


def add_handlers(app: App) -> None:
    """Those of the settings, once in this sandbox: later invocations find them."""
    ours = logging.getLogger("mrq")
    if mongo_handler() is not None or any(each in ours.handlers for each in _handlers):
        return
    _handlers[:] = handlers_of(app.settings)
    for each in _handlers:
        ours.addHandler(each)
    if _handlers:
        ours.setLevel(min(each.level for each in [*ours.handlers, *_handlers]))


def retire(reason: str) -> None:
    """End this process, now: something in it can't be stopped, and must not go on when the sandbox is thawed. Lambda
    counts it as an error of the function and begins the next invocation in a new sandbox."""
    log.error("this sandbox is given up: %s", reason)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(1)
