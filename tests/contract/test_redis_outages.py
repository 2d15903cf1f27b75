"""When Redis is away, every method says so in the same way: also the first one that a process ever calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mrq.ports.errors import StoreUnavailableError
from mrq.ports.semaphores import Permit
from mrq.stores.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Callable

WORKER = new_id()
PERMIT = Permit("name", WORKER, "permit")

CALLS: dict[str, Callable[[Any], object]] = {
    "semaphores.acquire": lambda app: app.semaphores.acquire("name", 1, WORKER, ["permit"], 1.0),
    "semaphores.release": lambda app: app.semaphores.release([PERMIT]),
    "semaphores.renew": lambda app: app.semaphores.renew([PERMIT], 1.0),
    "semaphores.drop": lambda app: app.semaphores.drop(WORKER),
    "semaphores.count": lambda app: app.semaphores.count("name"),
    "rates.turn": lambda app: app.rates.turn("name", "ask", 1.0, 0.0, returns=False),
    "rates.remaining": lambda app: app.rates.remaining("name", 1, 1.0),
    "sizes.publish": lambda app: app.sizes.publish({"name": 1}, 1.0),
    "sizes.published": lambda app: app.sizes.published("name"),
    "locks.acquire": lambda app: app.locks.acquire("name", 1.0),
    "pauses.paused": lambda app: app.pauses.paused(),
    "wakeups.notify": lambda app: app.wakeups.notify(["name"]),
    "wakeups.announce": lambda app: app.wakeups.announce("name", 1, 1.0),
    "wakeups.leave_marks": lambda app: app.wakeups.leave_marks("name", 1, 1.0),
}


@pytest.mark.parametrize("cluster", ["auto", "on", "off"])
@pytest.mark.parametrize("name", CALLS)
def test_a_redis_that_was_never_reached_is_said_to_be_away(name: str, cluster: str) -> None:
    from mrq.app import App

    app = App({"redis": "redis://127.0.0.1:1", "redis_cluster": cluster, "server_timeout": 1})
    with pytest.raises(StoreUnavailableError, match="Redis is not available"):
        CALLS[name](app)
    app.close()
