"""Keep secrets out of what people read: values whose names say that they are secret, in params and in text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

HIDDEN = "***"
COMMON = ("password", "passwd", "secret", "token", "api_key", "apikey", "authorization", "cookie", "credential")
"""Parts of names that are redacted if nothing else is said."""

DEEPEST = 20  # levels of params that are looked into; what is deeper is hidden


def redacted(params: Any, names: Iterable[str] = COMMON) -> Any:
    """A copy of params in which the values under such names, at any depth, are `***`. Case doesn't count."""
    pattern = _names(tuple(names))
    return params if pattern is None else _redacted(params, pattern, 0)


def _redacted(value: Any, pattern: re.Pattern[str], depth: int) -> Any:
    if depth > DEEPEST:
        return HIDDEN
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if isinstance(key, str) and pattern.search(key) else _redacted(item, pattern, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_redacted(item, pattern, depth + 1) for item in value]
    return value


def redacted_text(text: str, names: Iterable[str] = COMMON) -> str:
    """Text in which what follows such a name (`token=x`, `"password": "x"`, `Authorization: Bearer x`) is `***`."""
    pattern = _in_text(tuple(names))
    return text if pattern is None else pattern.sub(rf"\g<name>{HIDDEN}", text)


@lru_cache(maxsize=16)
def _names(names: tuple[str, ...]) -> re.Pattern[str] | None:
    return re.compile("|".join(map(re.escape, names)), re.IGNORECASE) if names else None


@lru_cache(maxsize=16)
def _in_text(names: tuple[str, ...]) -> re.Pattern[str] | None:
    if not names:
        return None
    words = "|".join(map(re.escape, names))
    value = r"(?:(?:bearer|basic)\s+)?(?:'[^']*'|\"[^\"]*\"|[^\s,;&'\"}\])]+)"
    return re.compile(rf"(?P<name>(?:{words})[\w-]*['\"]?\s*[:=]\s*){value}", re.IGNORECASE)
