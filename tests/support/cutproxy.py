"""A TCP proxy in front of mongod that can cut a connection just when a chosen command has been executed.

So a command takes effect and its sender never hears of it: the hardest fault of a network.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING, Any, Self

import bson

if TYPE_CHECKING:
    from collections.abc import Callable

_HEADER = struct.Struct("<iiii")  # length, request, response to, opcode
_OP_MSG = 2013


class CutProxy:
    """Forwards connections to a port of this machine. A context manager."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._wanted: Callable[[dict[str, Any]], bool] | None = None
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: set[socket.socket] = {self._listener}
        self._threads: list[threading.Thread] = []
        self._left = 0
        self.cuts = 0
        """How often a connection was cut."""

    def cut_after(self, wanted: Callable[[dict[str, Any]], bool], times: int = 1) -> None:
        """Withhold the answers to the next commands that `wanted` is true for, and close their connections."""
        with self._lock:
            self._wanted, self._left = wanted, times

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            for open_one in self._sockets:
                with contextlib.suppress(OSError):
                    open_one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for open_one in self._sockets:
            open_one.close()

    def _start(self, function: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=function, args=args, daemon=True)
        with self._lock:
            self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._target_port))
                except OSError:
                    client.close()
                    continue
                with self._lock:
                    self._sockets |= {client, server}
                cut: set[int] = set()
                self._start(self._requests, client, server, cut)
                self._start(self._answers, server, client, cut)

    def _requests(self, client: socket.socket, server: socket.socket, cut: set[int]) -> None:
        with contextlib.suppress(OSError):
            while message := _read(client):
                if self._is_wanted(message):
                    cut.add(_HEADER.unpack_from(message)[1])
                server.sendall(message)
        _close(server)

    def _answers(self, server: socket.socket, client: socket.socket, cut: set[int]) -> None:
        with contextlib.suppress(OSError):
            while message := _read(server):
                if _HEADER.unpack_from(message)[2] in cut:  # it was executed: that is all we waited for
                    self.cuts += 1
                    break
                client.sendall(message)
        _close(client)
        _close(server)

    def _is_wanted(self, message: bytes) -> bool:
        with self._lock:
            if self._wanted is None or self._left <= 0 or _HEADER.unpack_from(message)[3] != _OP_MSG:
                return False
            if not self._wanted(_command(message)):
                return False
            self._left -= 1
            return True


def _read(source: socket.socket) -> bytes:
    """One message of MongoDB's wire protocol; empty at the end of the connection."""
    message = b""
    length = 4
    while len(message) < length:
        part = source.recv(length - len(message))
        if not part:
            return b""
        message += part
        if len(message) == 4:
            length = int.from_bytes(message, "little")
    return message


def _command(message: bytes) -> dict[str, Any]:
    """The command in an OP_MSG, with what was sent as document sequences in its place."""
    command: dict[str, Any] = {}
    at = _HEADER.size + 4  # and the flags
    while at < len(message):
        kind, at = message[at], at + 1
        size = int.from_bytes(message[at : at + 4], "little")
        if kind == 0:
            command |= bson.decode(message[at : at + size])
        else:
            name, _, documents = message[at + 4 : at + size].partition(b"\0")
            command[name.decode()] = bson.decode_all(documents)
        at += size
    return command


def _close(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
