"""Whether MongoDB can hold a value, and which part of it is to blame if not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bson

DEEPEST = 170  # levels; MongoDB stores 180, and reads no command of more than 200
_LEVEL = 7  # bytes that a level takes at least


def check_depth(value: Any, size: int, where: str) -> None:
    """Whether MongoDB takes lists in lists, dicts in dicts as deep as these. `size`: in bytes, as BSON.

    Raises:
        ValueError: it would refuse the whole command that has it.
    """
    if size < DEEPEST * _LEVEL:
        return
    level, depth = [value], 0
    while level:
        if depth > DEEPEST:
            raise ValueError(f"{where} is nested more than {DEEPEST} levels deep")
        depth += 1
        level = [
            item
            for holder in level
            for item in (holder.values() if isinstance(holder, Mapping) else holder)
            if isinstance(item, (Mapping, list, tuple))
        ]


def culprit(value: Any, where: str) -> str | None:
    """Which part of a value BSON can't hold, in words."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                return f"the key {key!r} of {where} is a {type(key).__name__}, not text"
            if found := culprit_of(item, f"{where}[{key!r}]"):
                return found
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            if found := culprit_of(item, f"{where}[{index}]"):
                return found
    return None


def culprit_of(value: Any, where: str) -> str | None:
    """Like `culprit`, for a value inside another."""
    try:
        bson.encode({"": value})
    except RecursionError:
        return f"{where} contains itself, or is nested too deeply"
    except Exception as error:  # noqa: BLE001 - a Mapping of the user's own may raise anything
        return culprit(value, where) or f"{where} is a {type(value).__name__} that BSON can't hold ({error})"
    return None
