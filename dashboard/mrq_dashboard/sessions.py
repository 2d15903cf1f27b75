"""Sessions that were ended: whoever has a copy of their cookie is out as well.

They are remembered in Redis until the cookie would be too old anyway. While Redis is away a session can neither be
ended nor be known as ended, and the dashboard goes on: it is needed most then.
"""

from __future__ import annotations

import hashlib
import logging

from mrq.exceptions import ServerUnavailableError
from mrq_dashboard.authentication import SESSION_LIFE
from mrq_dashboard.services import Services

log = logging.getLogger("mrq.dashboard")


def end(given: Services, cookie: str) -> bool:
    """Let a cookie be worth nothing from now on. False: Redis doesn't answer, and it goes on being valid."""
    try:
        given.mrq.locks.acquire(_name(cookie), SESSION_LIFE)
    except ServerUnavailableError as error:
        log.warning("a session could not be ended: copies of its cookie stay valid until they are too old: %s", error)
        return False
    return True


def has_ended(given: Services, cookie: str) -> bool:
    """Whether that was done."""
    try:
        return given.mrq.locks.is_held(_name(cookie))
    except ServerUnavailableError:
        return False


def _name(cookie: str) -> str:
    """A cookie is a secret, so it is not kept itself."""
    return f"dashboard:ended:{hashlib.sha256(cookie.encode(errors='replace')).hexdigest()}"
