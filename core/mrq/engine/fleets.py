"""How many processes a worker group is to have: by the load of its queues, if its document says so."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mrq.domain.agents import as_stated
from mrq.domain.fleet import Fleet, decide
from mrq.domain.queuefigures import added_up
from mrq.engine.clock import unix
from mrq.ports.fleets import FleetRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.domain.agents import GroupCommand, WorkerGroup
    from mrq.domain.fleetpolicy import FleetPolicy
    from mrq.domain.groupsizing import GroupSizing
    from mrq.domain.queuefigures import QueueFigures
    from mrq.ports.agents import AgentStore
    from mrq.ports.clock import Clock
    from mrq.ports.fleets import FleetStore

log = logging.getLogger("mrq.fleet")


@dataclass(frozen=True, slots=True)
class FleetSizer:
    """Sizes the first command of a group that has `sizing`; the others run as often as they say."""

    agents: AgentStore
    fleets: FleetStore
    figures: Callable[[str], QueueFigures]  # of a queue, now
    clock: Clock

    def processes_of(self, group: WorkerGroup, command: GroupCommand) -> int:
        """How often a command is to run. Raises StoreUnavailableError."""
        sizing = group.sizing
        if sizing is None or command is not group.commands[0]:
            return as_stated(group, command)
        return self._size(group.name, command.command, sizing)

    def _size(self, name: str, command: str, sizing: GroupSizing) -> int:
        last, now = self.fleets.last(name), self.clock.now()
        figures = added_up(self.figures(queue) for queue in sizing.queues)
        fleet = self._fleet(name, command)
        memory = None if last is None else last.decision.memory
        decision = decide(_without_bursts(sizing.policy), figures, fleet, memory, unix(now))
        changed = last is None or last.decision.containers != decision.containers
        self.fleets.save(name, FleetRecord(now, figures, fleet, decision), changed=changed)
        if changed:
            log.info("worker group %r: %s", name, decision.reason)
        return decision.containers

    def _fleet(self, name: str, command: str) -> Fleet:
        running = wanted = 0
        for document in self.agents.living(name):
            running += Counter(document.get("current_workers") or ())[command]
            wanted += Counter(document.get("desired_workers") or ())[command]
        return Fleet(running=running, starting=max(0, wanted - running))


def _without_bursts(policy: FleetPolicy) -> FleetPolicy:
    """Agents start no bursts: what is left to them would be done by nobody."""
    return replace(policy, max_bursts=0, max_workers=max(1, policy.max_workers)) if policy.max_bursts else policy
