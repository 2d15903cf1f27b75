"""A Valkey (or Redis) server of one's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from mrq.embedded.ask import HOST, ask_redis
from mrq.embedded.binaries import find_redis_server
from mrq.embedded.server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class EmbeddedRedis(EmbeddedServer):
    """A Valkey server on 127.0.0.1; Redis does as well, if that is what's installed."""

    name: ClassVar[str] = "valkey"

    def __init__(
        self,
        data: Path | None = None,
        *,
        port: int | None = None,
        persistent: bool | None = None,
        arguments: Sequence[str] = (),
    ) -> None:
        """`data`: a folder to create or to use again; None for a temporary one, which `close` removes.

        `port`: None for a free one. `persistent`: whether each write goes to an append-only file, so that
        a restart finds the data again; None: with a given folder yes, with a temporary one no.
        `arguments`: further options of the server, such as `--maxmemory 64mb` in two parts.
        """
        super().__init__(data, port)
        self._persistent = data is not None if persistent is None else persistent
        self._extra = list(arguments)

    @property
    def url(self) -> str:
        """`redis://127.0.0.1:PORT/0`."""
        return f"redis://{HOST}:{self.port}/0"

    def _find_program(self) -> Path:
        return find_redis_server()

    def _arguments(self, port: int) -> list[str]:
        # It starts in the database's folder, where its files go: no path needs quoting then.
        arguments = ["--port", str(port), "--bind", HOST, "--daemonize", "no", "--save", ""]
        return [*arguments, "--appendonly", "yes" if self._persistent else "no", *self._extra]

    def _answering_pid(self, port: int) -> int | None:
        # PING is refused while data are being loaded, INFO is not.
        if ask_redis(port, "PING") != "+PONG":
            return None
        found = re.search(r"^process_id:(\d+)", ask_redis(port, "INFO server"), re.MULTILINE)
        return int(found[1]) if found else None
