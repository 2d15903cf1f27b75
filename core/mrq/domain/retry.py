"""When a failed job is tried again. Chance is an argument: a number from 0 up to 1, a new one for each wait."""

from __future__ import annotations

import math
from dataclasses import dataclass

MAX_DELAY = 3600.0
"""No wait between two tries is longer than this, in seconds, if the task doesn't say otherwise."""

BACKOFF = 2.0
JITTER = 0.1

Kinds = tuple[type[BaseException] | str, ...]
"""Kinds of exceptions: classes, or names of classes such as `"requests.Timeout"`."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, when and after which exceptions a job is tried again.

    `first`: seconds before the first retry; each next wait is `backoff` times as long, up to `longest`.
    `jitter`: up to this fraction of a wait is left out, by chance, so that jobs that failed together don't
    all return together. `on`: only after these exceptions (empty: after every Exception); `never_on`: not after
    these.
    """

    retries: int = 0
    first: float = 3.0
    backoff: float = BACKOFF
    longest: float = MAX_DELAY
    jitter: float = JITTER
    on: Kinds = ()
    never_on: Kinds = ()

    def covers(self, exc: BaseException) -> bool:
        """Whether this is an exception after which another try is worth it."""
        wanted = matches(exc, self.on) if self.on else isinstance(exc, Exception)
        return wanted and not matches(exc, self.never_on)

    def wait(self, exc: BaseException, so_far: int, chance: float) -> float | None:
        """Seconds until the next try of a job that raised this after `so_far` retries; None: no further try."""
        if so_far >= self.retries or not self.covers(exc):
            return None
        return self.delay(so_far + 1, chance)

    def delay(self, retry: int, chance: float) -> float:
        """Seconds before the given retry (1 is the first)."""
        return delay_before(retry, self.first, self.backoff, self.longest) * (1.0 - self.jitter * chance)


def delay_before(retry: int, first: float, backoff: float = BACKOFF, longest: float = MAX_DELAY) -> float:
    """Seconds to wait before the given retry, without jitter: `first`, times `backoff` for each further one."""
    try:
        return min(longest, first * backoff ** (retry - 1))
    except OverflowError:  # a float has an end: 2.0 ** 1024
        return longest if first > 0 else 0.0


def matches(exc: BaseException, kinds: Kinds) -> bool:
    """Whether an exception is of one of these kinds. Names are those of its class, or of a class it derives from:
    `module.Name`; builtins and classes meant wherever they are need no module."""
    names: set[str] = set()
    for cls in type(exc).__mro__:
        names |= {cls.__qualname__, f"{cls.__module__}.{cls.__qualname__}"}
    return any(kind in names if isinstance(kind, str) else isinstance(exc, kind) for kind in kinds)


def seconds(value: float) -> float:
    """A wait that was asked for, as a number.

    Raises:
        TypeError, ValueError: it is none.
    """
    number = float(value)
    if math.isnan(number):
        raise ValueError("a delay of nan seconds is no delay")
    return number
