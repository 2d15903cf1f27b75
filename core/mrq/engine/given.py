"""What callers hand over to be queued, looked at before anything is made of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from numbers import Real
from typing import Any

from mrq.exceptions import InvalidParamsError, UnknownTaskError


def check_call(path: Any, params_list: Any) -> None:
    """Refuse what can only be a slip of the pen.

    Raises:
        UnknownTaskError: the path is no text, or empty.
        InvalidParamsError: the params of one job stand where a list of them should.
    """
    if not isinstance(path, str) or not path.strip():
        raise UnknownTaskError(
            f"task path {path!r} names nothing; write it as module.Name, for example tasks.Fetch; nothing was queued"
        )
    if isinstance(params_list, (Mapping, str, bytes)) or not isinstance(params_list, Iterable):
        raise InvalidParamsError(
            f"the params of {path} should be a list with a dict for each job, not {type(params_list).__name__}; "
            "for one job use queue_job; nothing was queued"
        )


def check_keys(path: str, params_list: Any, keys: Any) -> None:
    """Refuse keys that are not one, or None, for each job. Raises InvalidParamsError."""
    if keys is None:
        return
    if isinstance(keys, (str, bytes)) or not isinstance(keys, Sequence):
        raise InvalidParamsError(
            f"keys for jobs of {path} should be a list with a key, or None, for each job, not {keys!r}; "
            "nothing was queued"
        )
    if not isinstance(params_list, Sequence):
        raise InvalidParamsError(
            f"the params of {path} should be a list when there are keys, not {type(params_list).__name__}; "
            "nothing was queued"
        )
    if len(keys) != len(params_list):
        raise InvalidParamsError(
            f"{len(keys)} keys for {len(params_list)} jobs of {path}; give one, or None, for each; nothing was queued"
        )


def span(name: str, value: Any) -> float:
    """A length of time as seconds; `name`: of the argument.

    Raises:
        InvalidParamsError: it is neither a timedelta nor a number of seconds, or is negative or without an end.
    """
    number: Any = value.total_seconds() if isinstance(value, timedelta) else value
    try:
        if isinstance(number, Real) and not isinstance(value, bool) and 0 <= float(number) < math.inf:
            return float(number)
    except OverflowError:  # an int that no float can hold
        pass
    raise InvalidParamsError(
        f"{name} should be a number of seconds, 0 or more, or a timedelta, not {value!r}; nothing was queued"
    )


def moment(name: str, value: Any) -> datetime:
    """A time as MRQ stores it: in UTC, without a zone. One without a zone is taken for UTC. `name`: of the argument.

    Raises:
        InvalidParamsError: it is no datetime, or in UTC beyond the years that there are.
    """
    if isinstance(value, datetime):
        try:
            return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
        except OverflowError:
            pass
    raise InvalidParamsError(
        f"{name} should be a datetime (in UTC, if it has no time zone), not {value!r}; nothing was queued"
    )


def start_time(now: datetime, delay: Any, due: Any) -> datetime | None:
    """Before which time a job is not to start; None: at once.

    Raises:
        InvalidParamsError: both are given, or one makes no sense.
    """
    if due is not None:
        if delay is not None:
            raise InvalidParamsError(
                f"delay={delay!r} and due={due!r} both say when to start; give one of them; nothing was queued"
            )
        return moment("due", due)
    if delay is None:
        return None
    try:
        return now + timedelta(seconds=span("delay", delay))
    except OverflowError:
        raise InvalidParamsError(
            f"delay={delay!r} is beyond the year 9999; it is in seconds; nothing was queued"
        ) from None
