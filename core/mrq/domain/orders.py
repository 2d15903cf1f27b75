"""What a worker can be told to do from outside, while it works."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mrq.domain.ids import JobId

MOST_GREENLETS = 100_000
LONGEST_PROFILE = 300.0  # seconds


class Verb(StrEnum):
    """What to do."""

    QUIET = "quiet"  # take no more jobs, and stay
    RESUME = "resume"  # take jobs again
    STOP = "stop"  # take no more jobs, and end once those that run have ended; `now`: interrupt them
    RESIZE = "resize"  # run up to `greenlets` jobs at the same time
    PROFILE = "profile"  # sample for `seconds` where the time goes
    REPORT = "report"  # write the report now: the jobs that run, and where each is


@dataclass(frozen=True, slots=True)
class Order:
    """One order to one worker. `at`: when it was given (naive, UTC)."""

    id: JobId
    verb: Verb
    at: datetime
    arguments: Mapping[str, Any] = field(default_factory=dict)


def checked(verb: str, arguments: Mapping[str, Any]) -> tuple[Verb, dict[str, Any]]:
    """An order's words, if they make sense.

    Raises:
        ValueError: there is no such order, or it can't have these arguments; the message says what is wrong.
    """
    if verb not in list(Verb):
        raise ValueError(f"{verb!r} is nothing that a worker can be told; say one of {', '.join(Verb)}")
    known, given = Verb(verb), dict(arguments)
    match known:
        case Verb.RESIZE:
            found: dict[str, Any] = {"greenlets": given.pop("greenlets", None)}
            if not _is_number(found["greenlets"], int) or not 1 <= found["greenlets"] <= MOST_GREENLETS:
                raise ValueError(f"resize needs greenlets, a whole number from 1 to {MOST_GREENLETS:,}")
        case Verb.PROFILE:
            found = {"seconds": given.pop("seconds", 10)}
            if not _is_number(found["seconds"], (int, float)) or not 0 < found["seconds"] <= LONGEST_PROFILE:
                raise ValueError(f"profile takes seconds, a number up to {LONGEST_PROFILE:g}")
        case Verb.STOP:
            found = {"now": bool(given.pop("now", False))}
        case _:
            found = {}
    if given:
        raise ValueError(f"{known.value} takes no {', '.join(map(repr, given))}")
    return known, found


def _is_number(value: object, kinds: type | tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)
