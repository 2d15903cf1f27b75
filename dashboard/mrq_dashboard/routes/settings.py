"""What is set that people at the page want to know: how long things are kept, and who comes in by what."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from fastapi import APIRouter
from pydantic import BaseModel, Field

from mrq.ports.deploys import DEPLOYS_KEPT
from mrq.ports.failures import SIGHTINGS_KEPT
from mrq.ports.profiles import PROFILES_KEPT
from mrq_dashboard.access import Viewer
from mrq_dashboard.authentication import Account
from mrq_dashboard.identity import Role
from mrq_dashboard.operations import KEPT
from mrq_dashboard.services import Given, Services
from mrq_dashboard.shown import storable

router = APIRouter(tags=["settings"])

MOST_ACCOUNTS = 200  # of a way in


class Record(StrEnum):
    """What is kept for a while."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABORTED = "aborted"
    CANCELLED = "cancelled"
    FIRST_SEEN = "first_seen"
    WORKERS = "workers"
    MINUTES = "minutes"
    HOURS = "hours"
    DAYS = "days"
    DEPLOYS = "deploys"
    PROFILES = "profiles"
    OPERATIONS = "operations"
    AUDIT = "audit"


class Retention(BaseModel):
    """How long something is kept."""

    record: Record
    seconds: float = Field(description="0: it is deleted at once")
    setting: str | None = Field(description="which setting says it; null: none")


class Way(StrEnum):
    """How people and programs come in."""

    USERS = "users"
    TOKENS = "tokens"
    HTTPAUTH = "httpauth"
    PROXY = "proxy"
    OIDC = "oidc"


class Entrant(BaseModel):
    """A user, a program, or a group at the provider, and what it may do. Never its secret."""

    name: str
    role: Role
    queues: list[str] | None = Field(description="null: all queues")


class WayIn(BaseModel):
    """One of the ways that are open."""

    way: Way
    setting: str = Field(description="the setting that opens it")
    by: str | None = Field(description="the header that names the user, or the address of the provider")
    role: Role | None = Field(description="of those who are not in the list; null: they are refused")
    entrants: list[Entrant]


class SettingsModel(BaseModel):
    """What is set."""

    retention: list[Retention]
    ways: list[WayIn] | None = Field(
        description="empty: nobody has to log in; null: for administrators who see all queues"
    )


@router.get("/settings")
def get_settings(given: Given, who: Viewer) -> SettingsModel:
    """How long things are kept and, for administrators, who comes in by what. Holds no secret."""
    tells = who.may(Role.ADMIN) and who.queues is None
    return SettingsModel(retention=list(_retention(given)), ways=list(_ways(given)) if tells else None)


def _retention(given: Services) -> Iterator[Retention]:
    settings = given.settings
    for record, name in (
        (Record.SUCCEEDED, "default_job_result_ttl"),
        (Record.FAILED, "default_job_ttl"),
        (Record.ABORTED, "default_job_abort_ttl"),
        (Record.CANCELLED, "default_job_cancel_ttl"),
        (Record.WORKERS, "stats_worker_ttl"),
        (Record.MINUTES, "stats_minute_ttl"),
        (Record.HOURS, "stats_hour_ttl"),
        (Record.DAYS, "stats_day_ttl"),
        (Record.AUDIT, "dashboard_audit_ttl"),
    ):
        yield Retention(record=record, seconds=getattr(settings, name), setting=name.upper())
    for record, seconds in (
        (Record.FIRST_SEEN, SIGHTINGS_KEPT.total_seconds()),
        (Record.DEPLOYS, DEPLOYS_KEPT.total_seconds()),
        (Record.PROFILES, PROFILES_KEPT.total_seconds()),
        (Record.OPERATIONS, KEPT),
    ):
        yield Retention(record=record, seconds=seconds, setting=None)


def _ways(given: Services) -> Iterator[WayIn]:
    settings, authentication = given.settings, given.authentication
    people = [_entrant(account) for account in list(authentication.users.values())[:MOST_ACCOUNTS]]
    if authentication.users:
        yield _way(Way.USERS, "DASHBOARD_USERS", people)
    if settings.dashboard_httpauth:
        name = settings.dashboard_httpauth.partition(":")[0]
        yield _way(Way.HTTPAUTH, "DASHBOARD_HTTPAUTH", [Entrant(name=storable(name), role=Role.ADMIN, queues=None)])
    if authentication.tokens:
        programs = [_entrant(account) for account in list(authentication.tokens.values())[:MOST_ACCOUNTS]]
        yield _way(Way.TOKENS, "DASHBOARD_TOKENS", programs)
    show = given.shower.text
    if header := settings.dashboard_proxy_header:
        yield _way(Way.PROXY, "DASHBOARD_PROXY_HEADER", [], show(header), settings.dashboard_proxy_role)
    if issuer := settings.dashboard_oidc_issuer:
        groups = [
            Entrant(name=storable(group), role=Role(role), queues=None)
            for group, role in list(settings.dashboard_oidc_roles.items())[:MOST_ACCOUNTS]
        ]
        yield _way(Way.OIDC, "DASHBOARD_OIDC_ISSUER", groups, show(issuer), settings.dashboard_oidc_role)


def _way(way: Way, setting: str, entrants: list[Entrant], by: str | None = None, role: str = "") -> WayIn:
    return WayIn(way=way, setting=setting, by=by, role=Role(role) if role else None, entrants=entrants)


def _entrant(account: Account) -> Entrant:
    queues = None if account.queues is None else [storable(queue) for queue in account.queues]
    return Entrant(name=storable(account.name), role=account.role, queues=queues)
