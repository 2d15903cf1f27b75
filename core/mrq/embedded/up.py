"""What `mrq up` does: both servers on a kept folder, in the foreground, until a signal ends it."""

from __future__ import annotations

import os
import select
import signal
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mrq.embedded.both import EmbeddedServers, running_urls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEFAULT_FOLDER = Path(".mrq")
# Seconds between two looks at the servers' health; a signal is noticed at once.
LOOK_SECONDS = 0.5


def keep_running(
    data: Path = DEFAULT_FOLDER,
    echo: Callable[[str], None] = print,
    stop: Callable[[], bool] | None = None,
    started: Callable[[EmbeddedServers], None] | None = None,
) -> int:
    """Run MongoDB and Valkey on `data` until SIGINT, SIGTERM or a true `stop()`; returns an exit code.

    `data` is created if need be and kept, and so are the ports, as long as they are free. `echo` is
    called with each line for the user, `started` once both answer. `stop` is asked twice a second. The exit code
    is 0 (also when another process runs them on this folder already: their addresses are told then), or 1 if a
    server ended by itself. Raises ServerUnavailableError if the servers can't be started. Must be
    called in the main thread, for the signals.
    """
    if there := running_urls(data):
        for line in (f"`mrq up` runs on {data} already.", *_addresses(*there)):
            echo(line)
        return 0
    with _signals_as_readable() as signalled:
        with EmbeddedServers(data) as servers:
            for line in _welcome(servers, data):
                echo(line)
            if started is not None:
                started(servers)
            code = _watch(servers, echo, signalled, stop)
            echo("Stopping MongoDB and Valkey.")
        echo(f"Stopped; the data stay in {data}.")
    return code


def _welcome(servers: EmbeddedServers, data: Path) -> list[str]:
    return [
        f"Data and logs are in {data}. Ctrl-C stops both.",
        *_addresses(servers.mongodb_url, servers.redis_url),
    ]


def _addresses(mongodb_url: str, redis_url: str) -> list[str]:
    return [
        f"MongoDB: {mongodb_url}",
        f"Valkey:  {redis_url}",
        "For your other terminals:",
        f"export MRQ_MONGODB_JOBS={mongodb_url} MRQ_REDIS={redis_url}",
    ]


def _watch(
    servers: EmbeddedServers, echo: Callable[[str], None], signalled: int, stop: Callable[[], bool] | None
) -> int:
    while True:
        if select.select([signalled], [], [], LOOK_SECONDS)[0] or (stop is not None and stop()):
            return 0
        ended = [server for server in (servers.mongo, servers.redis) if not server.running]
        for server in ended:
            echo(f"{server.name} has ended by itself. Its log says why: {server.log}")
        if ended:
            return 1


@contextmanager
def _signals_as_readable() -> Iterator[int]:
    """A file descriptor that can be read once SIGINT or SIGTERM has come."""
    readable, writable = os.pipe()
    os.set_blocking(writable, False)

    def note(_number: int, _frame: object) -> None:
        with suppress(BlockingIOError):
            os.write(writable, b"!")

    former = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield readable
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        os.close(readable)
        os.close(writable)
