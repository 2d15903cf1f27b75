"""Fail-over of an embedded replica set."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pymongo
import pytest

from mrq.embedded import EmbeddedMongo, EmbeddedReplicaSet
from mrq.embedded import replica_set as replica_set_module
from mrq.exceptions import ServerUnavailableError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_new_primary_follows_a_killed_one() -> None:
    with (
        EmbeddedReplicaSet() as replica_set,
        pymongo.MongoClient(replica_set.url, w="majority", serverSelectionTimeoutMS=20000) as client,
    ):
        assert len(replica_set.members) == 3
        client.mrq.things.insert_one({"_id": 1})
        former = replica_set.primary()
        former.kill()

        latter = replica_set.primary()
        assert latter is not former
        assert client.mrq.things.find_one({"_id": 1})
        client.mrq.things.insert_one({"_id": 2})

        former.start()
        latter.pause()
        assert replica_set.primary() is not latter
        latter.resume()


def test_without_a_majority_there_is_no_primary() -> None:
    with EmbeddedReplicaSet() as replica_set:
        replica_set.primary().kill()
        replica_set.primary().kill()
        with pytest.raises(ServerUnavailableError, match="1 of its 3 members run"):
            replica_set.primary(timeout=0.5)


def test_a_kept_set_comes_back(tmp_path: Path) -> None:
    with EmbeddedReplicaSet(1, tmp_path) as replica_set:
        url = replica_set.url
        with pymongo.MongoClient(url) as client:
            client.mrq.things.insert_one({"_id": 1})
    with EmbeddedReplicaSet(1, tmp_path) as replica_set, pymongo.MongoClient(url) as client:
        assert replica_set.url == url
        assert client.mrq.things.find_one() == {"_id": 1}
    with (
        socket.create_server(("127.0.0.1", replica_set.members[0].port)),
        pytest.raises(ServerUnavailableError, match="is taken"),
    ):
        EmbeddedReplicaSet(1, tmp_path).start()


def test_of_two_primaries_the_one_elected_last_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    elections = {1: 7, 2: 9, 3: 8}

    def answer(port: int, command: dict[str, Any]) -> dict[str, Any]:
        return {"isWritablePrimary": True, "electionId": elections[port]}

    replica_set = EmbeddedReplicaSet()
    replica_set.members = [EmbeddedMongo(port=port) for port in elections]
    monkeypatch.setattr(EmbeddedMongo, "running", True)
    monkeypatch.setattr(replica_set_module, "ask_mongod", answer)
    assert replica_set.primary().port == 2
