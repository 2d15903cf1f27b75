"""QueueLimitStore: what was said at run time, shared by all processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mrq.ports.errors import StoreUnavailableError
from mrq.ports.queuelimits import NO_LIMIT
from mrq.stores.memory_queuelimits import MemoryQueueLimits
from mrq.stores.mongo_client import connect
from mrq.stores.mongo_queuelimits import MongoQueueLimits

if TYPE_CHECKING:
    from mrq.ports.queuelimits import QueueLimitStore


@pytest.fixture(params=["memory", "mongodb"])
def limits(request: pytest.FixtureRequest) -> QueueLimitStore:
    return MemoryQueueLimits() if request.param == "memory" else MongoQueueLimits(request.getfixturevalue("database"))


def test_what_is_said_holds_until_something_else_is(limits: QueueLimitStore) -> None:
    assert limits.limits() == {}
    limits.limit("crawl", 5)
    limits.limit("mail", NO_LIMIT)
    limits.limit("crawl", 7)
    assert limits.limits() == {"crawl": 7, "mail": 0}
    limits.forget("crawl")
    limits.forget("never said")
    assert limits.limits() == {"mail": 0}


def test_a_mongodb_that_is_away_is_said_to_be() -> None:
    database = connect("mongodb://127.0.0.1:1/x", server_timeout=0.2, name="contract")
    with pytest.raises(StoreUnavailableError):
        MongoQueueLimits(database).limits()
    database.client.close()
