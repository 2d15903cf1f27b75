"""Who asks, and what he may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """Each may do what those before it may."""

    VIEWER = "viewer"  # look
    OPERATOR = "operator"  # queue, requeue and cancel jobs, pause and limit queues, run schedules, tell workers
    ADMIN = "admin"  # empty queues, change schedules and worker groups, read the audit log


_RANKS = {role: rank for rank, role in enumerate(Role)}


class How(StrEnum):
    """How somebody has shown who he is."""

    OPEN = "open"  # not at all: everybody on this host may do everything
    SESSION = "session"
    BASIC = "basic"
    TOKEN = "token"  # noqa: S105 - no password
    PROXY = "proxy"


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody, or a program. `queues`: sees only these; `q/` means all subqueues of q. None: all."""

    name: str
    role: Role
    how: How
    queues: tuple[str, ...] | None = None

    def may(self, role: Role) -> bool:
        """Whether the role is high enough."""
        return _RANKS[self.role] >= _RANKS[role]

    def sees(self, queue: str) -> bool:
        """Whether a queue, or `q/`, is within the scope."""
        return self.queues is None or any(
            queue.startswith(scope) if scope.endswith("/") else queue == scope for scope in self.queues
        )
