"""Connections to Redis or Valkey, and their errors in our words."""

from __future__ import annotations

import functools
import hashlib
import threading
from importlib.resources import files
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar
from urllib.parse import urlsplit, urlunsplit

from redis import BlockingConnectionPool, Redis
from redis.cluster import RedisCluster
from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,  # noqa: A004
    MasterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    SlotNotCoveredError,
    TimeoutError,  # noqa: A004
    TryAgainError,
)

from mrq.exceptions import ConfigError
from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

P = ParamSpec("P")
R = TypeVar("R")

_PASSING = (
    BusyLoadingError, ClusterDownError, ConnectionError, MasterDownError, OutOfMemoryError, ReadOnlyError,
    SlotNotCoveredError, TimeoutError, TryAgainError,
)  # fmt: skip

AUTO, ON, OFF = "auto", "on", "off"


class RedisLink:
    """A client that finds out at its first use what it talks to: one server, or a cluster.

    It is used as if it were that client. Finding out may fail like any other command.
    """

    def __init__(self, make: Callable[[bool], Any], cluster: bool | None) -> None:
        """`make`: makes the client, for a cluster or not. `cluster`: None asks the server."""
        self._make = make
        self._is_cluster = cluster
        self._client: Any = None
        self._lock = threading.Lock()

    @property
    def client(self) -> Any:
        """The driver's client."""
        if self._client is None:
            with self._lock:
                if self._client is None:
                    self._client = self._find_client()
        return self._client

    @property
    def is_cluster(self) -> bool:
        """Whether the server is in cluster mode, so that keys need hash tags."""
        return self.client is not None and bool(self._is_cluster)

    def _find_client(self) -> Any:
        if self._is_cluster is None:
            client = self._make(False)
            self._is_cluster = _is_cluster(client)
            if not self._is_cluster:
                return client
            client.close()
            client.connection_pool.disconnect()
        return self._make(self._is_cluster)

    @property
    def address(self) -> str:
        """Where the server is; of a cluster, one of its nodes."""
        client = self.client
        if self._is_cluster:
            node = client.get_default_node()
            return f"{node.host}:{node.port} (cluster)"
        where = client.connection_pool.connection_kwargs
        return f"{where.get('host', 'localhost')}:{where.get('port', 6379)}"

    def close(self) -> None:
        """Close the connections. Using the link again opens new ones."""
        client, self._client = self._client, None
        if client is not None and self._is_cluster:
            client.disconnect_connection_pools()
            client.close()
        elif client is not None:
            client.close()
            client.connection_pool.disconnect()

    def closer(self) -> Callable[[], object]:
        """What closes the connections opened so far, without being a reference to this link. Opens none."""
        client = self._client
        if client is None:
            return int  # nothing to do
        close: Callable[[], object] = (
            client.disconnect_connection_pools if self._is_cluster else client.connection_pool.disconnect
        )
        return close

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.client, name)


def _is_cluster(client: Redis) -> bool:
    try:
        info: Any = client.info("cluster")
    except ResponseError:  # an ACL that forbids INFO
        return False
    return bool(int(info.get("cluster_enabled", 0)))


def connect(url: str, *, max_connections: int, timeout: float, server_timeout: float, cluster: str = AUTO) -> RedisLink:
    """A client for a redis:// or rediss:// url. Opens no connection yet.

    `timeout`: seconds to wait for a free connection of the pool. `cluster`: "on" and "off" say whether the server is
    in cluster mode; "auto" asks it.

    Raises:
        ConfigError: the url can't be read, or `cluster` is none of the three.
    """
    if cluster not in (AUTO, ON, OFF):
        raise ConfigError(f"redis_cluster is {cluster!r}; it should be auto, on or off")
    url = _with_password(url)
    options: dict[str, Any] = {
        "max_connections": max_connections,
        "timeout": timeout,
        "socket_timeout": server_timeout,
        "socket_connect_timeout": server_timeout,
        "health_check_interval": 30,
    }
    try:
        BlockingConnectionPool.from_url(url, **options).disconnect()
    except ValueError as error:
        raise ConfigError(f"redis is no url that can be used: {error}") from error

    def make(for_cluster: bool) -> Any:
        if for_cluster:
            return RedisCluster.from_url(url, connection_pool_class=BlockingConnectionPool, **options)
        return Redis(connection_pool=BlockingConnectionPool.from_url(url, **options))

    return RedisLink(make, None if cluster == AUTO else cluster == ON)


def link_to(client: Any) -> RedisLink:
    """A client of the user's, for our own use. It stays his: whoever made it closes it.

    Raises:
        ConfigError: it turns answers into text, and payloads are bytes.
    """
    if isinstance(client, RedisLink):
        return client
    encoder = getattr(client, "get_encoder", None)
    if encoder is not None and getattr(encoder(), "decode_responses", False):
        raise ConfigError(
            "the client given as redis has decode_responses=True, but what MRQ keeps in Redis is bytes; give one "
            "without it, and this one under another name (REDIS_TEXT, for example)"
        )
    return RedisLink(lambda _: client, isinstance(client, RedisCluster))


def _with_password(url: str) -> str:
    """MRQ 0.9: a user without a password (redis://secret@host) is the password."""
    parts = urlsplit(url)
    if parts.username and parts.password is None:
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit(parts._replace(netloc=f":{parts.username}@{host}"))
    return url


def best_effort(function: Callable[P, R]) -> Callable[P, R]:
    """Raise StoreUnavailableError for whatever Redis says: for what we can do without."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except (RedisError, RedisClusterException) as error:  # the second is none of the first
            raise _unavailable(error) from error

    return call


class Script:
    """One of our scripts. The server keeps it by its hash, and is given its text when it has lost it."""

    def __init__(self, name: str) -> None:
        """`name`: of its file in stores/lua, without the suffix."""
        self._text = files("mrq.stores").joinpath(f"lua/{name}.lua").read_text()
        self._hash = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    def __call__(self, redis: Any, keys: Sequence[str], args: Sequence[str | bytes | float]) -> Any:
        """Run it. All keys must be in one hash slot."""
        try:
            return redis.evalsha(self._hash, len(keys), *keys, *args)
        except NoScriptError:
            return redis.eval(self._text, len(keys), *keys, *args)


def translated(function: Callable[P, R]) -> Callable[P, R]:
    """Raise StoreUnavailableError for everything that may be gone at the next try."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except _PASSING as error:
            raise _unavailable(error) from None
        except RedisClusterException as error:
            if "cannot be connected" not in str(error):  # else a mistake of ours, such as keys in several slots
                raise
            raise _unavailable(error) from None

    return call


def _unavailable(error: Exception) -> StoreUnavailableError:
    return StoreUnavailableError(f"Redis is not available: {' '.join(str(error).split())}")
