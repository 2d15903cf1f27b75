"""How many processes a worker group is to have: by the load of its queues, if its document says so."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mrq.domain.agents import as_stated
from mrq.domain.fleet import Fleet, decide
from mrq.domain.queuefigures import added_up
from mrq.domain.words import many
from mrq.engine.clock import unix
from mrq.ports.fleets import FleetRecord

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mrq.domain.agents import GroupCommand, WorkerGroup
    from mrq.domain.fleet import Decision
    from mrq.domain.fleetpolicy import FleetPolicy
    from mrq.domain.groupsizing import GroupSizing
    from mrq.domain.queuefigures import QueueFigures
    from mrq.ports.agents import AgentStore
    from mrq.ports.fleets import FleetStore

log = logging.getLogger("mrq.fleet")


@dataclass(frozen=True, slots=True)
class Sized:
    """A decision. `first`: it is the one that was written; else somebody else was quicker, and starts the bursts."""

    record: FleetRecord
    first: bool


@dataclass(frozen=True, slots=True)
class FleetSizer:
    """Sizes the first command of a group that has `sizing`; the others run as often as they say."""

    agents: AgentStore
    fleets: FleetStore
    figures: Callable[[str, datetime], QueueFigures]  # of a queue at this time, which is now

    def processes_of(self, group: WorkerGroup, command: GroupCommand) -> int:
        """How often a command is to run. Raises StoreUnavailableError."""
        sizing = group.sizing
        if sizing is None or command is not group.commands[0]:
            return as_stated(group, command)
        return self._size(group.name, command.command, sizing)

    def _size(self, name: str, command: str, sizing: GroupSizing) -> int:
        sizing = replace(sizing, policy=_without_bursts(sizing.policy))
        return self.size(name, sizing, self._fleet(name, command)).record.decision.containers

    def size(self, name: str, sizing: GroupSizing, fleet: Fleet, most_bursts: int | None = None) -> Sized:
        """Decide, and write down what and why, before anything is done about it.

        `most_bursts`: so many can be started now, whatever the policy says. Raises StoreUnavailableError.
        """
        last, now = self.fleets.last(name), self.fleets.now()
        figures = added_up(self.figures(queue, now) for queue in sizing.queues)
        memory = None if last is None else last.decision.memory
        policy = sizing.policy if most_bursts is None else _held_at(sizing.policy, fleet.bursts + most_bursts)
        decision = decide(policy, figures, fleet, memory, unix(now))
        if most_bursts is not None:
            decision = _held(decision, fleet, most_bursts, sizing.policy)
        changed = last is None or last.decision.containers != decision.containers or decision.bursts > 0
        record = FleetRecord(now, figures, fleet, decision)
        first = self.fleets.save(name, record, changed=changed, seen=last)
        if changed and first:
            log.info("worker group %r: %s", name, decision.reason)
        return Sized(record, first)

    def _fleet(self, name: str, command: str) -> Fleet:
        running = wanted = 0
        for document in self.agents.living(name):
            desired = Counter(document.get("desired_workers") or ())[command]
            # what runs beyond that only finishes its jobs
            running += min(Counter(document.get("current_workers") or ())[command], desired)
            wanted += desired
        return Fleet(running=running, starting=wanted - running)


def _without_bursts(policy: FleetPolicy) -> FleetPolicy:
    """Agents start no bursts: what is left to them would be done by nobody."""
    return replace(policy, max_bursts=0, max_workers=max(1, policy.max_workers)) if policy.max_bursts else policy


def _held_at(policy: FleetPolicy, bursts: int) -> FleetPolicy:
    """Where bursts can't be had, containers are to do their part. A group without containers keeps its hope for one."""
    most = max(bursts, 0 if policy.max_workers else 1)
    return replace(policy, max_bursts=min(policy.max_bursts, most))


def _held(decision: Decision, fleet: Fleet, most_bursts: int, policy: FleetPolicy) -> Decision:
    if fleet.bursts + most_bursts >= policy.max_bursts:
        return decision
    bursts, memory = min(decision.bursts, most_bursts), decision.memory
    if bursts < decision.bursts:
        memory = replace(memory, bursts_asked=fleet.bursts + bursts)
    reason = f"{decision.reason}; Lambda has room for {many(most_bursts, 'more burst')}"
    return replace(decision, bursts=bursts, memory=memory, reason=reason)
