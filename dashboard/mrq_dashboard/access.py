"""Who may call a route: dependencies that end a request which may not go on."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from mrq_dashboard.authentication import COOKIE
from mrq_dashboard.errors import RefusedError
from mrq_dashboard.identity import How, Principal, Role
from mrq_dashboard.services import Given, Services
from mrq_dashboard.tries import principal_of

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "x-csrf-token"


def check_origin(request: Request, given: Given) -> None:
    """Whether a request that changes something comes from our own page, or from a program, but no other site."""
    origin = request.headers.get("origin")
    if origin is None:
        if request.headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
            return
    elif urlsplit(origin).netloc.lower() in _own_hosts(request, given):
        return
    raise RefusedError(
        403, "other_site", "the request comes from another site; if this is behind a proxy, set DASHBOARD_URL to the "
        "address that browsers see",
    )  # fmt: skip


def _own_hosts(request: Request, given: Services) -> set[str]:
    hosts = {request.headers.get("host", "").lower(), urlsplit(given.settings.dashboard_url).netloc.lower()}
    return hosts - {""}


def known(request: Request, given: Given) -> Principal:
    """Who asks, whatever he may. Requests that change something are guarded against other sites."""
    found = principal_of(request, given)
    if found is None:
        raise RefusedError(
            401, "login", "log in, or send a token: Authorization: Bearer ...", {"www-authenticate": "Bearer"}
        )
    request.state.principal = found
    if request.method not in SAFE and found.how is not How.TOKEN:
        check_origin(request, given)
        if found.how is How.SESSION:
            _check_csrf(request, given)
    return found


def _check_csrf(request: Request, given: Services) -> None:
    token = request.headers.get(CSRF_HEADER, "")
    if not given.authentication.is_csrf_token(token, request.cookies.get(COOKIE, "")):
        raise RefusedError(403, "csrf", f"send the csrf_token of GET /api/v1/session as {CSRF_HEADER}")


def _at_least(role: Role, found: Principal) -> Principal:
    if not found.may(role):
        raise RefusedError(403, "role", f"this needs the role {role}; {found.name} is {found.role}")
    return found


def viewer(found: Annotated[Principal, Depends(known)]) -> Principal:
    """Who may look."""
    return found


def operator(found: Annotated[Principal, Depends(known)]) -> Principal:
    """Who may steer."""
    return _at_least(Role.OPERATOR, found)


def admin(found: Annotated[Principal, Depends(known)]) -> Principal:
    """Who may do everything."""
    return _at_least(Role.ADMIN, found)


Viewer = Annotated[Principal, Depends(viewer)]
Operator = Annotated[Principal, Depends(operator)]
Admin = Annotated[Principal, Depends(admin)]


def check_queue(who: Principal, queue: str) -> None:
    """Whether somebody may see, and so steer, a queue."""
    if not who.sees(queue):
        raise RefusedError(403, "scope", f"the queue {queue!r} is not among those of {who.name}")


def check_everything(who: Principal) -> None:
    """Whether somebody's scope is all queues."""
    if who.queues is not None:
        raise RefusedError(403, "scope", f"{who.name} sees single queues only; this is about all of them")
