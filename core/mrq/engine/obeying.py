"""Do what the worker is told from outside: heard of by its heartbeats, done once, answered."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING, Any

from mrq.domain.orders import Verb
from mrq.domain.words import many
from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mrq.domain.ids import JobId
    from mrq.domain.orders import Order
    from mrq.engine.loop import Worker
    from mrq.ports.clock import Clock
    from mrq.ports.orders import Orders
    from mrq.ports.runtime import Event

log = logging.getLogger("mrq.worker")

REMEMBERED = 100  # orders that are not done again when their answers could not be written


class Obedience:
    """A worker's ear for orders. Whatever one of them raises, the worker works on."""

    def __init__(self, worker: Worker, orders: Orders, clock: Clock) -> None:
        self._worker = worker
        self._orders = orders
        self._clock = clock
        self._done: deque[JobId] = deque(maxlen=REMEMBERED)
        self._actions: Mapping[Verb, Callable[[Mapping[str, Any]], str]] = {
            Verb.QUIET: self._quiet,
            Verb.RESUME: self._resume,
            Verb.STOP: self._stop,
            Verb.RESIZE: self._resize,
            Verb.PROFILE: self._profile,
            Verb.REPORT: self._report,
        }

    def loop(self, stopped: Event) -> None:
        """Look until told to stop."""
        worker, interval = self._worker, self._worker.options.heartbeat_interval
        while not stopped.wait(interval / 3 if worker.beats else interval):
            if worker.told.is_set() or not worker.beats:
                worker.told.clear()
                self.look()

    def look(self) -> None:
        """Do what there is to do."""
        me = self._worker.state.worker
        try:
            for order in self._orders.given(me):
                self._orders.answer(me, order.id, self._obey(order), self._clock.now())
        except StoreUnavailableError as error:
            self._worker.told.set()  # look again
            log.debug("no orders can be heard: %s", error)

    def _obey(self, order: Order) -> str:
        if order.id in self._done:
            return "done"
        self._done.append(order.id)
        log.info("told to %s%s", order.verb.value, f" {dict(order.arguments)}" if order.arguments else "")
        try:
            return self._actions[order.verb](order.arguments)
        except Exception as error:
            log.exception("what the worker was told (%s) can't be done", order.verb.value)
            return f"it can't be done: {type(error).__name__}: {error}"[:500]

    def _quiet(self, _arguments: Mapping[str, Any]) -> str:
        self._worker.state.quiet = True
        return "takes no more jobs"

    def _resume(self, _arguments: Mapping[str, Any]) -> str:
        self._worker.state.quiet = False
        self._worker.state.kick.set()
        return "takes jobs"

    def _stop(self, arguments: Mapping[str, Any]) -> str:
        if arguments.get("now"):
            self._worker.stop.interrupt("told to stop now")
        else:
            self._worker.stop.finish("told to stop")
        return "stops"

    def _resize(self, arguments: Mapping[str, Any]) -> str:
        self._worker.state.resize(int(arguments["greenlets"]))
        return f"runs up to {many(self._worker.state.greenlets, 'job')}"

    def _report(self, _arguments: Mapping[str, Any]) -> str:
        self._worker.reporter.write()
        return f"runs {many(len(self._worker.state.running()), 'job')}"

    def _profile(self, arguments: Mapping[str, Any]) -> str:
        profile = self._worker.fittings.profile
        if profile is None:
            return "it can't be done: this kind of worker has no profiler"
        return profile(float(arguments["seconds"]))
