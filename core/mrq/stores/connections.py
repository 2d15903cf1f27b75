"""Clients of MongoDB and Redis by the name of their setting, each made when it is first asked for.

The drivers are imported then, not before: a program that only imports its tasks doesn't pay for them.
"""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any
from weakref import finalize

from mrq.exceptions import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mrq.settings import Settings

OFF, SAME_AS_JOBS = "0", "1"  # values of a setting instead of a url


class Clients:
    """`redis`, `mongodb_jobs`, `mongodb_logs`, and whatever else in the configuration starts with redis or
    mongodb. Two names never share a client, but for logs that are kept beside the jobs."""

    def __init__(self, config: Mapping[str, Any], settings: Settings) -> None:
        self._config = config
        self._settings = settings
        self._made: dict[str, Any] = {}
        self._given_up: list[finalize[[], Any]] = []  # what closes those that may still be in use somewhere
        self._lock = threading.RLock()

    def knows(self, name: str) -> bool:
        """Whether the configuration has something under this name."""
        return name.startswith(("redis", "mongodb")) and (name in self._config or hasattr(self._settings, name))

    def get(self, name: str) -> Any:
        """The client of a setting; a MongoDB database, where that is in the url. None when it is set to 0.

        Raises:
            ConfigError: its value is no url that can be used.
        """
        value = self._config.get(name, getattr(self._settings, name, None))
        if value is None or str(value) == OFF:
            return None
        if name == "mongodb_logs" and str(value) == SAME_AS_JOBS:
            return self.get("mongodb_jobs")
        if not isinstance(value, str):
            return value  # MRQ 0.9: a client that is ready for use
        with self._lock:
            if name not in self._made:
                self._made[name] = self._redis(value) if name.startswith("redis") else self._mongodb(name, value)
            return self._made[name]

    def database(self) -> Any:
        """The database of the jobs.

        Raises:
            ConfigError: there is none.
        """
        from mrq.stores.mongo_client import database_of  # noqa: PLC0415

        jobs = self.get("mongodb_jobs")
        if jobs is None:
            raise ConfigError("mongodb_jobs=0: jobs are kept in MongoDB, so it can't be switched off")
        return database_of(jobs)

    def redis(self) -> Any:
        """The client for what MRQ itself keeps in Redis: a RedisLink, also to a client that was given ready made.

        Raises:
            ConfigError: there is none, or it can't be used.
        """
        from mrq.stores.redis_client import link_to  # noqa: PLC0415

        client = self.get("redis")
        if client is None:
            raise ConfigError("redis=0: wake-ups and locks are in Redis, so it can't be switched off")
        return link_to(client)

    def forget(self) -> None:
        """Make new ones from now on. An old one is closed when nobody has it any more."""
        with self._lock:
            self._given_up = [closer for closer in self._given_up if closer.alive]
            for name, client in self._made.items():
                closer = finalize(client, _closing(name, client))
                closer.atexit = False
                self._given_up.append(closer)
            self._made.clear()

    def close(self) -> None:
        """Close all that were made here, forgotten ones too."""
        self.forget()
        for closer in self._given_up:
            closer()
        self._given_up.clear()

    def _redis(self, url: str) -> Any:
        from mrq.stores.redis_client import connect  # noqa: PLC0415

        settings = self._settings
        return connect(
            url,
            max_connections=settings.redis_max_connections,
            timeout=settings.redis_timeout,
            server_timeout=settings.server_timeout,
            cluster=settings.redis_cluster,
        )

    def _mongodb(self, name: str, url: str) -> Any:
        from mrq.stores.mongo_client import connect  # noqa: PLC0415

        settings = self._settings
        return connect(
            url,
            server_timeout=settings.server_timeout,
            name=settings.name or socket.gethostname(),
            setting=name,
        )


def _closing(name: str, client: Any) -> Callable[[], object]:
    """What closes a client's connections, without being a reference to the client."""
    if not name.startswith("redis"):
        close: Callable[[], object] = client.client.close
        return close
    closer: Callable[[], object] = client.closer()
    return closer
