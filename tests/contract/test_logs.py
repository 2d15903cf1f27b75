"""Logs: pieces of text by job or worker, the same on every store, bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pymongo.errors import OperationFailure

from mrq.ports.errors import StoreUnavailableError
from mrq.ports.logs import LogText
from mrq.stores.ids import new_id

if TYPE_CHECKING:
    from mrq.ports.logs import LogStore


def piece(text: str, **owner: Any) -> LogText:
    return LogText(new_id(), text, **owner)


def test_pieces_are_read_back_by_their_owner_oldest_first(logs: LogStore) -> None:
    job, other, worker = new_id(), new_id(), new_id()
    first, second = piece("one\n", job=job), piece("two ü\n", job=job)
    logs.append([first, piece("other\n", job=other)])
    logs.append([second, piece("worker\n", worker=worker)])
    assert logs.read(job=job) == [first, second]
    assert [text.text for text in logs.read(worker=worker)] == ["worker\n"]
    assert logs.read(job=new_id()) == []
    assert logs.read(worker=job) == []
    assert logs.read() == []


def test_reading_goes_on_behind_a_piece(logs: LogStore) -> None:
    job = new_id()
    pieces = [piece(f"{n}\n", job=job) for n in range(5)]
    logs.append(pieces)
    assert logs.read(job=job, after=pieces[1].id, limit=2) == pieces[2:4]
    assert logs.read(job=job, after=pieces[-1].id) == []
    assert logs.read(job=job, limit=2, last=True) == pieces[-2:]
    assert logs.read(job=job, after=pieces[1].id, last=True) == pieces[2:]


def test_a_repeated_append_stores_nothing_twice(logs: LogStore) -> None:
    job = new_id()
    texts = [piece("once\n", job=job), piece("and once\n", job=job)]
    logs.append(texts[:1])
    logs.append(texts)
    logs.append(texts)
    assert logs.read(job=job) == texts


def test_the_oldest_vanish_when_the_size_is_reached(small_logs: LogStore) -> None:
    job = new_id()
    for n in range(100):
        small_logs.append([piece(f"{n:03} {'x' * 500}\n", job=job)])
    kept = [text.text[:3] for text in small_logs.read(job=job)]
    assert kept[-1] == "099"
    assert "000" not in kept
    assert 5 < len(kept) < 60


def test_a_text_that_can_never_be_stored_is_refused(small_logs: LogStore) -> None:
    with pytest.raises(ValueError, match="logs"):
        small_logs.append([piece("x" * 20_000_000, job=new_id())])
    small_logs.append([piece("fine\n", job=new_id())])


# ---- MongoDB


def test_the_collection_is_capped_from_the_first_write(database: Any) -> None:
    from mrq.stores.mongo_logs import MongoLogStore

    job = new_id()
    MongoLogStore(database).append([piece("a\n", job=job)])
    options = database.mrq_logs.options()
    assert options["capped"] is True
    assert options["size"] == 16 * 1024 * 1024
    assert {"job_1", "worker_1"} <= set(database.mrq_logs.index_information())
    document = database.mrq_logs.find_one()
    assert set(document) == {"_id", "job", "logs"}, "the documents of MRQ 0.9"


def test_a_collection_that_is_not_capped_is_converted_and_keeps_what_it_has(database: Any) -> None:
    from mrq.stores.mongo_logs import MongoLogStore

    job = new_id()
    database.mrq_logs.insert_one({"job": job, "logs": "by 0.9\n"})
    store = MongoLogStore(database)
    store.append([piece("by us\n", job=job)])
    assert database.mrq_logs.options()["capped"] is True
    assert [text.text for text in store.read(job=job)] == ["by 0.9\n", "by us\n"]
    assert "job_1" in database.mrq_logs.index_information(), "a conversion drops indexes"


def test_a_ttl_stands_in_where_nothing_can_be_capped(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Amazon DocumentDB, whose answer to `capped` is an error."""
    from mrq.stores.mongo_logs import MongoLogStore

    def refuse(*_args: Any, **_options: Any) -> None:
        raise OperationFailure("Feature not supported: capped", 303)

    monkeypatch.setattr(type(database), "create_collection", refuse)
    job = new_id()
    store = MongoLogStore(database)
    store.append([piece("a\n", job=job)])
    assert not database.mrq_logs.options().get("capped")
    assert database.mrq_logs.index_information()["date_1"]["expireAfterSeconds"] == 7 * 24 * 3600
    assert database.mrq_logs.find_one({"job": job})["date"]
    assert [text.text for text in store.read(job=job)] == ["a\n"]


def test_workers_that_start_together_agree(database: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from mrq.stores.mongo_logs import MongoLogStore

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda _n: MongoLogStore(database).prepare(), range(8)))
    assert set(said) == {"the last 16 MiB"}


def test_a_mongodb_that_is_away_is_said_to_be() -> None:
    from mrq.stores.mongo_client import connect
    from mrq.stores.mongo_logs import MongoLogStore

    database = connect("mongodb://127.0.0.1:1/mrq", server_timeout=0.2, name="contract")
    store = MongoLogStore(database)
    for call in (store.prepare, lambda: store.append([piece("a", job=new_id())]), lambda: store.read(job=new_id())):
        with pytest.raises(StoreUnavailableError, match="MongoDB is not available"):
            call()
    database.client.close()
