"""Turn on what the settings say is to be traced, for as long as a worker lives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mrq.engine.iotrace import IoHooks, IoTrace
from mrq.engine.patching import Patches
from mrq.engine.sockets import add_latency, latency_of, trace_sockets
from mrq.exceptions import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.app import App


class IoTracing:
    """I/O tracing, printed queries and added latency, of one app."""

    def __init__(self, app: App, current_job: Callable[[], Any]) -> None:
        """`current_job`: the Job of the code that calls it, or None. Raises ConfigError: the latency is none."""
        self._app = app
        self._current_job = current_job
        self._patches = Patches()
        settings = app.settings
        self.trace = IoTrace(app.clock) if settings.trace_io else None
        try:
            self._latency = latency_of(settings.add_network_latency)
        except ValueError as error:
            raise ConfigError(f"add_network_latency: {error}") from None

    def install(self) -> None:
        """Begin."""
        settings = self._app.settings
        if self._latency[1] > 0:
            add_latency(self._latency, self._patches)
        if self.trace is None and not settings.print_mongodb:
            return
        from mrq.stores.driver_tracing import trace_mongodb, trace_redis  # noqa: PLC0415 - it loads the drivers

        trace = self.trace or IoTrace(self._app.clock)
        hidden = frozenset(settings.print_mongodb_hidden_collections)
        around = self._patches.around
        trace_mongodb(self._call(trace, "mongodb"), around, printed=settings.print_mongodb, hidden=hidden)
        if self.trace is not None:
            trace_redis(self._call(trace, "redis"), around)
            trace_sockets(trace, self._patches)

    def remove(self) -> None:
        """End."""
        self._patches.undo()

    def _call(self, trace: IoTrace, what: str) -> Callable[..., Any]:
        hooks = self._hooks(what)

        def call(kind: str, data: str, function: Callable[[], Any], event: dict[str, Any] | None) -> Any:
            return trace.call(kind, data, function, hooks, event)

        return call

    def _hooks(self, what: str) -> IoHooks:
        config, traced = self._app.config, self.trace is not None
        return IoHooks(
            pre=lambda: config.get(f"{what}_pre_hook") if traced else None,
            post=lambda: config.get(f"{what}_post_hook") if traced else None,
            job=self._current_job,
        )
