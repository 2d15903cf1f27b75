"""A burst that calls itself again, when there is more to do than its time was enough for."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from mrq.domain.queuename import QueueType
from mrq.engine.clock import unix
from mrq.ports.errors import StoreUnavailableError
from mrq.ports.jobs import Claim
from mrq_lambda.calling import call

if TYPE_CHECKING:
    from mrq.app import App
    from mrq.domain.queuename import QueueName
    from mrq.engine.budget import Budget
    from mrq.engine.options import WorkerOptions
    from mrq_lambda.orders import BurstOrders

log = logging.getLogger("mrq.lambda")

LOCK_TTL = 6 * 3600.0  # seconds: as long as Lambda keeps an asynchronous event


def work_remains(app: App, options: WorkerOptions, queues: list[QueueName], budget: Budget) -> bool:
    """Whether another burst like this one would find a job to take.

    Raises:
        StoreUnavailableError: that is not known.
    """
    never = options.never | budget.too_long().keys()
    paused = app.pauses.paused()
    for queue in queues:
        if queue.id in paused or queue.root in paused:
            continue
        if queue.is_raw:
            if not budget.is_closed(queue.root) and _raw_waits(app, queue):
                return True
            continue
        new, now = app.jobs.new_id, app.clock.now()
        claim = Claim(queue, 1, new(), new(), now, options.only, frozenset(never), paused, for_burst=True)
        if app.jobs.waits(claim):
            return True
    return False


def _raw_waits(app: App, queue: QueueName) -> bool:
    if queue.serves_subqueues:
        return bool(app.raw.scan_subqueues(queue.root, 0)[1])
    if queue.type is QueueType.TIMED_SET:
        return app.raw.count_due(queue, unix(app.clock.now())) > 0
    return app.raw.size(queue) > 0


def continue_burst(app: App, orders: BurstOrders, taken: int, function: str) -> bool:
    """Invoke this function again, asynchronously; False: it is enough, or another copy of this event has done it.

    Raises:
        Exception: whatever boto3 raises; nothing was invoked.
    """
    if orders.generation >= orders.max_generations:
        log.warning("work remains after %d generations of burst %s: left to the next one that is started",
                    orders.generation + 1, orders.chain)  # fmt: skip
        return False
    lock, key = f"burst:{orders.chain}:{orders.generation}", None
    try:
        key = app.locks.acquire(lock, LOCK_TTL)
        if key is None:
            log.info("burst %s has been continued already: this was a second copy of its event", orders.chain)
            return False
    except StoreUnavailableError as error:  # one too many does no harm
        log.debug("whether a copy of this event has continued the burst is not known: %s", error)
    try:
        call(function, orders.next_event(taken))
    except Exception:
        if key is not None:
            app.locks.release(lock, key)
        raise
    return True
