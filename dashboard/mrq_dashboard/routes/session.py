"""Who is logged in; logging in and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from mrq.version import VERSION
from mrq_dashboard import sessions, tries
from mrq_dashboard.access import check_origin
from mrq_dashboard.authentication import COOKIE, SESSION_LIFE
from mrq_dashboard.errors import RefusedError
from mrq_dashboard.filters import Text
from mrq_dashboard.identity import How
from mrq_dashboard.models import Done, Link, Session
from mrq_dashboard.services import Given, Services
from mrq_dashboard.tries import address_of, limit_tries, principal_of

router = APIRouter(tags=["session"])


class Login(BaseModel):
    """A name and a password."""

    user: Text
    password: Annotated[str, Field(max_length=1000)]


@router.get("/session")
def get_session(request: Request, given: Given) -> Session:
    """Who asks; answered to everybody, but only who is known is told more than how to log in."""
    found = principal_of(request, given)
    cookie = request.cookies.get(COOKIE, "")
    in_session = found is not None and found.how is How.SESSION
    return Session(
        user=found.name if found else None,
        role=found.role if found else None,
        how=found.how if found else None,
        queues=list(found.queues) if found and found.queues is not None else None,
        csrf_token=given.authentication.csrf_token(cookie) if in_session else None,
        can_log_in=given.authentication.has_passwords,
        has_provider=given.authentication.provider is not None,
        environment=given.settings.dashboard_environment if found else "",
        version=VERSION if found else "",
        links=[
            Link(pattern=str(pair[0]), url=str(pair[1]))
            for pair in given.settings.dashboard_autolink_repositories
            if found and isinstance(pair, (list, tuple)) and len(pair) == 2
        ],
    )


@router.post("/session", dependencies=[Depends(check_origin)])
def log_in(login: Login, request: Request, response: Response, given: Given) -> Done:
    """Begin a session: sets a cookie."""
    address = address_of(request)
    limit_tries(given, [f"address:{address}", f"user:{login.user}"], tries.TRIES)
    cookie = given.authentication.log_in(login.user, login.password)
    if cookie is None:
        given.note(login.user, "session.login", address, outcome="refused")
        raise RefusedError(401, "wrong_password", "wrong name or password")
    given.note(login.user, "session.login", address)
    set_session(response, request, given, cookie)
    return Done()


def set_session(response: Response, request: Request, given: Services, cookie: str) -> None:
    """Let the browser keep the cookie of a session."""
    path, secure = request.scope.get("root_path") or "/", is_secure(request, given)
    response.set_cookie(COOKIE, cookie, max_age=SESSION_LIFE, path=path, secure=secure, httponly=True, samesite="lax")


def is_secure(request: Request, given: Services) -> bool:
    """Whether browsers come by TLS, so that they may keep cookies for that alone."""
    return request.url.scheme == "https" or given.settings.dashboard_url.startswith("https:")


@router.delete("/session", dependencies=[Depends(check_origin)])
def log_out(request: Request, response: Response, given: Given) -> Done:
    """End the session: deletes the cookie, and lets copies of it be worth nothing."""
    found = principal_of(request, given)
    if found is not None and found.how is How.SESSION:
        ended = sessions.end(given, request.cookies.get(COOKIE, ""))
        given.note(found, "session.logout", address_of(request), outcome="done" if ended else "failed")
    response.delete_cookie(COOKIE, path=request.scope.get("root_path") or "/", httponly=True, samesite="lax")
    return Done()
