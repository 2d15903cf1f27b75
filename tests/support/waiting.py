"""Waiting for something to come true, with a deadline: tests never sleep for a fixed time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def wait_until(condition: Callable[[], T], timeout: float = 15.0, *, what: str = "", interval: float = 0.02) -> T:
    """Call `condition` until its result is true, and return that result.

    `timeout` and `interval` are in seconds. Raises AssertionError at the timeout, with `what` (what was
    waited for, else the condition's name) and the last result.
    """
    deadline = time.monotonic() + timeout
    while not (result := condition()):
        if time.monotonic() > deadline:
            name = what or getattr(condition, "__name__", repr(condition))
            raise AssertionError(f"not true after {timeout:g} s: {name} (last result: {result!r})")
        time.sleep(interval)
    return result
