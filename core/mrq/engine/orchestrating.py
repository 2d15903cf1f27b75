"""Spreads the commands of worker groups over their agents. Any number may do it at once: no leader.

What each finds follows from the documents alone, and is written only where they are still what was read. The lock
in Redis only saves work, so without Redis it is done all the same.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mrq.domain.agents import USUAL_CPU, AgentShare, as_stated, group_of, spread, wanted
from mrq.domain.words import many
from mrq.exceptions import ConfigError
from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mrq.domain.agents import GroupCommand, WorkerGroup
    from mrq.ports.agents import AgentStore
    from mrq.ports.locks import Locks

log = logging.getLogger("mrq.agent")

LONGEST = 30.0  # seconds that one round may take until another one is begun beside it


class Orchestrator:
    """Decides what the agents are to run."""

    def __init__(
        self,
        agents: AgentStore,
        locks: Locks,
        processes_of: Callable[[WorkerGroup, GroupCommand], int] = as_stated,
    ) -> None:
        """`processes_of`: how often a command of a group is to run."""
        self._agents = agents
        self._locks = locks
        self._processes_of = processes_of
        self._unserved: set[str] = set()  # groups of which it was said that nobody runs them
        self._wrong: dict[str, str] = {}  # what was said to be wrong with which group

    def names(self) -> list[str]:
        """Names of the worker groups. Raises StoreUnavailableError."""
        return [document["_id"] for document in self._agents.groups()]

    def orchestrate(self, name: str) -> int:
        """Say to the agents of a group what they are to run; to how many of them that is new.

        A group that can't be read, or that there is none of, is left as it is: its agents run what they ran.
        Raises StoreUnavailableError: MongoDB is away.
        """
        with self._alone(name) as alone:
            return self._spread(name) if alone else 0

    def _spread(self, name: str) -> int:
        document = self._agents.group(name)
        if document is None:
            return 0
        try:
            group = group_of(document)
        except ConfigError as error:
            if self._wrong.get(name) != str(error):  # once, not at each spreading
                log.error("%s; its agents go on as they are", error)
                self._wrong[name] = str(error)
            return 0
        self._wrong.pop(name, None)
        documents = self._agents.living(name)
        counts = wanted(group, self._processes_of)
        if not documents:
            self._say_unserved(name, counts.total())
            return 0
        self._unserved.discard(name)
        plan = spread(counts, [_share(each) for each in documents])
        changed = 0
        for each in documents:
            seen, desired = each.get("desired_workers"), plan[each["_id"]]
            if seen is None or sorted(seen) != sorted(desired):
                changed += self._agents.assign(each["_id"], desired, seen)
        if changed:
            log.info("worker group %r: %s over %s", name, many(counts.total(), "worker"), many(len(documents), "agent"))
        return changed

    def _say_unserved(self, name: str, workers: int) -> None:
        if workers and name not in self._unserved:
            log.warning("nobody runs the %s of worker group %r: it has no agent", many(workers, "worker"), name)
            self._unserved.add(name)

    @contextmanager
    def _alone(self, name: str) -> Iterator[bool]:
        lock = f"orchestrator:{name}"
        try:
            key = self._locks.acquire(lock, LONGEST)
        except StoreUnavailableError:
            yield True
            return
        try:
            yield key is not None
        finally:
            if key is not None:
                try:
                    self._locks.release(lock, key)
                except StoreUnavailableError:
                    log.debug("the lock of worker group %r frees itself", name)


def _share(document: Mapping[str, Any]) -> AgentShare:
    cpu = document.get("total_cpu")
    units = cpu if isinstance(cpu, int) and cpu > 0 else USUAL_CPU
    return AgentShare(document["_id"], units, tuple(document.get("desired_workers") or ()))
