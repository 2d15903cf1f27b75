"""What holds for every request: headers, the size of what comes in, how long it may take, which host is meant."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mrq_dashboard.errors import Problem, answer

LARGEST_REQUEST = 1_000_000  # bytes
_TOO_LARGE = f"a request may have {LARGEST_REQUEST:,} bytes"
JSON, FORM = "application/json", "application/x-www-form-urlencoded"
LOCAL = frozenset({"127.0.0.1", "localhost", "[::1]", "::1"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; manifest-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class TooLargeError(HTTPException):
    """More came than may come. FastAPI lets this kind of exception pass where it reads a body."""

    def __init__(self) -> None:
        super().__init__(413, _TOO_LARGE)


class Guard:
    """See the module. `only_local`: requests for other hosts are refused, so that no page of another site can reach
    a dashboard without a password through a name of its own that leads here. root_path: under which it is shown; it
    may stand before the paths of requests or be cut off by a proxy."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        limit: Callable[[], AbstractContextManager[Any]],
        only_local: bool = False,
        root_path: str = "",
    ) -> None:
        self._app = app
        self._root_path = root_path
        self._limit = limit
        self._only_local = only_local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._root_path:
            scope = {**scope, "root_path": self._root_path}
        headers, started = Headers(scope=scope), False

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _complete(MutableHeaders(scope=message), scope["path"])
            await send(message)

        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await answer(*refusal)(scope, receive, guarded)
            return
        try:
            with self._limit():
                await self._app(scope, _counted(receive), guarded)
        except TooLargeError:
            if not started:
                await answer(*_too_large())(scope, receive, guarded)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, Problem] | None:
        if self._only_local and hostname(headers.get("host", "")) not in LOCAL:
            return 403, Problem(
                error="wrong_host", message="without a password the dashboard answers at http://127.0.0.1 only"
            )
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > LARGEST_REQUEST:
            return _too_large()
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        sends = scope["method"] not in _SAFE and (length != "0" or "transfer-encoding" in headers)
        if sends and kind != (JSON if "/api/v1/" in scope["path"] else FORM):
            return 415, Problem(error="not_json", message=f"send {JSON} (MRQ 0.9's routes take {FORM})")
        return None


def hostname(host: str) -> str:
    """The name in a Host header, without the port."""
    return host.rpartition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0].lower()


def _too_large() -> tuple[int, Problem]:
    return 413, Problem(error="too_large", message=_TOO_LARGE)


def _counted(receive: Receive) -> Receive:
    """What is received, up to the largest request."""
    total = 0

    async def counted() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > LARGEST_REQUEST:
            raise TooLargeError
        return message

    return counted


def _complete(headers: MutableHeaders, path: str) -> None:
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    if "/assets/" not in path:
        headers.setdefault("cache-control", "no-store")
