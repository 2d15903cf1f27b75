"""AgentStore in memory: documents of MongoDB's shape."""

from __future__ import annotations

import copy
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mrq.domain.agents import AgentStatus
from mrq.ports.agents import MOST_AGENTS, MOST_GROUPS
from mrq.stores.memory_expiry import dropped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mrq.domain.ids import AgentId


def utc_now() -> datetime:
    """As stores keep times: naive."""
    return datetime.now(UTC).replace(tzinfo=None)


class MemoryAgentStore:
    """See mrq.ports.agents.AgentStore."""

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        """`now`: naive, UTC."""
        self._now = now
        self._agents: dict[AgentId, dict[str, Any]] = {}
        self._groups: dict[str, dict[str, Any]] = {}
        self._lock = threading.RLock()

    def report(self, agent: AgentId, report: Mapping[str, Any], lives: float) -> dict[str, Any]:
        """See AgentStore."""
        with self._lock:
            now = self._now()
            document = self._agents.setdefault(agent, {"_id": agent})
            document.update(copy.deepcopy(dict(report)))
            document.update(datereported=now, dateexpires=now + timedelta(seconds=lives))
            return copy.deepcopy(document)

    def living(self, group: str) -> list[dict[str, Any]]:
        """See AgentStore."""
        with self._lock:
            now = self._now()
            found = [
                document
                for document in self._agents.values()
                if document.get("worker_group") == group
                and document.get("status") == AgentStatus.STARTED.value
                and ("dateexpires" not in document or document["dateexpires"] > now)
            ]
            return copy.deepcopy(found[:MOST_AGENTS])

    def assign(self, agent: AgentId, desired: Sequence[str], seen: Sequence[str] | None) -> bool:
        """See AgentStore."""
        with self._lock:
            document = self._agents.get(agent)
            if document is None or document.get("status") != AgentStatus.STARTED.value:
                return False
            if document.get("desired_workers") != (None if seen is None else list(seen)):
                return False
            document.update(desired_workers=list(desired), dateorchestrated=self._now())
            return True

    def fetch(self, agent: AgentId) -> dict[str, Any] | None:
        """See AgentStore."""
        with self._lock:
            return copy.deepcopy(self._agents.get(agent))

    def page(self, skip: int, limit: int) -> list[dict[str, Any]]:
        """See AgentStore."""
        with self._lock:
            found = sorted(self._agents.values(), key=lambda document: document["_id"])
            return copy.deepcopy(found[max(0, skip) :][: max(1, limit)])

    def groups(self) -> list[dict[str, Any]]:
        """See AgentStore."""
        with self._lock:
            return copy.deepcopy([self._groups[name] for name in sorted(self._groups)][:MOST_GROUPS])

    def group(self, name: str) -> dict[str, Any] | None:
        """See AgentStore."""
        with self._lock:
            return copy.deepcopy(self._groups.get(name))

    def put_group(self, name: str, document: Mapping[str, Any]) -> None:
        """See AgentStore."""
        with self._lock:
            self._groups[name] = {**copy.deepcopy(dict(document)), "_id": name}

    def remove_group(self, name: str) -> bool:
        """See AgentStore."""
        with self._lock:
            return self._groups.pop(name, None) is not None

    def expire(self, before: datetime, limit: int) -> int:
        """See AgentStore."""
        with self._lock:
            return dropped(self._agents, lambda document: document.get("dateexpires", before) < before, limit)

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See AgentStore."""
        return []
