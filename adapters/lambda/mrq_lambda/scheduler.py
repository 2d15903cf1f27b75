"""The tick: what recurs is queued, what is due comes back, and jobs of the dead are taken from them.

To be invoked by EventBridge each minute. Any number may run at once, beside schedulers in containers as well.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mrq.domain.worker import WorkerRecord
from mrq.engine.maintenance import BATCH, Maintenance
from mrq.engine.raw_rescue import RawRescuer
from mrq.engine.rescue import Rescuer
from mrq.ports.errors import StoreUnavailableError
from mrq_lambda.sandbox import sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.app import App
    from mrq.domain.ids import WorkerId
    from mrq_lambda.context import Context

log = logging.getLogger("mrq.lambda")

MARGIN = 3.0  # seconds before the end of the invocation at which nothing is begun any more

_synced: set[int] = set()  # apps whose schedules of the config file are in the database


def handler(event: Any, context: Context) -> dict[str, Any]:  # noqa: ARG001 - whatever invokes it, it does the same
    """One tick. What it did is the answer.

    Raises:
        ConfigError: the configuration is wrong.
        ServerUnavailableError, ServerRefusedError: MongoDB can't be reached. What was done is done.
    """
    return sandbox.invocation(lambda app: tick(app, lambda: context.get_remaining_time_in_millis() / 1000 - MARGIN))


def tick(app: App, left: Callable[[], float]) -> dict[str, Any]:
    """See `handler`. `left`: seconds until nothing may be begun any more."""
    scheduler = app.scheduler()
    if id(app) not in _synced:
        scheduler.sync(app.configured_schedules())
        _synced.clear()
        _synced.add(id(app))
    queued = 0
    while (some := scheduler.tick(app.clock.now())) and left() > 0:
        queued += some
    queued += some
    return {"queued": queued, "back": _bring_back(app, left), "rescued": _rescue(app, left)}


def _bring_back(app: App, left: Callable[[], float]) -> int:
    maintenance, back = Maintenance(app.jobs, app.enqueuer, app.clock), 0
    while True:
        some = maintenance.round()
        back += some
        if some < BATCH or left() <= 0:
            return back


def _rescue(app: App, left: Callable[[], float]) -> int:
    """Take the jobs of dead workers from them. A burst is dead by the end that it stated. A container worker has to be
    seen silent for a whole lease, by somebody who lives meanwhile: if one is silent, the tick stays for so long."""
    settings, me = app.settings, app.jobs.new_id()
    now = app.clock.now()
    app.workers.register(WorkerRecord(me, "scheduler", now, settings.lease, deadline=now + timedelta(seconds=900)))
    dead: list[WorkerId] = []
    rescuer = Rescuer(
        app.jobs, app.workers, app.clock, settings.heartbeat_interval, settings.max_losses, settings.default_job_ttl,
        returned=app.enqueuer.call_for, bury=dead.append,
    )  # fmt: skip
    rescued, until = 0, app.clock.monotonic() + settings.lease + 2 * settings.heartbeat_interval
    try:
        while True:
            at = app.workers.beat(me)
            if at is None:
                break
            rescuer.beaten(app.clock.monotonic())
            rescued += rescuer.round(me, at)
            silent_since = at - timedelta(seconds=1.5 * settings.heartbeat_interval)
            silent = [each for each in app.workers.suspects(silent_since) if each.deadline is None]
            if not silent or app.clock.monotonic() > until or left() < settings.heartbeat_interval:
                break
            app.runtime.sleep(settings.heartbeat_interval)
        rescued += _rescue_payloads(app, me, dead)
    finally:
        app.workers.stop(me, {"jobs": []})
    return rescued


def _rescue_payloads(app: App, me: WorkerId, dead: list[WorkerId]) -> int:
    """The same for raw queues and permits, which are in Redis; it may be away."""
    try:
        for worker in dead:
            app.semaphores.drop(worker)
        return RawRescuer(app.raw, app.jobs, app.workers, returned=app.enqueuer.call_for).round(me)
    except StoreUnavailableError as error:
        log.warning("what dead workers hold in Redis waits for the next tick: %s", error)
        return 0
