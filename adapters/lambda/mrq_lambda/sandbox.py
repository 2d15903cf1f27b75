"""What outlives an invocation: the settings, the app and its connections. A sandbox serves one event at a time."""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from mrq.app import App, use_app
from mrq.engine.loghandlers import guarded
from mrq.exceptions import ServerRefusedError, ServerUnavailableError
from mrq.logger import JSON, formatter_of
from mrq.settings import load
from mrq_lambda import secretvalues

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.settings import Settings
    from mrq_lambda.context import Context

T = TypeVar("T")

log = logging.getLogger("mrq.lambda")

LONGEST_SLEEP = 300.0  # seconds frozen after which connections are made anew: NAT gateways forget them after 350

LAST_CALLS = 2.0  # seconds
LAST_MOMENT = 0.2  # seconds before the end of an invocation, for the process to leave


class Sandbox:
    """The app of this process. It is made at the first use, so a function that fails to start says why."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        """`wall`: the time of day in seconds; the one clock that goes on while the sandbox is frozen."""
        self._wall = wall
        self._app: App | None = None
        self._config: dict[str, Any] = {}
        self._hidden: dict[str, str] = {}  # settings that name secrets
        self._left_at: float | None = None

    def app(self) -> App:
        """The app. From MRQ's config file in the bundle and the environment; there is no command line.

        Raises:
            ConfigError: a setting is wrong, or a secret can't be read.
        """
        if self._app is None:
            loaded = load("worker", sources=("file", "env"))
            set_up_logging(loaded.settings)
            for warning in loaded.warnings:
                log.warning("%s", warning)
            self._config = loaded.settings.as_dict()
            self._hidden = {key: value for key, value in self._config.items() if secretvalues.is_secret(value)}
            self._use(self._secrets())
        if self._app is None:
            raise RuntimeError("the app was not made")
        return self._app

    def thawed(self) -> None:
        """An invocation begins. After a long sleep, or one that the clock can't measure, connections are new ones: the
        old ones may look alive and be dead."""
        if self._app is not None and self._left_at is not None:
            slept = self._wall() - self._left_at
            if not 0 <= slept <= LONGEST_SLEEP:
                log.info("frozen for %.0f s: connecting anew", slept)
                self._app.close()

    def left(self) -> None:
        """An invocation ends."""
        self._left_at = self._wall()

    def invocation(self, work: Callable[[App], T], context: Context) -> T:
        """Do an invocation's work, once.

        Where connection URLs are secrets, both servers are asked first whether they let us in; if not, the secrets are
        read again. The same when the work fails for a server, so that the next invocation has what is right then.

        Raises:
            ConfigError: see `app`.
            Exception: what the work raised.
        """
        self.thawed()
        try:
            self.app()
            if self._hidden:
                self._knock()
            return work(self.app())
        except (ServerRefusedError, ServerUnavailableError):
            self._renewed()
            raise
        finally:
            self._woken(context)
            self._told(context)
            self.left()

    def _woken(self, context: Context) -> None:
        """Who was to be woken for jobs is called before the process is frozen."""
        enqueuer = vars(self._app).get("enqueuer") if self._app is not None else None
        if enqueuer is not None and enqueuer.waker is not None and not enqueuer.waker.wait(_for_last_calls(context)):
            log.warning("somebody was to be woken, and it takes long: a dispatcher does it in its next round")

    def _told(self, context: Context) -> None:
        """Spans are exported before the process is frozen."""
        spans = vars(self._app).get("spans") if self._app is not None else None
        if spans is not None:
            spans.flush(_for_last_calls(context))

    def _knock(self) -> None:
        app = self.app()
        try:
            app.jobs.ping()
            app.wakeups.ping()
        except (ServerRefusedError, ServerUnavailableError) as error:
            if self._renewed():
                log.warning("the secrets have changed, using the new ones (%s)", error)

    def close(self) -> None:
        """Forget everything, and close the connections."""
        if self._app is not None:
            use_app(None)
            self._app.close()
        self._app, self._left_at = None, None

    # ---- secrets

    def _secrets(self) -> dict[str, str]:
        return {key: secretvalues.revealed(value) for key, value in self._hidden.items()}

    def _renewed(self) -> bool:
        """Read the secrets again; whether they have changed, and the app is a new one."""
        if self._app is None or not self._hidden:
            return False
        found = self._secrets()
        if all(self._app.config.get(key) == value for key, value in found.items()):
            return False
        old = self._app
        self._use(found)
        old.close()
        return True

    def _use(self, secrets: dict[str, str]) -> None:
        self._app = App({**self._config, **secrets})
        use_app(self._app)


def _for_last_calls(context: Context) -> float:
    """Seconds that may be waited for a call, as far as there is time."""
    return max(0.0, min(LAST_CALLS, context.get_remaining_time_in_millis() / 1000 - LAST_MOMENT))


class ToStdout(logging.StreamHandler[TextIO]):
    """To whatever stdout is when a line is written: the runtime replaces it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        """See logging.StreamHandler."""
        return sys.stdout


def set_up_logging(settings: Settings) -> None:
    """MRQ's lines go to stdout, from where Lambda takes them to CloudWatch: in `log_format`, as JSON also where the
    function's own log format is that, without secrets, from `log_level` on (`quiet`: errors only).

    Not by Lambda's own handler, which would write them as they are.
    """
    terminal = ToStdout()
    as_json = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
    terminal.setFormatter(formatter_of(JSON if as_json else settings.log_format, settings))
    terminal.setLevel("ERROR" if settings.quiet else settings.log_level)
    ours = logging.getLogger("mrq")
    others = [each for each in ours.handlers if not isinstance(each, ToStdout)]
    ours.handlers[:] = [guarded(terminal), *others]
    ours.propagate = False
    ours.setLevel(terminal.level)


sandbox = Sandbox()
"""The one of this process."""
