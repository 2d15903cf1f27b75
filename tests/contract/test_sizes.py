"""QueueSizes: numbers that others read, forgotten after a while."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from support.waiting import wait_until

if TYPE_CHECKING:
    from mrq.ports.sizes import QueueSizes
    from mrq.ports.wakeups import Wakeups

MINUTE = 60.0


def a_queue() -> str:
    """A name of its own for each test: MRQ 0.9's keys have no prefix."""
    return f"q-{secrets.token_hex(6)}"


def test_what_is_published_can_be_read(sizes: QueueSizes) -> None:
    first, second = a_queue(), a_queue()
    assert sizes.published(first) is None
    sizes.publish({first: 3, second: 0}, MINUTE)
    sizes.publish({first: 2}, MINUTE)
    assert (sizes.published(first), sizes.published(second)) == (2, 0)


def test_queued_jobs_are_added_until_all_are_counted(told_sizes: tuple[Wakeups, QueueSizes]) -> None:
    wakeups, sizes = told_sizes
    queue = f"{a_queue()}/sub"
    wakeups.announce(queue, 2, MINUTE)
    wakeups.announce(queue, 1, MINUTE)
    assert sizes.published(queue) == 3
    sizes.publish({queue: 1}, MINUTE)
    assert sizes.published(queue) == 1


def test_sizes_are_forgotten(told_sizes: tuple[Wakeups, QueueSizes]) -> None:
    wakeups, sizes = told_sizes
    published, added = a_queue(), a_queue()
    sizes.publish({published: 1}, 0.05)
    wakeups.announce(added, 1, 0.05)
    wait_until(lambda: sizes.published(published) is None)
    wait_until(lambda: sizes.published(added) is None)


def test_zero_means_for_ever(told_sizes: tuple[Wakeups, QueueSizes]) -> None:
    wakeups, sizes = told_sizes
    queue = a_queue()
    sizes.publish({queue: 1}, 0)
    wakeups.announce(queue, 1, 0)
    assert sizes.published(queue) == 2
    sizes.publish({queue: 0}, MINUTE)


def test_keys_and_values_are_those_of_mrq_0_9(redis_client: Any) -> None:
    from mrq.stores.redis_sizes import RedisQueueSizes

    queue = a_queue()
    RedisQueueSizes(redis_client).publish({queue: 7}, MINUTE)
    assert redis_client.get(f"queuesize:{queue}") == b"7"
    assert 0 < redis_client.ttl(f"queuesize:{queue}") <= MINUTE
