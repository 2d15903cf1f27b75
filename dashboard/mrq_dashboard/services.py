"""What the routes work with, made once for an application."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request

from mrq.app import App
from mrq.domain.change import after
from mrq.ports.audit import AuditEntry
from mrq.settings import Settings
from mrq_dashboard.authentication import Authentication
from mrq_dashboard.calm import Calm
from mrq_dashboard.identity import Principal
from mrq_dashboard.keeping import Kept
from mrq_dashboard.operations import Operations
from mrq_dashboard.shown import Shower
from mrq_dashboard.shut import Shut

RAN_KEPT = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Services:
    """One of each."""

    mrq: App
    authentication: Authentication
    shower: Shower
    operations: Operations
    shut: Shut = field(default_factory=Shut)
    calm: Calm = field(default_factory=Calm)
    ran: Kept[frozenset[str]] = field(default_factory=lambda: Kept(RAN_KEPT))  # tasks of which runs were counted

    @property
    def settings(self) -> Settings:
        """All settings."""
        return self.mrq.settings

    def now(self) -> datetime:
        """The time (naive, UTC)."""
        return self.mrq.clock.now()

    def note(
        self, who: Principal | str, what: str, target: str, about: dict[str, Any] | None = None, *, reason: str = "",
        count: int | None = None, outcome: str = "done",
    ) -> None:  # fmt: skip
        """Write an action into the audit log. Raises StoreUnavailableError."""
        name, now = who if isinstance(who, str) else who.name, self.now()
        shown = self.shower.value(about or {}, 5_000)
        entry = AuditEntry(self.mrq.jobs.new_id(), now, name, what, target[:1000], shown, reason, count, outcome)
        self.mrq.audit.add(entry, after(now, self.settings.dashboard_audit_ttl))


def services(request: Request) -> Services:
    """Those of the application that answers."""
    found: Services = request.app.state.services
    return found


Given = Annotated[Services, Depends(services)]
