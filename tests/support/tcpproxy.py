"""A proxy that forwards bytes, and drops all its connections when told to, as gateways and fail-overs do; or falls
silent, as a server does whose machine has died."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Self

_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: a close is a reset


class TcpProxy:
    """Forwards connections to a port of this machine. A context manager."""

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._threads: list[threading.Thread] = []
        self._speaks = threading.Event()
        self._speaks.set()
        self.accepted = 0
        """Connections so far."""

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop_all()
        self._speaks.set()
        for thread in self._threads:
            thread.join(10)

    def fall_silent(self) -> None:
        """Take what is sent, and new connections, and never answer again."""
        self._speaks.clear()

    def drop_all(self) -> int:
        """Reset every connection; how many there were."""
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
        return len(pairs)

    def _start(self, function: object, *args: socket.socket) -> None:
        thread = threading.Thread(target=function, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.accepted += 1
                server = socket.create_connection(("127.0.0.1", self._target_port))
                self._pairs.append((client, server))
                self._start(self._forward, client, server)
                self._start(self._forward, server, client)

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while part := source.recv(65536):
                self._speaks.wait()
                sink.sendall(part)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
