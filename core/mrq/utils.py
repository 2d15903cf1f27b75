"""Helpers that know nothing of MRQ, under the names that MRQ 0.9 has for them."""

from __future__ import annotations

import functools
import importlib
import json
import socket
import time
import uuid
from collections import deque
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from mrq.domain.commands import normalize_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = [
    "LazyObject",
    "MongoJSONEncoder",
    "MovingAverage",
    "MovingETA",
    "get_local_ip",
    "group_iter",
    "lazyproperty",
    "load_class_by_path",
    "memoize",
    "memoize_single_argument",
    "normalize_command",
    "wait_for_net_service",
]

T = TypeVar("T")
R = TypeVar("R")
P = ParamSpec("P")


def wait_for_net_service(host: str, port: int, timeout: float | None = None, poll_interval: float = 0.1) -> bool:
    """Wait until something listens at an address; whether it did within `timeout` seconds (None or 0: for ever).

    `poll_interval`: seconds between two tries.
    """
    until = time.monotonic() + timeout if timeout else None
    while True:
        left = None if until is None else until - time.monotonic()
        if left is not None and left <= 0:
            return False
        try:
            socket.create_connection((host, int(port)), timeout=left).close()
        except OSError:
            time.sleep(poll_interval if left is None else min(poll_interval, left))
        else:
            return True


def get_local_ip() -> str:
    """The address of this host as its own name resolves to, or 127.0.0.1."""
    try:
        return socket.gethostbyname(socket.gethostname())
    except OSError:
        return "127.0.0.1"


# ---- functions and classes


@functools.cache
def load_class_by_path(taskpath: str) -> Any:
    """What a dotted path names, such as a task's class. Raises ImportError or AttributeError if there is none."""
    module, _, name = taskpath.rpartition(".")
    if not module:
        raise ImportError(f"{taskpath!r} has no module; write it as module.Name")
    return getattr(importlib.import_module(module), name)


def memoize(function: Callable[P, R]) -> Callable[P, R]:
    """Decorator: call the function once for each set of (hashable) arguments and remember what it returned."""
    return cast("Callable[P, R]", functools.cache(function))


def memoize_single_argument(function: Callable[[T], R]) -> Callable[[T], R]:
    """`memoize` for functions of one argument."""
    return memoize(function)


class lazyproperty(Generic[T]):  # noqa: N801 - it is used like `property`
    """Decorator: a property that is worked out once for each object, when it is first read."""

    def __init__(self, function: Callable[[Any], T]) -> None:
        self._function = function
        self.__doc__ = function.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"_lazy_{name}"

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        if self._name not in vars(instance):
            vars(instance)[self._name] = self._function(instance)
        return vars(instance)[self._name]

    def __set__(self, instance: Any, value: T) -> None:
        raise AttributeError(f"{self._name.removeprefix('_lazy_')} can't be set: it is worked out when it is read")


class LazyObject:
    """Attributes that are made when they are first read, by the first factory that has something for the name.

    An attribute for which no factory has anything is None, unless its name starts with "__".
    """

    def __init__(self) -> None:
        self._factories: list[Callable[[str], Any]] = []
        self._made: set[str] = set()

    def add_factory(self, factory: Callable[[str], Any]) -> None:
        """Ask this function too: it takes the name of an attribute and returns its value, or None."""
        self._factories.append(factory)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        for factory in self._factories:
            value = factory(name)
            if value is not None:
                self._made.add(name)
                vars(self)[name] = value
                return value
        return None

    def reset(self) -> None:
        """Forget all that the factories made; it is made anew when it is read again."""
        while self._made:
            vars(self).pop(self._made.pop(), None)


# ---- data


def group_iter(iterator: Iterable[T], n: int = 2) -> Iterator[list[T]]:
    """Lists of `n` items each, the last one with those that are left."""
    items = iter(iterator)
    while group := list(islice(items, n)):
        yield group


class MongoJSONEncoder(json.JSONEncoder):
    """JSON for what MongoDB returns: dates in ISO 8601, ObjectIds and UUIDs as text, bytes as UTF-8."""

    def default(self, o: Any) -> Any:
        """See json.JSONEncoder."""
        if isinstance(o, date):  # datetime is one
            return o.isoformat()
        if isinstance(o, bytes):
            return o.decode("utf-8")
        if isinstance(o, uuid.UUID) or _is_object_id(o):
            return str(o)
        return super().default(o)


def _is_object_id(value: object) -> bool:
    """Whether this is a bson.ObjectId, without importing bson."""
    return isinstance(getattr(value, "binary", None), bytes) and hasattr(value, "generation_time")


class MovingAverage:
    """The mean of the last `size` values."""

    def __init__(self, size: int) -> None:
        self._values: deque[float] = deque(maxlen=size)

    def next(self, val: float) -> float:
        """Add a value; the mean with it."""
        self._values.append(val)
        return sum(self._values) / len(self._values)


class MovingETA:
    """When a value will be zero, by a straight line through the last `size` of them."""

    def __init__(self, size: int) -> None:
        self._points: deque[tuple[float, float]] = deque(maxlen=size)

    def next(self, val: float, t: float | None = None) -> float | None:
        """Add the value at time `t` (seconds; default: now). The seconds from then until zero; negative if that
        was before, None if the line is level or there is no line yet."""
        t = time.time() if t is None else t
        self._points.append((t, val))
        mean_t = sum(at for at, _ in self._points) / len(self._points)
        mean_value = sum(value for _, value in self._points) / len(self._points)
        spread = sum((at - mean_t) ** 2 for at, _ in self._points)
        trend = sum((at - mean_t) * (value - mean_value) for at, value in self._points)
        if not spread or not trend:
            return None
        return mean_t - mean_value * spread / trend - t
