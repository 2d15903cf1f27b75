"""What callers hand over to be queued, looked at before anything is made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
