"""MongoDB and Valkey together: all that MRQ needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from mrq.embedded.folder import port_of_running
from mrq.embedded.mongo import EmbeddedMongo
from mrq.embedded.server import close_together, start_together, stop_together
from mrq.embedded.valkey import EmbeddedRedis

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


class EmbeddedServers:
    """An EmbeddedMongo and an EmbeddedRedis, started side by side. A context manager."""

    def __init__(self, data: Path | None = None) -> None:
        """`data`: a folder with one subfolder a server, to create or to use again; None for temporary ones.

        With a folder, ports stay the same from run to run, as long as they are free.
        """
        if data is not None:
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.mongo = EmbeddedMongo(data and data / "mongod")
        self.redis = EmbeddedRedis(data and data / "valkey")

    @property
    def mongodb_url(self) -> str:
        """The setting MRQ_MONGODB_JOBS."""
        return self.mongo.url

    @property
    def redis_url(self) -> str:
        """The setting MRQ_REDIS."""
        return self.redis.url

    def start(self) -> Self:
        """Start both and wait until they answer; raises ServerUnavailableError, with none left running."""
        start_together([self.mongo, self.redis])
        return self

    def stop(self) -> None:
        """Stop both in order; data and ports are kept for another `start`."""
        stop_together([self.mongo, self.redis])

    def close(self) -> None:
        """Stop both and remove temporary folders."""
        close_together([self.mongo, self.redis])

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def running_urls(data: Path) -> tuple[str, str] | None:
    """The URLs of the servers that another process runs on this folder: MongoDB's and Redis'; None if it runs none."""
    mongo, redis = port_of_running(data / "mongod"), port_of_running(data / "valkey")
    if mongo is None or redis is None:
        return None
    return EmbeddedMongo(port=mongo).url, EmbeddedRedis(port=redis).url
