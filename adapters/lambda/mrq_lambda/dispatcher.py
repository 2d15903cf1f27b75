"""The dispatcher: sizes worker groups whose documents say `ecs` or `burst`, and carries it out.

To be invoked by EventBridge each minute, and by producers that queue into an idle group. Any number may run at once:
who decides second from the same figures does nothing.
"""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any

# What the first event needs, drivers included, while the start of a sandbox has the most CPU
import mrq.engine.stats_reading
import mrq.stores.mongo_agents
import mrq.stores.mongo_fleets
import mrq.stores.mongo_jobs
import mrq.stores.mongo_stats
import mrq.stores.mongo_workers
import mrq.stores.redis_raw  # noqa: F401
from mrq.domain.agents import group_of
from mrq.domain.fleet import BURST_START, Fleet
from mrq.domain.queuename import parse_queue
from mrq.engine.budget import needs_of
from mrq.engine.burstfit import BurstFit
from mrq.engine.clock import unix
from mrq.engine.fleets import FleetSizer
from mrq.exceptions import ConfigError, InvalidQueueError
from mrq.ports.errors import StoreUnavailableError
from mrq_lambda.aws import client
from mrq_lambda.deployed import keep_groups
from mrq_lambda.fleetmetrics import emit, emit_failed_runs, emit_failure, emit_started
from mrq_lambda.functions import Functions
from mrq_lambda.measuring import measured_by
from mrq_lambda.orders import BadEventError, orders_of
from mrq_lambda.sandbox import sandbox
from mrq_lambda.services import ServiceState, set_desired, state_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mrq.app import App
    from mrq.domain.agents import WorkerGroup
    from mrq.domain.groupcloud import BurstFunction, GroupCloud
    from mrq.domain.groupsizing import GroupSizing
    from mrq.domain.queuefigures import QueueFigures
    from mrq_lambda.context import Context
    from mrq_lambda.orders import BurstOrders

log = logging.getLogger("mrq.lambda")

MARGIN = 5.0  # seconds before the end of the invocation from which on groups are left to the next one
WRITTEN_BY_BURSTS = ("generation", "chain")
NO_CONTAINERS = ServiceState(0, 0)


def handler(event: Any, context: Context) -> dict[str, Any]:
    """Size all groups, or, where the event says `{"queues": [...]}`, those that run the jobs of these queues.
    `{"groups": {...}}` are the groups that a deployment defines: they are made what the event says, before all else.

    The answer: `groups` with what is wanted of each and why, `failed` with what went wrong with others. An error in one
    leaves the others done.

    Raises:
        BadEventError: `queues` is no list of names of queues; nothing was done.
        ConfigError: the configuration is wrong; nothing was done.
        ServerUnavailableError, ServerRefusedError: MongoDB can't be reached. The next one goes on.
    """
    return sandbox.invocation(lambda app: dispatch(app, event, context), context)


def dispatch(app: App, event: Any, context: Context, clients: Callable[[str], Any] = client) -> dict[str, Any]:
    """See `handler`. `clients`: boto3's, by service."""
    queues, groups = (event.get(key) if isinstance(event, dict) else None for key in ("queues", "groups"))
    roots = _roots_of(queues)
    if groups is not None:
        keep_groups(app, groups)
    dispatcher = Dispatcher(app, clients)
    dispatcher.round(roots, lambda: context.get_remaining_time_in_millis() / 1000 > MARGIN)
    if roots is None:
        emit_failed_runs(app)
    return {"groups": dispatcher.done, "failed": dispatcher.failed}


class Dispatcher:
    """One round."""

    def __init__(self, app: App, clients: Callable[[str], Any]) -> None:
        self._app = app
        self._clients = clients
        self._functions = Functions(clients("lambda"))
        self.done: dict[str, dict[str, Any]] = {}
        self.failed: dict[str, str] = {}

    def round(self, roots: set[str] | None, time_left: Callable[[], bool]) -> None:
        """Size the groups that serve one of these root queues (None: all). Raises StoreUnavailableError."""
        groups = self._groups()
        if not groups:
            return
        bursts, ended = self._app.workers.bursts(), self._app.workers.ended_bursts(BURST_START)
        for group in groups:  # also of those that are not sized now: they use up concurrency
            self._tried(group, functools.partial(self._count, group, bursts.get(group.name, 0)))
        for group in groups:
            if group.name in self.failed or not (roots is None or roots & _roots(group)):
                continue
            if not time_left():
                log.error("the time is up: worker group %r and those behind it are left to the next round", group.name)
                return
            began = tuple(unix(each) for each in ended.get(group.name, ()))
            self._tried(group, functools.partial(self._dispatch, group, bursts.get(group.name, 0), began))

    def _groups(self) -> list[WorkerGroup]:
        found = []
        for document in self._app.agents.groups():
            if document.get("ecs") is None and document.get("burst") is None:
                continue
            try:
                found.append(group_of(document))
            except (ConfigError, InvalidQueueError) as error:
                log.error("%s; it is left as it is", error)
                self._fail(document["_id"], error)
        return found

    def _tried(self, group: WorkerGroup, what: Callable[[], None]) -> None:
        try:
            what()
        except StoreUnavailableError:
            raise
        except Exception as error:
            log.exception("worker group %r can't be sized; the others are all the same", group.name)
            self._fail(group.name, error)

    def _fail(self, name: str, error: Exception) -> None:
        self.failed[name] = str(error)
        self.done.pop(name, None)
        emit_failure(name)
        self._app.fleets.failed(name, str(error))

    def _count(self, group: WorkerGroup, bursts: int) -> None:
        cloud, _ = _parts(group)
        if cloud.burst is not None:
            self._functions.run(cloud.burst.function, bursts)

    # ---- one group

    def _dispatch(self, group: WorkerGroup, bursts: int, ended: tuple[float, ...]) -> None:
        cloud, sizing = _parts(group)
        state = NO_CONTAINERS if cloud.ecs is None else state_of(self._clients("ecs"), cloud.ecs)
        fleet = Fleet(state.running, state.starting, bursts, ended)
        figures: Callable[[str, datetime], QueueFigures] = self._app.stats_reader.queue_figures
        event: dict[str, Any] = {}
        room: int | None = None
        if cloud.burst is not None:
            event, orders = self._event(group, cloud.burst, sizing)
            figures = self._with_fit(cloud.burst, sizing, orders)
            room = self._functions.room(cloud.burst.function)
        sizer = FleetSizer(self._app.agents, self._app.fleets, figures)
        sized = sizer.size(group.name, sizing, fleet, room)
        decision = sized.record.decision
        self.done[group.name] = {
            "containers": decision.containers,
            "bursts": decision.bursts if sized.first else 0,
            "reason": decision.reason if sized.first else "decided by another dispatcher at the same time",
        }
        if not sized.first:
            return
        emit(group.name, sized.record)
        if cloud.ecs is not None and not cloud.ecs.only_watched and decision.containers != state.desired:
            set_desired(self._clients("ecs"), cloud.ecs, decision.containers)
        if cloud.burst is not None:
            started = 0
            try:
                for _ in range(decision.bursts):
                    self._functions.start(cloud.burst.function, event)
                    started += 1
            finally:
                emit_started(group.name, started)

    def _event(
        self, group: WorkerGroup, burst: BurstFunction, sizing: GroupSizing
    ) -> tuple[dict[str, Any], BurstOrders]:
        """The event of a burst of this group, and how it will be read. They don't call themselves again, unless that is
        wanted: the next round starts as many as are needed then."""
        event = {
            "queues": list(sizing.queues),
            "concurrency": sizing.policy.jobs_per_burst,
            "max_generations": 0,
            **burst.event,
            "worker_group": group.name,
        }
        where = f"worker group {group.name!r}: burst: event"
        for key in WRITTEN_BY_BURSTS:
            if key in event:
                raise ConfigError(f"{where}: {key} is written by bursts, leave it out")
        try:
            return event, orders_of(event, self._app.settings, "")
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from error

    def _with_fit(
        self, burst: BurstFunction, sizing: GroupSizing, orders: BurstOrders
    ) -> Callable[[str, datetime], QueueFigures]:
        app, whole = self._app, self._functions.about(burst.function).timeout - orders.margin
        fit = BurstFit(
            app.stats_store,
            needs_of(app.tasks, functools.partial(measured_by, app)),
            min(sizing.policy.longest_burst_job, max(0.0, whole)),
            orders.task_whitelist,
            orders.task_blacklist,
        )
        return lambda queue, now: fit.looked_at(queue, app.stats_reader.queue_figures(queue, now), now)


def _parts(group: WorkerGroup) -> tuple[GroupCloud, GroupSizing]:
    if group.cloud is None or group.sizing is None:
        raise TypeError(f"worker group {group.name!r} is not one for the dispatcher")
    return group.cloud, group.sizing


def _roots(group: WorkerGroup) -> set[str]:
    return {_root(queue) for queue in _parts(group)[1].queues}


def _roots_of(queues: Any) -> set[str] | None:
    """Of the queues that an event names; None: it names none, all groups are meant. Raises BadEventError."""
    if queues is None:
        return None
    if not isinstance(queues, list) or not all(isinstance(queue, str) for queue in queues):
        raise BadEventError(f"queues is to be a list of names of queues, not {queues!r:.200}")
    return {_root(queue) for queue in queues}


def _root(queue: object) -> str:
    try:
        return parse_queue(queue).root
    except InvalidQueueError:
        return ""
