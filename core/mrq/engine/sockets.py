"""I/O of the standard library: sockets, names of hosts, HTTP; and the latency that tests want added to it."""

from __future__ import annotations

import http.client
import random
import socket
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.engine.iotrace import IoTrace
    from mrq.engine.patching import Patches

WAITING = ("connect", "recv", "recv_into", "recvfrom", "send", "sendall", "accept")
RESOLVING = ("getaddrinfo", "gethostbyname")
SENDING = ("connect", "send", "sendall")


def trace_sockets(trace: IoTrace, patches: Patches) -> None:
    """Have every wait of a socket, a resolver and an HTTP client told to a trace."""

    def on_socket(original: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        data = str(args[1]) if name == "connect" and len(args) > 1 else ""
        return trace.call(f"socket.{name}", data, lambda: original(*args, **kwargs))

    def on_name(original: Callable[..., Any], name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return trace.call(f"dns.{name}", str(args[0]) if args else "", lambda: original(*args, **kwargs))

    def on_http(original: Callable[..., Any], _name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        connection = args[0]
        method = str(getattr(connection, "_method", None) or "request").lower()
        return trace.call(f"http.{method}", str(connection.host), lambda: original(*args, **kwargs))

    patches.around(socket.socket, WAITING, on_socket)
    patches.around(socket, RESOLVING, on_name)
    # Under gevent `create_connection`, which http.client calls, is another module's and looks names up by that one's.
    elsewhere = sys.modules[socket.create_connection.__module__]
    if elsewhere is not socket:
        patches.around(elsewhere, RESOLVING, on_name)
    patches.around(http.client.HTTPConnection, ("getresponse",), on_http)


def add_latency(latency: tuple[float, float], patches: Patches) -> None:
    """Slow each connection and each message that is sent down by so many seconds, from least to most."""
    chance = random.Random()  # noqa: S311 - not for secrets

    def slowly(original: Callable[..., Any], _name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        time.sleep(chance.uniform(*latency))
        return original(*args, **kwargs)

    patches.around(socket.socket, SENDING, slowly)


def latency_of(text: str) -> tuple[float, float]:
    """`0.01` or `0.01-0.1`, in seconds: the least and the most.

    Raises:
        ValueError: it is neither.
    """
    least, dash, most = str(text).partition("-")
    try:
        found = (float(least), float(most) if dash else float(least))
    except ValueError:
        found = (-1.0, -1.0)
    if not 0 <= found[0] <= found[1] <= 60:
        raise ValueError(f"{text!r} is no latency; write seconds up to 60, such as 0.05, or a range such as 0.01-0.1")
    return found
