"""The settings of the dashboard."""

# ruff: noqa: RUF009 - option() makes a field, as dataclasses.field() does
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mrq.settings.option import FILE_ONLY, Command, option
from mrq.settings.worker import ReliabilitySettings

DASHBOARD: tuple[Command, ...] = ("dashboard",)


@dataclass(frozen=True, slots=True, init=False, eq=False, repr=False)
class DashboardSettings(ReliabilitySettings):
    """Where it listens, who may use it, and what it shows."""

    dashboard_httpauth: str = option(
        "",
        "One administrator's name and password, as user:password",
        group="Dashboard",
        commands=DASHBOARD,
    )
    dashboard_queue: str | None = option(
        None,
        "Queue for the jobs of MRQ 0.9's route /api/jobaction",
        group="Dashboard",
        kind="str",
        commands=DASHBOARD,
        default_text="default",
    )
    dashboard_port: int = option(5555, "Port to listen on", group="Dashboard", commands=DASHBOARD, minimum=0)
    dashboard_ip: str = option(
        "127.0.0.1",
        "Address to listen on; others than this host's own need authentication",
        group="Dashboard",
        commands=DASHBOARD,
        default_text="127.0.0.1, or 0.0.0.0 when dashboard_httpauth is set",
    )
    dashboard_secret: str = option(
        "",
        "Signs the cookies of sessions; the same for all processes of one dashboard",
        group="Dashboard",
        commands=DASHBOARD,
        default_text="made at each start",
    )
    dashboard_url: str = option(
        "",
        "Its address as browsers see it, when a proxy stands before it, such as https://mrq.example.org",
        group="Dashboard",
        commands=DASHBOARD,
    )
    dashboard_root_path: str = option(
        "",
        "Path under which a proxy or a stage shows it, such as /mrq",
        group="Dashboard",
        commands=DASHBOARD,
    )
    dashboard_proxies: list[str] = option(
        [],
        "Addresses or networks of proxies whose headers are believed",
        group="Dashboard",
        kind="words",
        commands=DASHBOARD,
    )
    dashboard_proxy_header: str = option(
        "",
        "Header in which those proxies name the user",
        group="Dashboard",
        commands=DASHBOARD,
    )
    dashboard_proxy_role: str = option(
        "viewer",
        "Role of users whom a proxy names and who are not in DASHBOARD_USERS; empty: they are refused",
        group="Dashboard",
        commands=DASHBOARD,
    )
    dashboard_oidc_issuer: str = option(
        "",
        "OpenID Connect: the provider that logs people in, such as https://login.example.org/realms/staff",
        group="Dashboard",
        commands=DASHBOARD,
    )
    dashboard_oidc_client_id: str = option(
        "",
        "As what the dashboard is registered there",
        group="Dashboard",
        commands=DASHBOARD,
    )
    dashboard_oidc_client_secret: str = option(
        "",
        "Its secret there; empty: a public client",
        group="Dashboard",
        commands=DASHBOARD,
    )
    dashboard_oidc_scope: str = option(
        "openid email profile",
        "What the provider is asked for",
        group="Dashboard",
        commands=DASHBOARD,
    )
    dashboard_oidc_name: str = option(
        "email",
        "Claim that names the user; one that users can't change themselves",
        group="Dashboard",
        commands=DASHBOARD,
    )
    dashboard_oidc_groups: str = option(
        "groups",
        "Claim that lists the user's groups",
        group="Dashboard",
        commands=DASHBOARD,
    )
    dashboard_oidc_role: str = option(
        "",
        "Role of users who are neither in DASHBOARD_USERS nor in a group that has one; empty: they are refused",
        group="Dashboard",
        commands=DASHBOARD,
    )
    dashboard_oidc_roles: dict[str, str] = option(
        {},
        "Group at the provider to role",
        group="Dashboard",
        commands=FILE_ONLY,
    )
    dashboard_environment: str = option(
        "",
        "Name of the environment, shown on each page",
        group="Dashboard",
        commands=DASHBOARD,
    )
    dashboard_audit_ttl: float = option(
        365 * 24 * 3600.0,
        "Keep the audit log this long",
        group="Dashboard",
        commands=DASHBOARD,
        unit="seconds",
        above=0,
    )
    dashboard_users: dict[str, dict[str, Any]] = option(
        {},
        "User's name to password (a hash), role and queues",
        group="Dashboard",
        commands=FILE_ONLY,
    )
    dashboard_tokens: dict[str, dict[str, Any]] = option(
        {},
        "Name of a program to the hash of its token, role and queues",
        group="Dashboard",
        commands=FILE_ONLY,
    )
    dashboard_redact: list[str] = option(
        [],
        "More names whose values are hidden in params and results",
        group="Dashboard",
        commands=FILE_ONLY,
    )
    dashboard_autolink_repositories: list[Any] = option(
        [],
        "Pairs of a pattern and the URL to link it to, for tracebacks",
        group="Dashboard",
        commands=FILE_ONLY,
    )
