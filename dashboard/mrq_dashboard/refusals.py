"""Requests that somebody's role or scope forbids, in the audit log: each once in a while, and so many in all."""

from __future__ import annotations

import hashlib
import logging
from typing import Final

from starlette.requests import Request

from mrq.exceptions import MrqError
from mrq_dashboard.errors import RefusedError
from mrq_dashboard.identity import Principal
from mrq_dashboard.services import Services

log = logging.getLogger("mrq.dashboard")

AGAIN: Final = 600.0  # seconds after which the same refusal is noted again
MOST: Final = 30  # different ones of one person in these seconds
FORBIDDEN: Final = frozenset({"role", "scope"})
WHAT: Final = "request.refuse"


def note_refusal(given: Services, request: Request, error: RefusedError) -> None:
    """Write down who was refused what, if it is his role or his scope that forbids it.

    It never raises: who is refused gets to know that, whatever becomes of the note.
    """
    who: Principal | None = getattr(request.state, "principal", None)
    if who is None or error.problem.error not in FORBIDDEN:
        return
    target = f"{request.method} {request.scope['path']}"
    try:
        if _is_new(given, who, f"{target} {error.problem.message}"):
            given.note(who, WHAT, target, {"why": error.problem.message}, outcome="refused")
    except MrqError as failure:
        log.warning("a refusal was not written into the audit log: %s: %s", type(failure).__name__, target)


def _is_new(given: Services, who: Principal, about: str) -> bool:
    """Whether it was not noted lately, and few others were. Redis counts, for all processes together."""
    name = hashlib.sha256(f"{who.name}\0{about}".encode(errors="replace")).hexdigest()
    rates = given.mrq.rates
    if rates.remaining(f"dashboard:refusal:{name}", 1, AGAIN) <= 0:
        return False
    person = hashlib.sha256(who.name.encode(errors="replace")).hexdigest()
    return rates.remaining(f"dashboard:refusals:{person}", MOST, AGAIN) > 0
