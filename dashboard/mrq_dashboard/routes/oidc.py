"""Logging in at an OpenID Connect provider: there, and back again."""

from __future__ import annotations

import html
import logging
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from mrq_dashboard.errors import RefusedError
from mrq_dashboard.oidc import COOKIE, LOGIN_LIFE, NotLoggedInError, Provider, ProviderError, safe_path
from mrq_dashboard.routes.session import is_secure, set_session
from mrq_dashboard.services import Given, Services
from mrq_dashboard.tries import address_of, limit_tries

router = APIRouter(include_in_schema=False)

log = logging.getLogger("mrq.dashboard")

CALLBACK = "/oidc/callback"
REFUSED = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Not logged in</title></head>
<body><h1>You are not logged in</h1><p>{why}</p><p><a href="{again}">Try again</a></p></body></html>
"""
Text = Annotated[str, Query(max_length=4000)]


@router.get("/oidc/login")
def begin_login(request: Request, given: Given, where: Text = "") -> Response:
    """Send the browser to the provider."""
    provider = _provider(given)
    limit_tries(given, [f"oidc:{address_of(request)}"], tries=60)
    try:
        begun = provider.begin(_back(request, given), where)
    except ProviderError as error:
        return _refuse(request, 502, str(error))
    answer = RedirectResponse(begun.url, 303)
    answer.set_cookie(
        COOKIE, begun.cookie, max_age=LOGIN_LIFE, path=_base(request), secure=is_secure(request, given), httponly=True,
        samesite="lax",
    )  # fmt: skip
    return answer


@router.get(CALLBACK)
def finish_login(
    request: Request, given: Given, state: Text = "", code: Text = "", error: Text = "", error_description: Text = ""
) -> Response:
    """The browser comes back from the provider: begin a session, if somebody has logged in there who may come in."""
    provider, address = _provider(given), address_of(request)
    limit_tries(given, [f"oidc:{address}"], tries=60)
    if error or not code:
        return _refuse(request, 401, f"The provider says: {error_description or error or 'nothing'}")
    try:
        found = provider.finish(request.cookies.get(COOKIE, ""), state, code)
    except NotLoggedInError as failure:
        log.warning("a login by OpenID Connect failed: %s", failure)
        return _refuse(request, 401, str(failure))
    except ProviderError as failure:
        log.warning("a login by OpenID Connect failed: %s", failure)
        return _refuse(request, 502, str(failure))
    cookie = given.authentication.log_in_by_provider(found)
    given.note(found.name, "session.login", address, {"by": "oidc"}, outcome="done" if cookie else "refused")
    if cookie is None:
        return _refuse(request, 403, f"{found.name} is known to the provider, but has no role here")
    answer = RedirectResponse(safe_path(found.where) or _base(request), 303)
    set_session(answer, request, given, cookie)
    answer.delete_cookie(COOKIE, path=_base(request), httponly=True, samesite="lax")
    return answer


def _provider(given: Services) -> Provider:
    if given.authentication.provider is None:
        raise RefusedError(404, "not_found", "nobody logs in by OpenID Connect here")
    return given.authentication.provider


def _base(request: Request) -> str:
    return f"{request.scope.get('root_path') or ''}/"


def _back(request: Request, given: Services) -> str:
    """Our own address, as browsers see it."""
    url = urlsplit(given.settings.dashboard_url)
    if url.netloc:
        site = f"{url.scheme or 'https'}://{url.netloc}"
    else:
        site = f"{request.url.scheme}://{request.headers.get('host', '')}"
    return f"{site}{request.scope.get('root_path') or ''}{CALLBACK}"


def _refuse(request: Request, status: int, why: str) -> HTMLResponse:
    again = html.escape(f"{_base(request)}oidc/login", quote=True)
    return HTMLResponse(REFUSED.format(why=html.escape(why[:500]), again=again), status)
