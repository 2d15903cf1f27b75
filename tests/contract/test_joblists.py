"""JobLists: the same pages from memory and from MongoDB, and pages that cost the same in any collection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from contract.kit import JobKit, at
from mrq.domain.jobfilter import JobFilter
from mrq.domain.joblist import JobQuery, Mark, Order, Pattern
from mrq.domain.status import Status
from mrq.stores.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mrq.domain.ids import JobId
    from mrq.ports.joblists import JobLists

QUEUED, FAILED = frozenset({Status.QUEUED}), frozenset({Status.FAILED, Status.TIMEOUT})


@dataclass
class ListKit:
    """Lists, and the store whose jobs they show."""

    lists: JobLists
    jobs: JobKit

    def put(self, status: str, **about: Any) -> JobId:
        """A job in a status, as its document would be."""
        document = {
            "_id": new_id(), "path": "tasks.Fetch", "params": {"n": 1}, "queue": "default", "datequeued": at(0),
            "status": status, **about,
        }  # fmt: skip
        self.jobs.put(document)
        return document["_id"]

    def pages(self, query: JobQuery, order: Order = Order.NEWEST, limit: int = 2) -> Iterator[list[JobId]]:
        """All pages of a list."""
        after: Mark | None = None
        for _ in range(100):
            page = self.lists.page(query, order, limit, after)
            yield [job.id for job in page.jobs]
            after = page.next
            if after is None:
                return
        raise AssertionError("the list has no end")

    def listed(self, query: JobQuery, order: Order = Order.NEWEST, limit: int = 2) -> list[JobId]:
        """All jobs of a list."""
        return [job for page in self.pages(query, order, limit) for job in page]


@pytest.fixture(params=["memory", "mongodb", "mongodb with indexes", "mongodb with indexes, in short looks"])
def lists(request: pytest.FixtureRequest) -> ListKit:
    """No job yet."""
    from mrq.stores.memory import MemoryJobStore
    from mrq.stores.memory_joblists import MemoryJobLists
    from mrq.stores.mongo_joblists import MongoJobLists
    from mrq.stores.mongo_jobs import MongoJobStore

    if request.param == "memory":
        memory = MemoryJobStore()
        kit = JobKit(memory, lambda document: memory._documents.update({document["_id"]: document}))
        return ListKit(MemoryJobLists(memory.documents), kit)
    database = request.getfixturevalue("database")
    store = MongoJobStore(database)
    if "indexes" in request.param:
        store.ensure_indexes()
    lists = MongoJobLists(database, 3) if "short" in request.param else MongoJobLists(database)
    return ListKit(lists, JobKit(store, database.mrq_jobs.insert_one, database))


def where(**about: Any) -> JobQuery:
    """A query from the fields of its filter."""
    return JobQuery(JobFilter(**about))


def test_all_jobs_by_age(lists: ListKit) -> None:
    jobs = [lists.put("success") for _ in range(7)]
    assert lists.listed(JobQuery(), limit=3) == jobs[::-1]
    assert lists.listed(JobQuery(), Order.OLDEST, limit=3) == jobs
    assert lists.listed(where(after=jobs[1], until=jobs[4])) == jobs[2:5][::-1]
    assert list(lists.pages(where(queues=frozenset({"nowhere"}))))[-1] == []


def test_what_is_large_is_left_out(lists: ListKit) -> None:
    lists.put("failed", exceptiontype="E", traceback="x" * 1000, traceback_history=[{"a": 1}], result=5)
    (job,) = lists.lists.page(JobQuery(), Order.NEWEST, 10).jobs
    assert (job.result, job.traceback, job.traceback_history, job.exceptiontype) == (None, None, (), "E")
    assert job.params == {"n": 1}


def test_failures_of_several_statuses_come_in_one_order(lists: ListKit) -> None:
    failed = []
    for number in range(5):
        lists.put("success")
        failed.append(lists.put("failed" if number % 3 else "timeout", exceptiontype="ValueError"))
        lists.put("retry", exceptiontype="ValueError")
    assert lists.listed(where(statuses=FAILED)) == failed[::-1]
    assert lists.listed(where(statuses=FAILED), Order.OLDEST) == failed
    assert lists.listed(where(statuses=FAILED, exceptiontypes=frozenset({"KeyError"}))) == []


def test_running_jobs(lists: ListKit) -> None:
    worker = new_id()
    running = [lists.put("started", worker=worker, queue=f"q{n % 2}") for n in range(4)]
    lists.put("success", worker=worker)
    started = frozenset({Status.STARTED})
    assert lists.listed(where(statuses=started)) == running[::-1]
    assert lists.listed(where(statuses=started, queues=frozenset({"q1"}))) == [running[3], running[1]]
    assert lists.lists.count(where(statuses=started)).jobs == 4


def test_texts_with_stars(lists: ListKit) -> None:
    a = lists.put("failed", path="shop.tasks.Fetch", queue="crawl/eu", exceptiontype="HTTPError")
    b = lists.put("success", path="shop.tasks.Parse\nFetch")
    lists.put("success", path="shopXtasks.Fetch")
    assert lists.listed(JobQuery(like={Pattern.PATH: "shop.*Fetch"})) == [b, a]
    assert lists.listed(JobQuery(like={Pattern.EXCEPTIONTYPE: "HTTP*", Pattern.QUEUE: "crawl/*"})) == [a]
    assert lists.listed(JobQuery(JobFilter(statuses=FAILED), {Pattern.PATH: "*("})) == []


@pytest.mark.parametrize("queue", ["main/x", "main/"])
def test_by_place_jobs_come_as_they_will_be_taken(lists: ListKit, queue: str) -> None:
    late = lists.put("queued", queue="main/x", datequeued=at(9))
    same = [lists.put("queued", queue="main/x", datequeued=at(5)) for _ in range(4)]
    other = lists.put("queued", queue="main/y", datequeued=at(0))
    lists.put("success", queue="main/x")
    lists.put("queued", queue="mainz")
    query = where(queues=frozenset({queue}), statuses=QUEUED)
    expected = [*same, late, *([other] if queue.endswith("/") else [])]
    assert lists.listed(query, Order.PLACE) == expected
    assert lists.listed(query, Order.PLACE, limit=50) == expected


def test_only_what_waits_in_one_queue_has_places(lists: ListKit) -> None:
    for query in (JobQuery(), where(statuses=QUEUED), where(queues=frozenset({"a", "b"}), statuses=QUEUED)):
        with pytest.raises(ValueError, match="by place"):
            lists.lists.page(query, Order.PLACE, 10)


def test_counts_go_up_to_a_limit_and_say_so(lists: ListKit) -> None:
    for _ in range(3):
        lists.put("queued", queue="main/x")
    count = lists.lists.count
    waiting = where(queues=frozenset({"main/"}), statuses=QUEUED)
    assert (count(waiting, 10).jobs, count(waiting, 10).exact) == (3, True)
    assert (count(waiting, 2).jobs, count(waiting, 2).exact) == (2, False)
    assert count(where(queues=frozenset({"main/"})), 2).exact is False
    assert count(where(paths=frozenset({"no.Task"})), 2).jobs == 0
    assert (count(JobQuery()).jobs, count(JobQuery()).exact) == (3, False)


def test_queues_by_name(lists: ListKit) -> None:
    for queue in ("b", "main/y", "main", "main/x", "main0", "a"):
        lists.put("queued", queue=queue)
    lists.put("success", queue="c")
    lists.put("started", queue="b", worker=new_id())
    assert lists.lists.waiting_queues(10) == ["a", "b", "main", "main/", "main0"]
    assert lists.lists.waiting_queues(2) == ["a", "b"]
    assert lists.lists.running_by_queue() == {"b": 1}


def test_ids_tell_the_time(lists: ListKit) -> None:
    job = lists.put("success")
    assert lists.lists.first_id(at(0)) < lists.lists.first_id(at(1))
    assert lists.listed(where(after=lists.lists.first_id(at(-1_000_000)))) == [job]


def test_a_page_ends_where_too_much_had_to_be_looked_at(mongo_kit: JobKit) -> None:
    from mrq.stores.mongo_joblists import MongoJobLists

    kit = ListKit(MongoJobLists(mongo_kit.database, 3), mongo_kit)
    rare = kit.put("success", path="rare.Task")
    for _ in range(7):
        kit.put("success")
    query = where(paths=frozenset({"rare.Task"}))
    assert list(kit.pages(query)) == [[], [], [rare]]
    assert (kit.lists.count(query).jobs, kit.lists.count(query).exact) == (0, False)


def test_a_page_costs_the_same_in_a_larger_collection(mongo_kit: JobKit) -> None:
    """By what MongoDB reads, not by the clock."""
    from mrq.stores.mongo_joblists import MongoJobLists

    database = mongo_kit.database
    lists = MongoJobLists(database, 100)
    worker = new_id()

    def grow(jobs: int) -> None:
        kinds: list[dict[str, Any]] = [
            {"status": "queued"}, {"status": "success"}, {"status": "failed", "exceptiontype": "ValueError"},
            {"status": "cancel"},
        ]  # fmt: skip
        database.mrq_jobs.insert_many(
            {"_id": new_id(), "path": "t.T", "params": {}, "queue": f"q/{n % 3}", "datequeued": at(0), **kinds[n % 4]}
            for n in range(jobs)
        )

    def cost(query: JobQuery, order: Order) -> int:
        database.command("profile", 0)
        database.drop_collection("system.profile")
        database.command("profile", 2)
        page = lists.page(query, order, 10)
        if page.next is not None:
            lists.page(query, order, 10, page.next)
        lists.count(query, 100)
        database.command("profile", 0)
        return sum(e.get("keysExamined", 0) + e.get("docsExamined", 0) for e in database["system.profile"].find())

    queries = [
        (JobQuery(), Order.NEWEST),
        (where(paths=frozenset({"no.Task"})), Order.NEWEST),
        (JobQuery(like={Pattern.PATH: "*x*"}), Order.OLDEST),
        (where(statuses=FAILED), Order.NEWEST),
        (where(statuses=FAILED, exceptiontypes=frozenset({"KeyError"})), Order.NEWEST),
        (where(statuses=frozenset({Status.STARTED}), workers=frozenset({worker})), Order.NEWEST),
        (where(statuses=QUEUED, queues=frozenset({"q/1"})), Order.PLACE),
        (where(statuses=QUEUED, queues=frozenset({"q/"})), Order.PLACE),
    ]
    grow(2_000)
    small = [cost(*query) for query in queries]
    grow(8_000)
    large = [cost(*query) for query in queries]
    assert all(after <= before * 1.1 + 10 for before, after in zip(small, large, strict=True)), (small, large)
