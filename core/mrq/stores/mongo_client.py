"""Connections to MongoDB, and its errors in our words."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import pymongo
from pymongo import MongoClient
from pymongo.errors import (
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    InvalidURI,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
    WTimeoutError,
)
from pymongo.uri_parser import parse_uri

from mrq.exceptions import ConfigError, ServerRefusedError
from mrq.ports.errors import StoreUnavailableError
from mrq.stores.documents import CODEC

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from pymongo.database import Database

P = ParamSpec("P")
R = TypeVar("R")

# Server answers that mean "not now, and not me": shutting down, stepping down, no majority in time; and those of
# a moment: a cursor that a restart took away, an operation that was killed or waited too long for a lock
_PASSING = frozenset(
    {50, 64, 89, 91, 189, 262, 9001, 10107, 11600, 11602, 13435, 13436, 7, 6, 24, 43, 46, 134, 175, 237, 11601}
)

NOT_ALLOWED = frozenset({11, 13, 18})  # no such user, no right to do that, no valid password

# Write concerns that this server can never give
_NEVER = frozenset({79, 100})


def connect(url: str, *, server_timeout: float, name: str, setting: str = "mongodb_jobs") -> Database[dict[str, Any]]:
    """The database that a MongoDB url names (mrq if it names none). Opens no connection yet.

    `name`: of this process, for the server's own reports. `setting`: where the url comes from, for errors.

    Raises:
        ConfigError: the url can't be read.
    """
    try:
        parsed = parse_uri(url)
        given = {option.lower() for option in parsed["options"]}
        ours: dict[str, Any] = {
            "serverSelectionTimeoutMS": int(server_timeout * 1000),
            "connectTimeoutMS": int(server_timeout * 1000),
            "socketTimeoutMS": 60_000,  # a half-open connection must not hold a worker for ever
            # a server that goes is seen by the next command; streams would keep idle processes awake
            "serverMonitoringMode": "poll",
            "wTimeoutMS": 20_000,  # a majority that can't be had is an outage, not a reason to wait for ever
            "appName": f"mrq {name}".strip(),
        }
        options = {option: value for option, value in ours.items() if option.lower() not in given}
        client: MongoClient[dict[str, Any]] = MongoClient(url, connect=False, **options)
    except (InvalidURI, ConfigurationError, ValueError) as error:
        raise ConfigError(f"{setting} is no MongoDB url that can be used: {error}") from error
    return client.get_default_database("mrq", codec_options=CODEC)


def database_of(given: Any) -> Database[dict[str, Any]]:
    """The database itself, or that of a client that was made elsewhere (mrq if its url names none)."""
    database: Database[dict[str, Any]] = given
    return given.get_default_database("mrq") if isinstance(given, MongoClient) else database


def translated(function: Callable[P, R]) -> Callable[P, R]:
    """Raise StoreUnavailableError for everything that may be gone at the next try, and ServerRefusedError where
    MongoDB wants another user or password."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except PyMongoError as error:
            if isinstance(error, OperationFailure) and error.code in NOT_ALLOWED:
                raise ServerRefusedError(f"MongoDB refuses access: {in_short(error)}") from error
            if not is_passing(error):
                raise
            raise StoreUnavailableError(f"MongoDB is not available: {in_short(error)}") from None

    return call


def time_limit(seconds: float) -> AbstractContextManager[object]:
    """Inside of it, all that is asked of MongoDB together may take so long."""
    return pymongo.timeout(seconds)


def is_passing(error: PyMongoError) -> bool:
    """Whether a later try may well work."""
    if isinstance(error, BulkWriteError):
        details = error.details or {}
        concerns = details.get("writeConcernErrors") or []
        codes = {e.get("code") for e in [*concerns, *(details.get("writeErrors") or [])]}
        return bool(codes & _PASSING) or any(e.get("code") not in _NEVER for e in concerns)
    if isinstance(error, (ConnectionFailure, WTimeoutError, WriteConcernError)):
        return True
    return isinstance(error, OperationFailure) and (
        error.code in _PASSING or error.has_error_label("RetryableWriteError")
    )


def in_short(error: BaseException) -> str:
    """One line of an error: pymongo appends whole topologies."""
    text = str(error).split(", Timeout:", 1)[0].split(", full error:", 1)[0].split(" (configured timeouts:", 1)[0]
    return " ".join(text.split())[:300]
