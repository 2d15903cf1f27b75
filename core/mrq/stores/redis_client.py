"""Connections to Redis or Valkey, and their errors in our words."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, ParamSpec, TypeVar
from urllib.parse import urlsplit, urlunsplit

from redis import BlockingConnectionPool, Redis
from redis.exceptions import BusyLoadingError, ConnectionError, ReadOnlyError, RedisError, TimeoutError  # noqa: A004

from mrq.exceptions import ConfigError
from mrq.ports.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")

_PASSING = (BusyLoadingError, ConnectionError, ReadOnlyError, TimeoutError)


def connect(url: str, *, max_connections: int, timeout: float, server_timeout: float) -> Redis:
    """A client for a redis:// or rediss:// url. Opens no connection yet.

    `timeout`: seconds to wait for a free connection of the pool.

    Raises:
        ConfigError: the url can't be read.
    """
    try:
        pool = BlockingConnectionPool.from_url(
            _with_password(url),
            max_connections=max_connections,
            timeout=timeout,
            socket_timeout=server_timeout,
            socket_connect_timeout=server_timeout,
            health_check_interval=30,
        )
    except ValueError as error:
        raise ConfigError(f"redis is no url that can be used: {error}") from error
    return Redis(connection_pool=pool)


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
        except RedisError as error:
            raise StoreUnavailableError(f"Redis is not available: {' '.join(str(error).split())}") from error

    return call


def translated(function: Callable[P, R]) -> Callable[P, R]:
    """Raise StoreUnavailableError for everything that may be gone at the next try."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except _PASSING as error:
            raise StoreUnavailableError(f"Redis is not available: {' '.join(str(error).split())}") from None

    return call
