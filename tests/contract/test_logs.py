"""Logs: pieces of text by job or worker, the same on every store, bounded."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from bson import ObjectId
from pymongo.errors import OperationFailure

from contract.kit import at
from mrq.domain.loglines import LogLine, LogMark, LogQuery
from mrq.domain.logplaces import MOST_RUNS, LogPlace
from mrq.exceptions import InvalidJobIdError
from mrq.ports.errors import StoreUnavailableError
from mrq.ports.logs import LogText
from mrq.stores.ids import new_id, parse_id

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


def marked(*lines: tuple[str, int, int], **owner: Any) -> LogText:
    """A piece of lines with their seconds and levels."""
    marks = tuple(LogMark(len(text) + 1, at(seconds), level) for text, seconds, level in lines)
    return LogText(new_id(), "".join(f"{text}\n" for text, _, _ in lines), marks=marks, **owner)


def test_each_line_has_its_time_and_level(logs: LogStore) -> None:
    job = new_id()
    text = marked(("one", 3, logging.INFO), ("Traceback\n  ü", 1, logging.ERROR), job=job, run=at(0))
    logs.append([text, piece("as 0.9\nwrote it\n", job=job)])
    first, second = logs.read(job=job)
    assert first == text
    assert list(first.lines()) == [LogLine("one", at(3), 20), LogLine("Traceback\n  ü", at(1), 40)]
    assert list(second.lines()) == [LogLine("as 0.9"), LogLine("wrote it")]
    assert second.run is None


def found(logs: LogStore, limit: int = 100, before: Any = None, **query: Any) -> list[str]:
    return [hit.line.text for hit in logs.search(LogQuery(**query), limit, before).lines]


def test_lines_are_searched_newest_first(logs: LogStore) -> None:
    job, other, worker = new_id(), new_id(), new_id()
    logs.append([
        marked(("Out of paper (1)", 1, logging.ERROR), ("fine", 2, logging.INFO), job=job, run=at(0)),
        marked(("out of ink", 12, logging.WARNING), job=job, run=at(10)),
        marked(("out of order", 20, logging.DEBUG), job=other, run=at(20)),
        piece("out of time\nat work\n", worker=worker),
    ])  # fmt: skip
    assert found(logs, words="OUT OF") == ["out of time", "out of order", "out of ink", "Out of paper (1)"]
    assert found(logs, words="of paper (") == ["Out of paper (1)"], "no pattern"
    assert found(logs, words="out", job=job) == ["out of ink", "Out of paper (1)"]
    assert found(logs, job=job, run=at(0)) == ["fine", "Out of paper (1)"]
    assert found(logs, worker=worker) == ["at work", "out of time"]
    assert found(logs, level=logging.WARNING) == ["at work", "out of time", "out of ink", "Out of paper (1)"]
    assert found(logs, words="out", since=at(2), until=at(20)) == ["out of time", "out of ink"]
    assert found(logs, words="nobody said this") == []
    (hit,) = logs.search(LogQuery(words="ink")).lines
    assert (hit.job, hit.worker, hit.run, hit.line.at, hit.line.level) == (job, None, at(10), at(12), 30)


def test_a_search_goes_on_where_another_has_ended(logs: LogStore) -> None:
    job = new_id()
    logs.append([marked((f"{n}", n, 20), (f"{n}+", n, 20), job=job) for n in range(5)])
    for query in (LogQuery(words=""), LogQuery(job=job)):
        page, seen = logs.search(query, 3), []
        assert len(page.lines) == 4, "those of one piece are not torn apart"
        while page.next is not None:
            seen += page.lines
            page = logs.search(query, 3, page.next)
        seen += page.lines
        assert [hit.line.text for hit in seen] == [f"{n}{more}" for n in reversed(range(5)) for more in ("+", "")]


def test_a_search_looks_at_so_many_pieces_and_says_where_it_ended(
    logs: LogStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("mongo_logs", "memory_logs"):
        monkeypatch.setattr(f"mrq.stores.{module}.SEARCHED", 3)
    pieces = [piece(f"{n}\n", worker=new_id()) for n in range(8)]
    logs.append(pieces)
    pages = [logs.search(LogQuery(words="0"))]
    while (last := pages[-1].next) is not None:
        pages.append(logs.search(LogQuery(words="0"), before=last))
    assert [[hit.line.text for hit in page.lines] for page in pages] == [[], [], ["0"]]
    assert [page.next for page in pages[:2]] == [pieces[5].id, pieces[2].id]


# ---- following


def followed(logs: LogStore, job: Any, place: LogPlace, limit: int = 1000) -> tuple[list[str], LogPlace]:
    """What is read from a place on, and the place after it, as it comes back from an address."""
    pieces = logs.read(job=job, after=place, limit=limit)
    again = LogPlace.read(place.behind(pieces).text(), parse_id)
    assert again is not None
    return [text.text for text in pieces], again


RUNS_IN_ORDER = ("0.9", "2.0", "2.1", "2.2", "2.3", "1.0", "1.2", "1.3", "0.0", "0.1", "0.2", "0.3")


def ids(count: int) -> list[Any]:
    """Of one second, in their order."""
    return [ObjectId(f"65a00000{number:016x}") for number in range(count)]


def test_a_place_misses_nothing_that_another_worker_writes_in_the_same_second(logs: LogStore) -> None:
    job, (retry, *rest) = new_id(), ids(3)  # the first worker's ids are larger
    logs.append([LogText(rest[0], "first\n", job=job, run=at(0))])
    said, place = followed(logs, job, LogPlace())
    assert said == ["first\n"]
    logs.append([LogText(retry, "again\n", job=job, run=at(1))])
    assert logs.read(job=job, after=rest[0]) == [], "an id can't tell"
    said, place = followed(logs, job, place)
    assert said == ["again\n"]
    logs.append([LogText(rest[1], "late\n", job=job, run=at(0))])
    said, place = followed(logs, job, place)
    assert said == ["late\n"]
    assert followed(logs, job, place)[0] == []


def test_from_a_place_the_runs_are_read_one_after_the_other_whatever_the_page(logs: LogStore) -> None:
    job, names = new_id(), ids(12)
    pieces = [LogText(name, f"{n % 3}.{n // 3}\n", job=job, run=at(10 - n % 3)) for n, name in enumerate(names)]
    pieces[4] = LogText(names[4], "0.9\n", job=job)
    logs.append(pieces)
    place, seen = LogPlace(), list[str]()
    while True:
        page, place = followed(logs, job, place, limit=2)
        if not page:
            break
        assert len(page) <= 2
        seen += page
    assert seen == [f"{text}\n" for text in RUNS_IN_ORDER]
    assert [text.text for text in logs.read(job=job, after=LogPlace(), limit=2, last=True)] == ["0.2\n", "0.3\n"]


def test_a_place_of_very_many_runs_stays_small(logs: LogStore) -> None:
    job, runs = new_id(), 3 * MOST_RUNS
    logs.append([piece(f"{n}\n", job=job, run=at(n)) for n in range(runs)])
    said, place = followed(logs, job, LogPlace())
    assert said == [f"{n}\n" for n in range(runs)]
    assert len(place.text()) < 1_000, "for an address"
    assert followed(logs, job, place)[0] == []
    logs.append([piece("long ago\n", job=job, run=at(0)), piece("just now\n", job=job, run=at(runs - 1))])
    logs.append([piece("new\n", job=job, run=at(runs)), piece("0.9\n", job=job)])
    assert followed(logs, job, place)[0] == ["0.9\n", "just now\n", "new\n"]


def test_a_place_may_leave_out_all_that_was_before(logs: LogStore) -> None:
    job = new_id()
    logs.append([piece(f"{n}\n", job=job, run=at(n)) for n in range(4)])
    newest = logs.read(job=job, after=LogPlace(), limit=2, last=True)
    assert [text.text for text in newest] == ["2\n", "3\n"]
    assert followed(logs, job, LogPlace().behind(newest, and_all_before=True))[0] == []
    assert followed(logs, job, LogPlace().behind(newest))[0] == ["0\n", "1\n"]


def test_the_log_of_a_worker_is_followed_by_a_place(logs: LogStore) -> None:
    worker = new_id()
    logs.append([piece("one\n", worker=worker)])
    place = LogPlace().behind(logs.read(worker=worker, after=LogPlace()))
    second = piece("two\n", worker=worker)
    logs.append([second])
    assert logs.read(worker=worker, after=place) == [second]


def test_other_text_is_no_place() -> None:
    assert LogPlace.read(LogPlace().text(), parse_id) == LogPlace()
    assert [LogPlace.read(text, parse_id) for text in ("", "65a000000000000000000000", "1~x", "9" * 400 + "~")] == [
        None
    ] * 4
    with pytest.raises(InvalidJobIdError):
        LogPlace.read("1~x.2", parse_id)


# ---- MongoDB


MINE, RUNS = 2_000, MOST_RUNS + 4


@pytest.fixture
def crowded(database: Any) -> tuple[LogStore, Any]:
    """Logs, and a job of many runs that has written a lot of them."""
    from mrq.stores.mongo_logs import MongoLogStore

    store, job, others = MongoLogStore(database), new_id(), [new_id() for _ in range(100)]
    store.prepare()
    owners = [job if n % 5 == 0 else others[n % 100] for n in range(5 * MINE)]
    database.mrq_logs.insert_many([
        {"_id": new_id(), "job": owner, "logs": f"{n}\n", "run": at(n * RUNS // len(owners))}
        for n, owner in enumerate(owners)
    ])  # fmt: skip
    return store, job


def looked_at(database: Any, act: Any) -> int:
    """Keys and documents that MongoDB looked at for a reading."""
    database.command("profile", 2)
    act()
    database.command("profile", 0)
    entries = list(database["system.profile"].find({"ns": f"{database.name}.mrq_logs"}))
    database.drop_collection("system.profile")
    assert entries
    return sum(entry.get("keysExamined", 0) + entry.get("docsExamined", 0) for entry in entries)


def test_following_reads_only_what_is_new(database: Any, crowded: tuple[LogStore, Any]) -> None:
    store, job = crowded
    place, seen = LogPlace(), list[LogText]()

    def follow(limit: int = 200) -> None:
        nonlocal place, seen
        seen = store.read(job=job, after=place, limit=limit)
        place = place.behind(seen)

    assert looked_at(database, follow) <= 2 * 200 + RUNS
    while seen:
        follow()
    assert looked_at(database, follow) <= 2 * RUNS, "nothing is new"
    store.append([piece("more\n", job=job, run=at(RUNS)), piece("another\n", job=new_id(), run=at(RUNS))])
    assert looked_at(database, follow) <= 2 * RUNS + 2
    assert [text.text for text in seen] == ["more\n"]
    assert looked_at(database, lambda: store.read(job=job, after=LogPlace(), limit=200, last=True)) <= 2 * 200 + RUNS


def test_without_its_index_following_reads_the_same(database: Any, crowded: tuple[LogStore, Any]) -> None:
    store, job = crowded
    place = LogPlace().behind(store.read(job=job, after=LogPlace(), limit=1500))
    rest = store.read(job=job, after=place)
    database.mrq_logs.drop_index("mrq_followed")
    assert store.read(job=job, after=place) == rest
    assert len(rest) == MINE - 1500
    assert store.ensure_indexes(largest=100) == []
    assert store.ensure_indexes() == ["mrq_followed"]
    assert store.read(job=job, after=place) == rest


def test_logs_that_are_not_there_yet_get_no_index_and_are_capped_later(database: Any) -> None:
    from mrq.stores.mongo_logs import MongoLogStore

    store = MongoLogStore(database)
    assert store.ensure_indexes() == []
    assert database.list_collection_names() == []
    store.append([piece("a\n", job=new_id())])
    assert database.mrq_logs.options()["capped"] is True
    assert "mrq_followed" in database.mrq_logs.index_information()


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
    assert "mrq_followed" in database.mrq_logs.index_information()
    assert database.mrq_logs.index_information()["date_1"]["expireAfterSeconds"] == 7 * 24 * 3600
    assert database.mrq_logs.find_one({"job": job})["date"]
    assert [text.text for text in store.read(job=job)] == ["a\n"]
    now = datetime.now(UTC).replace(tzinfo=None)
    assert store.expire(now + timedelta(days=6), 10) == 0
    assert store.expire(now + timedelta(days=8), 10) == 1


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
