"""The stand-in for ElastiCache serverless refuses what the service refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from redis.exceptions import RedisError

from mrq.stores.redis_client import Script, connect
from support.rediscluster import MOST_ARGUMENTS, strictly

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def client(redis_cluster_url: str) -> Iterator[Any]:
    client = connect(redis_cluster_url, max_connections=2, timeout=5, server_timeout=5)
    with strictly():
        yield client
    client.close()


def script(text: str) -> Script:
    made = Script("count")
    made._text = text
    return made


def test_a_script_keeps_to_the_slot_of_its_keys(client: Any) -> None:
    for text in ("return redis.call('SET', KEYS[1], 1)", "return redis.call('SET', '{a}:undeclared', 1)"):
        assert script(text)(client, ["{a}:1"], []) == b"OK"
    with pytest.raises(RedisError, match="slot"):
        script("redis.call('SET', KEYS[1], 1) return redis.call('SET', '{b}:1', 1)")(client, ["{a}:1"], [])


def test_a_request_has_no_more_arguments_than_the_service_takes(client: Any) -> None:
    script("return #ARGV")(client, ["{a}:1"], ["x"] * (MOST_ARGUMENTS - 4))
    with pytest.raises(AssertionError, match="4000 arguments"):
        script("return #ARGV")(client, ["{a}:1"], ["x"] * (MOST_ARGUMENTS - 3))


def test_there_is_no_keys_command_and_one_database(client: Any) -> None:
    with pytest.raises(RedisError):
        client.execute_command("KEYS", "*", target_nodes="primaries")
