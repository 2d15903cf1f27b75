"""Who asks, and how often he may try to say it: passwords can't be guessed for ever."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.requests import Request

from mrq.exceptions import ServerUnavailableError
from mrq_dashboard import sessions
from mrq_dashboard.authentication import COOKIE
from mrq_dashboard.errors import RefusedError
from mrq_dashboard.identity import How, Principal
from mrq_dashboard.services import Services

TRIES, PER = 10, 60  # of one address, and of one name, in so many seconds


def principal_of(request: Request, given: Services) -> Principal | None:
    """Who asks; None: nobody that is known. What is wrong in HTTP Basic counts as a try to log in.

    Raises:
        RefusedError: too many tries.
    """
    name = given.authentication.basic_name(request)
    if name is None:
        found = given.authentication.principal_of(request)
        in_session = found is not None and found.how is How.SESSION
        return None if in_session and sessions.has_ended(given, request.cookies.get(COOKIE, "")) else found
    address = address_of(request)
    keys = [f"address:{address}", f"user:{name}"]
    if given.shut.holds(keys):
        raise _too_many()
    found = given.authentication.principal_of(request)
    if found is None:
        for key in keys:
            try:
                limit_tries(given, [key], TRIES)
            except RefusedError as error:
                if error.status == 429:
                    given.shut.add([key], PER)
                raise
        given.note(name[:200], "session.login", address, {"by": "basic"}, outcome="refused")
    return found


def address_of(request: Request) -> str:
    """From where a request comes."""
    return request.client.host if request.client else "unknown"


def limit_tries(given: Services, keys: Iterable[str], tries: int) -> None:
    """Count a try for each of these keys. Raises RefusedError when there were too many."""
    for key in keys:
        try:
            left = given.mrq.rates.remaining(f"dashboard:login:{key}", tries, PER)
        except ServerUnavailableError:
            raise RefusedError(503, "unavailable", "Redis, which counts tries to log in, doesn't answer") from None
        if left <= 0:
            raise _too_many()


def _too_many() -> RefusedError:
    return RefusedError(429, "too_many_tries", "too many tries; wait a minute", {"retry-after": str(PER)})
