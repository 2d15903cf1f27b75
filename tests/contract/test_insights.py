"""Orders, Deploys, Profiles, and the children of jobs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mrq.domain.orders import Order, Verb
from mrq.domain.profile import Profile
from mrq.domain.worker import WorkerRecord
from mrq.ports.deploys import Deploy
from mrq.stores.ids import new_id
from mrq.stores.memory import MemoryWorkerStore
from mrq.stores.memory_insights import MemoryDeploys, MemoryProfiles
from mrq.stores.memory_orders import MemoryOrders
from mrq.stores.mongo_deploys import MongoDeploys
from mrq.stores.mongo_orders import MongoOrders
from mrq.stores.mongo_profiles import MongoProfiles

if TYPE_CHECKING:
    from contract.kit import JobKit
    from mrq.domain.ids import WorkerId
    from mrq.ports.deploys import Deploys
    from mrq.ports.orders import Orders
    from mrq.ports.profiles import Profiles
    from mrq.ports.workers import WorkerStore

NOW = datetime(2026, 1, 5, 12)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def orders(workers: WorkerStore, request: pytest.FixtureRequest) -> Orders:
    if isinstance(workers, MemoryWorkerStore):
        return MemoryOrders(workers)
    return MongoOrders(request.getfixturevalue("database"))


@pytest.fixture(params=["memory", "mongodb"])
def deploys(request: pytest.FixtureRequest) -> Deploys:
    return MemoryDeploys() if request.param == "memory" else MongoDeploys(request.getfixturevalue("database"))


@pytest.fixture(params=["memory", "mongodb"])
def profiles(request: pytest.FixtureRequest) -> Profiles:
    return MemoryProfiles() if request.param == "memory" else MongoProfiles(request.getfixturevalue("database"))


def registered(workers: WorkerStore) -> WorkerId:
    worker = new_id()
    workers.register(WorkerRecord(worker, "name", NOW, lease=15.0))
    return worker


def order(verb: Verb = Verb.QUIET, **arguments: Any) -> Order:
    return Order(new_id(), verb, NOW, arguments)


def test_orders_wait_in_their_order_until_they_are_answered(workers: WorkerStore, orders: Orders) -> None:
    me, other = registered(workers), registered(workers)
    first, second = order(), order(Verb.RESIZE, greenlets=7)
    assert orders.give(me, first)
    assert orders.give(me, second)
    assert list(orders.given(me)) == [first, second]
    assert list(orders.given(other)) == []
    orders.answer(me, first.id, "takes no more jobs", NOW)
    assert list(orders.given(me)) == [second]
    assert orders.answer_to(me, first.id) == "takes no more jobs"
    assert orders.answer_to(me, second.id) is None


def test_a_heartbeat_tells_whether_orders_wait(workers: WorkerStore, orders: Orders) -> None:
    me, other, one = registered(workers), registered(workers), order()
    told: list[str] = []

    def beat() -> None:
        assert workers.beat(me, told=lambda: told.append("me")) is not None
        assert workers.beat(other, told=lambda: told.append("other")) is not None

    beat()
    assert told == []
    orders.give(me, one)
    beat()
    beat()
    assert told == ["me", "me"]
    orders.answer(me, one.id, "done", NOW)
    beat()
    assert told == ["me", "me"]


def test_giving_and_answering_twice_is_once(workers: WorkerStore, orders: Orders) -> None:
    me, one = registered(workers), order()
    orders.give(me, one)
    orders.give(me, one)
    assert len(orders.given(me)) == 1
    orders.answer(me, one.id, "first", NOW)
    orders.answer(me, one.id, "second", NOW)
    assert orders.answer_to(me, one.id) == "first"


def test_a_worker_that_is_gone_is_told_nothing(workers: WorkerStore, orders: Orders) -> None:
    me = registered(workers)
    workers.stop(me, {"jobs": []})
    assert not orders.give(me, order())
    assert not orders.give(new_id(), order())


def test_reports_leave_orders_alone_and_their_number_is_bounded(workers: WorkerStore, orders: Orders) -> None:
    me, many = registered(workers), [order() for _ in range(25)]
    for each in many:
        orders.give(me, each)
    workers.report(me, {"done_jobs": 3})
    assert list(orders.given(me)) == many[-20:]


def test_deploys_are_found_by_their_time(deploys: Deploys) -> None:
    marks = [Deploy(f"v{n}", NOW + n * MINUTE) for n in range(5)]
    for mark in (*reversed(marks), marks[0]):
        deploys.mark(mark)
    assert deploys.between(NOW, NOW + 4 * MINUTE) == marks[:4]
    assert deploys.between(NOW, NOW + 9 * MINUTE, limit=2) == marks[3:]


def test_profiles_come_back_as_they_were(profiles: Profiles) -> None:
    me = new_id()
    made = [Profile(new_id(), me, NOW, 10.0, 3, {"t.A;m:f": 2, "t.B;m.x:g": 1}) for _ in range(3)]
    for each in made:
        profiles.put(each)
    profiles.put(Profile(new_id(), new_id(), NOW, 1.0, 0))
    assert profiles.get(made[0].id) == made[0]
    assert profiles.get(new_id()) is None
    assert profiles.newest(me, limit=2) == [made[2], made[1]]
    assert len(profiles.newest()) == 4


def test_children_of_a_job_are_found(kit: JobKit) -> None:
    parent = kit.queue()
    jobs = [kit.new() for _ in range(3)]
    for job in jobs:
        job.parent = parent
    kit.queue(*jobs)
    assert kit.store.children(parent, 10) == [job.id for job in jobs]
    assert kit.store.children(parent, 2) == [job.id for job in jobs[:2]]
    assert kit.store.children(jobs[0].id, 10) == []
    assert kit.read(jobs[0].id).parent == parent


def test_children_are_found_by_the_index(mongo_kit: JobKit) -> None:
    plan = mongo_kit.database.mrq_jobs.find({"parent": new_id()}).sort("_id", 1).explain()
    assert "mrq_children" in str(plan["queryPlanner"]["winningPlan"])
