"""AgentStore: the agents, what each is to run, and the worker groups. Documents have MRQ 0.9's fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from mrq.domain.ids import AgentId

MOST_AGENTS = 1000
"""Agents of one group that are looked at."""
MOST_GROUPS = 1000


class AgentStore(Protocol):
    """Agents and worker groups. Stamps are made with the database's clock.

    Each method raises StoreUnavailableError when the database is away.
    """

    def report(self, agent: AgentId, report: Mapping[str, Any], lives: float) -> dict[str, Any]:
        """Replace what an agent says of itself; its document. Unless it reports again within `lives` seconds it is
        taken for dead. What it is to run is left as it is."""
        ...

    def living(self, group: str) -> list[dict[str, Any]]:
        """Documents of a group's agents that run workers and are not taken for dead, at most MOST_AGENTS."""
        ...

    def assign(self, agent: AgentId, desired: Sequence[str], seen: Sequence[str] | None) -> bool:
        """Say what an agent is to run, if that is still what was seen (None: nothing was said yet). False: it is
        not, or the agent is not at work any more; nothing was changed."""
        ...

    def fetch(self, agent: AgentId) -> dict[str, Any] | None:
        """An agent's document."""
        ...

    def page(self, skip: int, limit: int) -> list[dict[str, Any]]:
        """Documents of all agents that are stored, those that have ended included."""
        ...

    def groups(self) -> list[dict[str, Any]]:
        """Documents of all worker groups by name, at most MOST_GROUPS."""
        ...

    def group(self, name: str) -> dict[str, Any] | None:
        """The document of a worker group."""
        ...

    def put_group(self, name: str, document: Mapping[str, Any]) -> None:
        """Replace the document of a worker group, or make it."""
        ...

    def remove_group(self, name: str) -> bool:
        """Forget a worker group; what its agents run goes on. False: there was none."""
        ...

    def expire(self, before: datetime, limit: int) -> int:
        """Delete at most `limit` documents of agents that should have been deleted before a time; see JobStore."""
        ...

    def ensure_indexes(self, largest: int | None = None) -> list[str]:
        """See JobStore."""
        ...
