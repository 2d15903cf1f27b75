"""Single questions to a server on this machine, over a socket.

Not through the drivers' clients: while a server starts, stops or hangs, those retry, keep threads and hide
what happened, and importing them takes longer than an answer.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

HOST = "127.0.0.1"
# Seconds for a connection or an answer; a server on this machine that needs longer is not well.
ANSWER_SECONDS = 1.0
OP_MSG = 2013


def ask_mongod(port: int, command: dict[str, Any]) -> dict[str, Any]:
    """The reply of mongod to a command on its `admin` database, errors included (`ok` is 0 then).

    Raises OSError if there is no answer.
    """
    import bson  # noqa: PLC0415 - start-up cost: the driver is loaded only when a server is started

    body = bson.encode({**command, "$db": "admin"})
    # Header: length, request id, response to, opcode; then the flags and the kind of the one section.
    message = struct.pack("<iiiiIB", 21 + len(body), 1, 0, OP_MSG, 0, 0) + body
    with socket.create_connection((HOST, port), timeout=ANSWER_SECONDS) as connection:
        connection.sendall(message)
        (length,) = struct.unpack("<i", _receive(connection, 4))
        return dict(bson.decode(_receive(connection, length - 4)[17:]))


def ask_redis(port: int, command: str) -> str:
    """The reply of Valkey or Redis to a command, as text; an error reply begins with "-".

    Raises OSError if there is no answer.
    """
    with (
        socket.create_connection((HOST, port), timeout=ANSWER_SECONDS) as connection,
        connection.makefile("rwb") as stream,
    ):
        stream.write(f"{command}\r\n".encode())
        stream.flush()
        line: bytes = stream.readline()
        if not line:
            raise ConnectionError("the server closed the connection")
        if line.startswith(b"$"):
            line = stream.read(int(line[1:]))
        return line.decode().strip()


def _receive(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        chunk = connection.recv(count - len(received))
        if not chunk:
            raise ConnectionError("the server closed the connection")
        received += chunk
    return received
