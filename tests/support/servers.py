"""Real servers for the tests: those that the environment names, else embedded ones for the session."""

from __future__ import annotations

import os
import secrets
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import redis
from pymongo import MongoClient

from mrq.embedded import EmbeddedMongo, EmbeddedRedis
from support import documentdb  # noqa: F401 - listens to the clients that are made after this

if TYPE_CHECKING:
    from collections.abc import Iterator

MONGODB_VARIABLE = "MRQ_TEST_MONGODB"
REDIS_VARIABLE = "MRQ_TEST_REDIS"


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the session's servers are, and clients to clean up with."""

    mongodb_url: str
    redis_url: str
    mongodb: MongoClient[dict[str, Any]]
    redis: redis.Redis

    @contextmanager
    def database(self) -> Iterator[str]:
        """The url of a database of one's own, which is dropped afterwards."""
        name = f"mrq_test_{secrets.token_hex(6)}"
        try:
            yield urlunsplit(urlsplit(self.mongodb_url)._replace(path=f"/{name}"))
        finally:
            self.mongodb.drop_database(name)

    @contextmanager
    def prefix(self) -> Iterator[str]:
        """A prefix for keys of one's own, which are deleted afterwards."""
        prefix = f"mrq_test_{secrets.token_hex(6)}"
        try:
            yield prefix
        finally:
            for key in self.redis.scan_iter(f"{prefix}*", count=1000):
                self.redis.delete(key)


@contextmanager
def running_servers() -> Iterator[Servers]:
    """Both servers, ready. One that is missing is an error: a test that skips itself tests nothing."""
    with ExitStack() as stack:
        mongodb_url = os.environ.get(MONGODB_VARIABLE) or stack.enter_context(EmbeddedMongo()).url
        redis_url = os.environ.get(REDIS_VARIABLE) or stack.enter_context(EmbeddedRedis()).url
        mongodb: MongoClient[dict[str, Any]] = MongoClient(mongodb_url, serverSelectionTimeoutMS=10_000)
        stack.callback(mongodb.close)
        cleaner = redis.Redis.from_url(redis_url)
        stack.callback(cleaner.close)
        mongodb.admin.command("ping")
        cleaner.ping()
        yield Servers(mongodb_url, redis_url, mongodb, cleaner)
