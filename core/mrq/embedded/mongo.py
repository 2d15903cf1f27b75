"""A mongod of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from mrq.embedded.ask import HOST, ask_mongod
from mrq.embedded.binaries import find_mongod
from mrq.embedded.server import EmbeddedServer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

DATABASE = "mrq"
PARAMETERS = (
    "diagnosticDataCollectionEnabled=false",
    # A member of a replica set would wait 15 s for its clients to go, when it's asked to stop.
    "shutdownTimeoutMillisForSignaledShutdown=100",
)


class EmbeddedMongo(EmbeddedServer):
    """A mongod on 127.0.0.1, with its journal on: what it has acknowledged survives `kill`."""

    name: ClassVar[str] = "mongod"

    def __init__(
        self,
        data: Path | None = None,
        *,
        port: int | None = None,
        replica_set: str | None = None,
        cache_gb: float = 0.25,
        arguments: Sequence[str] = (),
    ) -> None:
        """`data`: a folder to create or to use again; None for a temporary one, which `close` removes.

        `port`: None for a free one. `replica_set`: the name of the set that this is to be a member of; it
        has to be initiated (`EmbeddedReplicaSet` does). `cache_gb`: WiredTiger's cache in GiB, 0.25 or
        more. `arguments`: further options of mongod.
        """
        super().__init__(data, port)
        self._replica_set = replica_set
        self._cache_gb = cache_gb
        self._extra = list(arguments)

    @property
    def url(self) -> str:
        """`mongodb://127.0.0.1:PORT/mrq`; for a member of a replica set, that of this member alone."""
        direct = "?directConnection=true" if self._replica_set else ""
        return f"mongodb://{HOST}:{self.port}/{DATABASE}{direct}"

    def _find_program(self) -> Path:
        return find_mongod()

    def _arguments(self, port: int) -> list[str]:
        arguments = ["--dbpath", str(self._folder.database), "--port", str(port), "--bind_ip", HOST]
        arguments += ["--nounixsocket", "--quiet", "--wiredTigerCacheSizeGB", str(self._cache_gb)]
        for parameter in PARAMETERS:
            arguments += ["--setParameter", parameter]
        if self._replica_set:
            arguments += ["--replSet", self._replica_set, "--oplogSize", "128"]
        return arguments + self._extra

    def _answering_pid(self, port: int) -> int | None:
        return int(ask_mongod(port, {"serverStatus": 1}).get("pid", 0)) or None
