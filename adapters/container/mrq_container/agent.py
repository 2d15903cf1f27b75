"""`mrq.agent.Agent`: runs on this machine what the worker group has for it. Several agents share a group.

What runs where is decided by mrq.engine.orchestrating, by whichever agent comes to it first.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
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
        self._kick = threading.Event()
        self._handed_over = threading.Event()
        self._away = False  # MongoDB, at the last try

    def work(self) -> None:
        """Run workers until told to end by a signal and all have ended."""
        self.install_signal_handlers()
        self.pool.start()
        log.info("agent %s runs workers of group %r", self.id, self.worker_group)
        threading.Thread(target=self._keep, name="mrq-agent", daemon=True).start()
        while not self.pool.wait(0):
            self.obey(LOOK)
        self._handed_over.wait(LAST_WRITES)
        log.info("agent %s stops", self.id)
        with contextlib.suppress(StoreUnavailableError):  # it expires by itself
            self._report()

    # ---- what it does again and again

    def manage(self) -> None:
        """Report, and run what the answer says. Raises StoreUnavailableError."""
        document = self._report()
        self._app.metrics.tell("agent", data={"worker_group": self.worker_group, "agent_id": str(self.id)})
        desired = document.get("desired_workers")
        if desired is None or self.status is AgentStatus.STOP:
            return
        try:
            self.pool.set_commands(desired, self._termination_timeout())
        except (ValueError, TypeError, AttributeError) as error:
            log.error("what this agent is to run can't be read (%s); it goes on as it is", error)

    def orchestrate(self) -> None:
        """Run the autoscaling task if there is one, then spread all worker groups over their agents.

        Raises StoreUnavailableError.
        """
        if path := self._app.settings.autoscaling_taskpath:
            try:
                run_task(path, {})
            except Exception:
                log.exception("the autoscaling task %s raised; the worker groups are spread as they are", path)
        run_task(ORCHESTRATE, {})

    def shutdown_graceful(self) -> None:
        """Have the workers finish their jobs; the others of the group take over at once."""
        self._leave("its workers finish their jobs", self.pool.stop)

    def shutdown_now(self) -> None:
        """Have the workers interrupt their jobs."""
        self._leave("its workers interrupt their jobs", self.pool.terminate)

    # ---- inside

    def _leave(self, what: str, how: Callable[[], None]) -> None:
        log.info("agent %s is told to end: %s", self.id, what)
        self.status = AgentStatus.STOP
        how()
        self._kick.set()

    def _keep(self) -> None:
        """In a thread of its own: a database that hangs must not hold up signals and processes."""
        reporting = orchestrating = time.monotonic()
        while True:
            now = time.monotonic()
            left = self.status is AgentStatus.STOP
            if now >= reporting or self._kick.is_set():
                self._kick.clear()
                self._try(self.manage)
                reporting = now + self._interval
                if left:  # what it ran is to be somebody else's
                    self._try(self.orchestrate)
                    self._handed_over.set()
            if now >= orchestrating and not left:
                self._try(self.orchestrate)
                self._try(self.manage)
                orchestrating = now + self._app.settings.orchestrate_interval
            due = reporting if left else min(reporting, orchestrating)
            self._kick.wait(max(0.0, due - time.monotonic()))

    def _try(self, what: Callable[[], None]) -> None:
        try:
            what()
            self._away = False
        except StoreUnavailableError as error:
            if not self._away:
                log.warning("agent %s goes on with what it runs: %s", self.id, error)
            self._away = True
        except Exception:
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

    def _termination_timeout(self) -> float | None:
        document = self._app.agents.group(self.worker_group)
        try:
            return group_of(document).termination_timeout if document else None
        except ConfigError:  # said when it is spread
            return None
