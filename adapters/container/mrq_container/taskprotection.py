"""In a task of ECS: while long jobs run, scale-in takes other tasks. ECS is asked through its agent's endpoint.

The protection is short and renewed as long as it is needed, never taken back: several workers of one container need not
agree, and it ends by itself when all of them are done, or dead. Outside of ECS nothing is done.
"""

from __future__ import annotations

import json
import logging
import os
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import TYPE_CHECKING

from mrq.engine.outage import Outage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mrq.engine.run import Run
    from mrq.ports.clock import Clock
    from mrq.ports.runtime import Event

log = logging.getLogger("mrq.worker")

VARIABLE = "ECS_AGENT_URI"
"""Where ECS says the address of its agent, in the environment of each container."""

LOOK = 5.0  # seconds between two looks at the jobs
MINUTES = 3  # that a protection lasts; whole ones are all that ECS knows
RENEW = 60.0  # seconds after which it is asked for again, so that one try may fail
TIMEOUT = 5.0  # seconds for an answer


@dataclass(slots=True)
class TaskProtection:
    """`runs`: those of this worker. `after`: seconds that a job has to run until it counts as a long one."""

    uri: str
    runs: Callable[[], Iterable[Run]]
    after: float
    clock: Clock
    _asked: float | None = None  # monotonic seconds
    _outage: Outage = field(init=False)

    def __post_init__(self) -> None:
        self._outage = Outage(log, self.clock)

    def loop(self, stopped: Event) -> None:
        """Look after the jobs until told to stop."""
        while not stopped.wait(LOOK):
            self.look()

    def look(self) -> None:
        """Ask for protection if a long job runs and it was not asked for just now. Never raises for ECS's sake."""
        now = self.clock.monotonic()
        if self._asked is not None and now - self._asked < RENEW:
            return
        if not any(
            run.started is not None and not run.ended and now - run.started >= self.after for run in self.runs()
        ):
            return
        try:
            protect(self.uri)
        except (OSError, HTTPException, ValueError) as error:
            self._outage.failed("this task of ECS can't be protected, a scale-in may interrupt its long jobs", error)
            return
        if self._asked is None or now - self._asked > MINUTES * 60:
            log.info("a job has run for %g s: ECS is to spare this task, as long as such jobs run", self.after)
        self._asked = now
        self._outage.over("this task of ECS can be protected again")


def protect(uri: str) -> None:
    """Ask ECS to spare this task for a while.

    Raises:
        OSError, HTTPException: the agent doesn't answer, or refuses.
        ValueError: its answer makes no sense, or says that it was not done.
    """
    body = json.dumps({"ProtectionEnabled": True, "ExpiresInMinutes": MINUTES}).encode()
    request = urllib.request.Request(  # noqa: S310 - the address is ECS's
        f"{uri.rstrip('/')}/task-protection/v1/state", body, {"Content-Type": "application/json"}, method="PUT"
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            told = json.loads(answer.read(10_000))
    except urllib.error.HTTPError as error:
        with error:
            raise OSError(f"{error}: {error.read(500).decode(errors='replace')}") from None
    if not (isinstance(told, dict) and isinstance(told.get("protection"), dict)):
        raise ValueError(f"ECS says {json.dumps(told)[:500]}")


def protection_loops(
    runs: Callable[[], Iterable[Run]], after: float, clock: Clock, environment: Mapping[str, str] = os.environ
) -> list[tuple[str, Callable[[Event], None]]]:
    """The loop for a worker, if it runs in ECS and `after` is not 0."""
    uri = environment.get(VARIABLE)
    if not uri or not after:
        return []
    return [("task protection", TaskProtection(uri, runs, after, clock).loop)]
