"""How often the jobs of a task may start: `rate="100/m"`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mrq.exceptions import ConfigError

SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

_WRITTEN = re.compile(r"\s*(\d+)\s*/\s*(\d*)\s*([smhd])\s*")
_SPARE = 0.05  # of a period: starts are so much further apart than they would have to be
_MOST_SPARE = 0.5  # seconds


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `limit` starts in any `per` seconds."""

    limit: int
    per: float

    @property
    def spare(self) -> float:
        """Seconds that a start may take from being allowed to happening, without breaking the promise."""
        return min(_MOST_SPARE, self.per * _SPARE)

    @property
    def interval(self) -> float:
        """Seconds between two starts. A little more than `per / limit`, because starts are never quite on time."""
        return (self.per + self.spare) / self.limit


@lru_cache(maxsize=1024)
def parse_rate(text: object) -> Rate:
    """The rate that is written as `100/m`: a number of starts, and s, m, h or d, or so many of these (`5/10s`).

    Raises:
        ConfigError: it is written in another way.
    """
    found = _WRITTEN.fullmatch(text) if isinstance(text, str) else None
    limit, many = (int(found[1]), int(found[2] or 1)) if found else (0, 0)
    if found is None or not limit or not many:
        raise ConfigError(
            f"rate {text!r} should be a number of starts (1 or more) per s, m, h or d, for example '100/m' or '5/10s'"
        )
    return Rate(limit, many * SECONDS[found[3]])
