"""`mrq.agent.Agent`: runs on this machine what the worker group has for it. Several agents share a group.

What runs where is decided by mrq.engine.orchestrating, by whichever agent comes to it first.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from typing import TYPE_CHECKING, Any

import psutil

from mrq.app import get_app
from mrq.context import run_task
from mrq.domain.agents import USUAL_CPU, AgentStatus, group_of
from mrq.exceptions import ConfigError
from mrq.ports.errors import StoreUnavailableError
from mrq_container.processes import Process, ProcessPool

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.domain.ids import AgentId

log = logging.getLogger("mrq.agent")

ORCHESTRATE = "mrq.basetasks.orchestrator.Orchestrate"
USUAL_INTERVAL = 10.0  # seconds between two reports when none is set: without reports there is no agent
SHORTEST_LIFE, REPORTS_MISSED = 15.0, 4
"""An agent is taken for dead when it has missed so many reports, but not before so many seconds."""
REMEMBERED = 3600.0  # seconds that the document of an agent is kept once it has ended
SHARE_OF_MEMORY = 0.8
LAST_WRITES = 5.0  # seconds to tell the others of the group that it ends
HOOK_PATIENCE = 30.0  # seconds that the autoscaling task may take until the groups are spread without it
LOOK = 0.5  # seconds between two looks at signals and at the end


class Agent(Process):
    """One machine's part in a worker group. `pool` holds its processes."""

    def __init__(self, worker_group: str | None = None) -> None:
        """worker_group: its name; None: that of the settings, or "default". Starts nothing."""
        super().__init__()
        self._app = get_app()
        settings = self._app.settings
        self.id: AgentId = self._app.jobs.new_id()
        self.worker_group = worker_group or settings.worker_group or "default"
        self.status = AgentStatus.STARTED
        self.datestarted = self._app.clock.now()
        self.pool = ProcessPool(
            extra_env={
                "MRQ_AGENT_ID": str(self.id),
                "MRQ_WORKER_GROUP": self.worker_group,
                "MRQ_PROCESSES": "0",  # the group says how many there are, whatever the config file says
            }
        )
        self._interval = settings.report_interval or USUAL_INTERVAL
        self._timeout: float | None = None  # of the group, when it was last read
        self._kick = threading.Event()
        self._leaving = threading.Event()
        self._reported = threading.Event()
        self._broken = threading.Event()
        self._hook: threading.Thread | None = None
        self._handed_over = threading.Event()
        self._away = False  # MongoDB, at the last try
        self._groupless = False  # whether it was said that there is no such group

    def work(self) -> int:
        """Run workers until told to end by a signal and all have ended; the exit code."""
        self.install_signal_handlers()
        self.begin()
        while not self.pool.wait(0):
            self.obey(LOOK)
            if self._broken.is_set() and self.status is AgentStatus.STARTED:
                self._leave("it can't go on; its workers finish their jobs", self._finish)
        self._handed_over.wait(LAST_WRITES)
        log.info("agent %s stops", self.id)
        with contextlib.suppress(StoreUnavailableError):  # it expires by itself
            self._report()
        return int(self._broken.is_set())

    def begin(self) -> None:
        """Start what is done beside waiting for signals. Each in a thread: neither a database that hangs nor a task
        that takes its time may hold up the report, without which an agent is dead to the others."""
        self.pool.start()
        log.info("agent %s runs workers of group %r", self.id, self.worker_group)
        for name, loop in (("report", self._keep_reporting), ("orchestrate", self._keep_orchestrating)):
            threading.Thread(target=self._guarded, args=(loop,), name=f"mrq-agent-{name}", daemon=True).start()

    # ---- what it does again and again

    def manage(self) -> None:
        """Report, and run what the answer says. Raises StoreUnavailableError."""
        document = self._report()
        self._app.metrics.tell("agent", data={"worker_group": self.worker_group, "agent_id": str(self.id)})
        desired = document.get("desired_workers")
        if self.status is AgentStatus.STOP:
            return
        if not desired:
            self._look_for_group()
        if desired is None:
            return
        try:
            self._timeout = self._termination_timeout()
            self.pool.set_commands(desired, self._timeout)
        except (ValueError, TypeError, AttributeError) as error:
            log.error("what this agent is to run can't be read (%s); it goes on as it is", error)

    def orchestrate(self) -> None:
        """Run the autoscaling task if there is one, then spread all worker groups over their agents.

        Raises StoreUnavailableError.
        """
        if path := self._app.settings.autoscaling_taskpath:
            self._scale(path)
        self._spread()

    def shutdown_graceful(self) -> None:
        """Have the workers finish their jobs; the others of the group take over at once."""
        self._leave("its workers finish their jobs", self._finish)

    def shutdown_now(self) -> None:
        """Have the workers interrupt their jobs."""
        self._leave("its workers interrupt their jobs", self.pool.terminate)

    # ---- inside

    def _finish(self) -> None:
        self.pool.stop(self._timeout)

    def _leave(self, what: str, how: Callable[[], None]) -> None:
        log.info("agent %s is told to end: %s", self.id, what)
        self.status = AgentStatus.STOP
        how()
        self._leaving.set()
        for waited_for in (self._reported, self._kick):
            waited_for.set()

    def _guarded(self, loop: Callable[[], None]) -> None:
        """An agent that doesn't report, or doesn't spread, is not to go on half alive."""
        try:
            loop()
        except BaseException:
            log.exception("agent %s ends with an error: a part of it has died", self.id)
            self._broken.set()

    def _keep_reporting(self) -> None:
        while True:
            self._kick.clear()
            left = self._leaving.is_set()
            self._try(self.manage)
            self._reported.set()
            if left:  # what it ran is to be somebody else's
                self._try(self._spread)
                self._handed_over.set()
            if left and self.pool.wait(0):
                return
            self._kick.wait(self._interval)

    def _keep_orchestrating(self) -> None:
        self._reported.wait()  # before, it has no share
        while not self._leaving.is_set():
            self._try(self.orchestrate)
            self._kick.set()  # to run what that has brought
            self._leaving.wait(self._app.settings.orchestrate_interval)

    def _scale(self, path: str) -> None:
        """Run the autoscaling task in a thread, since nothing can end one that doesn't end."""
        if self._hook is None or not self._hook.is_alive():
            self._hook = threading.Thread(target=self._run_hook, args=(path,), name="mrq-autoscaling", daemon=True)
            self._hook.start()
        self._hook.join(HOOK_PATIENCE)
        if self._hook.is_alive():
            log.warning(
                "the autoscaling task %s still runs; the worker groups are spread without it, and it isn't run again "
                "until it has ended",
                path,
            )

    @staticmethod
    def _run_hook(path: str) -> None:
        try:
            run_task(path, {})
        except BaseException:  # it may call sys.exit()
            log.exception("the autoscaling task %s raised; the worker groups are spread as they are", path)

    @staticmethod
    def _spread() -> None:
        run_task(ORCHESTRATE, {})

    def _try(self, what: Callable[[], None]) -> None:
        try:
            what()
            self._away = False
        except StoreUnavailableError as error:
            if not self._away:
                log.warning("agent %s goes on with what it runs: %s", self.id, error)
            self._away = True
        except BaseException:  # also a SystemExit, of a task or a hook: it is not theirs to end this thread
            log.exception("agent %s goes on with what it runs, but something is wrong", self.id)

    def _report(self) -> dict[str, Any]:
        left = self.status is AgentStatus.STOP
        lives = REMEMBERED if left else max(SHORTEST_LIFE, REPORTS_MISSED * self._interval)
        return self._app.agents.report(self.id, self.get_agent_report(), lives)

    def get_agent_report(self) -> dict[str, Any]:
        """What it says of itself, in MRQ 0.9's fields."""
        settings = self._app.settings
        return {
            "worker_group": self.worker_group,
            "status": self.status.value,
            "current_workers": self.pool.commands,
            "total_cpu": settings.total_cpu or USUAL_CPU * (os.cpu_count() or 1),
            "total_memory": settings.total_memory or int(SHARE_OF_MEMORY * psutil.virtual_memory().total / 2**20),
            "datestarted": self.datestarted,
        }

    def _look_for_group(self) -> None:
        """Say, once, that there is no such group: its name may be mistyped, or nobody has made it yet."""
        groups = [each["_id"] for each in self._app.agents.groups()]
        if (missing := self.worker_group not in groups) and not self._groupless:
            there = ", ".join(map(repr, groups)) or "none"
            log.warning("there is no worker group %r (groups: %s); this agent waits for it", self.worker_group, there)
        self._groupless = missing

    def _termination_timeout(self) -> float | None:
        document = self._app.agents.group(self.worker_group)
        try:
            return group_of(document).termination_timeout if document else None
        except ConfigError:  # said when it is spread
            return None
