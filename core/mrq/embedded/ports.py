"""Free TCP ports on 127.0.0.1."""

from __future__ import annotations

import random
import socket
import time

from mrq.embedded.ask import HOST

# Below the ports that Linux and macOS give to outgoing connections. From among those, a client that dials
# a stopped server's port again and again may get that very port as its own, be connected to itself, and
# keep the server from starting again.
LOWEST, HIGHEST = 20000, 32700
ATTEMPTS = 100


def port_is_free(port: int) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port whose old connections are in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def port_gets_free(port: int, timeout: float) -> bool:
    """Whether a server could listen on the port now, or within `timeout` seconds: a killed process is gone a moment
    before its sockets are."""
    deadline = time.monotonic() + timeout
    while not port_is_free(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def pick_port() -> int:
    """A port that was free a moment ago; another process may take it before the server does."""
    # Not the global generator: tests seed that, and processes with equal seeds would race for one port.
    generator = random.SystemRandom()
    for _ in range(ATTEMPTS):
        port = generator.randint(LOWEST, HIGHEST)
        if port_is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
