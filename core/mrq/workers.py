"""Workers from outside: tell one what to do, see what it answered, read its profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mrq.app import get_app
from mrq.domain.orders import Order, Verb, checked
from mrq.domain.profile import Profile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mrq.domain.ids import JobId

__all__ = ["Profile", "Verb", "answer", "profile", "profiles", "running", "tell"]


def tell(worker_id: Any, verb: str, **arguments: Any) -> JobId | None:
    """Tell a worker: quiet, resume, stop (now=True), resize (greenlets=N), profile (seconds=N) or report. It obeys at
    its next heartbeat.

    Returns the order's id, for `answer`; None if the worker is gone or unknown. Raises ValueError when the order makes
    no sense; InvalidJobIdError; ServerUnavailableError.
    """
    app = get_app()
    known, given = checked(verb, arguments)
    order = Order(app.jobs.new_id(), known, app.clock.now(), given)
    return order.id if app.orders.give(app.jobs.parse_id(worker_id), order) else None


def answer(worker_id: Any, order_id: Any) -> str | None:
    """What a worker said to an order; None: nothing yet. Raises InvalidJobIdError, ServerUnavailableError."""
    app = get_app()
    return app.orders.answer_to(app.jobs.parse_id(worker_id), app.jobs.parse_id(order_id))


def running(worker_id: Any) -> list[Mapping[str, Any]]:
    """The jobs that a worker ran when it last reported (`tell(worker, "report")`), a hundred at most, each with its
    `id`, `path`, `datestarted`, `stack` (lines, innermost last), and `io` where that is traced.

    Raises InvalidJobIdError, ServerUnavailableError.
    """
    app = get_app()
    found = app.workers.fetch(app.jobs.parse_id(worker_id)) or {}
    return list(found.get("jobs") or ())


def profiles(worker_id: Any = None, limit: int = 20) -> list[Profile]:
    """The newest profiles, of one worker or of all. Raises InvalidJobIdError, ServerUnavailableError."""
    app = get_app()
    return app.profiles.newest(None if worker_id is None else app.jobs.parse_id(worker_id), limit)


def profile(profile_id: Any) -> Profile | None:
    """One profile. Raises InvalidJobIdError, ServerUnavailableError."""
    app = get_app()
    return app.profiles.get(app.jobs.parse_id(profile_id))
