"""Proxies that are trusted: who connects, and for whom."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

PEER = "mrq.peer"  # in the scope: the address of who connects


class KeptPeer:
    """Keeps the address of who connects, before the X-Forwarded-For of a trusted proxy puts that of a browser there."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        client = scope.get("client")
        await self._app({**scope, PEER: client[0] if client else ""}, receive, send)


def behind_proxies(app: ASGIApp, proxies: Sequence[str]) -> ASGIApp:
    """An application that takes the browser's address and scheme from the headers of these proxies (addresses and
    networks), and still knows who connects."""
    if not proxies:
        return app
    from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware  # noqa: PLC0415 - servers of others have none

    return KeptPeer(ProxyHeadersMiddleware(app, list(proxies)))  # type: ignore[arg-type]


def peer_of(request: HTTPConnection) -> str:
    """The address of who connects: a proxy's, if there is one. "": not known."""
    kept = request.scope.get(PEER)
    if isinstance(kept, str):
        return kept
    return request.client.host if request.client else ""
