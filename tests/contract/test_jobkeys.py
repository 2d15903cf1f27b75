"""JobKeys: one job a key, however many ask at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract.kit import at
from contract.test_jobs_racing import together
from mrq.domain.jobkeys import Standing
from mrq.domain.status import Status
from mrq.stores.ids import new_id

if TYPE_CHECKING:
    from contract.kit import JobKit
    from mrq.ports.jobkeys import JobKeys


def test_a_key_stands_for_the_job_that_came_first(job_keys: JobKeys) -> None:
    first, second, third = new_id(), new_id(), new_id()
    assert job_keys.hold({"a": first}, at(10)) == {"a": first}
    assert job_keys.hold({"a": second, "b": third}, at(10)) == {"a": first, "b": third}
    assert job_keys.hold({}, at(10)) == {}


def test_a_key_is_passed_on_only_by_who_knows_what_it_stands_for(job_keys: JobKeys) -> None:
    old, new, newer = new_id(), new_id(), new_id()
    job_keys.hold({"a": old, "b": old}, at(10))
    assert job_keys.pass_on({"a": (old, new)}, at(10)) == {"a": new}
    assert job_keys.pass_on({"a": (old, newer), "b": (old, newer)}, at(10)) == {"a": new, "b": newer}
    assert job_keys.pass_on({"none": (old, new)}, at(10)) == {}
    assert job_keys.hold({"none": newer}, at(10)) == {"none": newer}


def test_what_keys_stand_for_is_confirmed_all_or_not_at_all(job_keys: JobKeys) -> None:
    one, two = new_id(), new_id()
    job_keys.hold({"a": one, "b": two}, at(10))
    assert job_keys.confirm({"a": one, "b": two}, at(20))
    assert not job_keys.confirm({"a": one, "b": one}, at(20))
    assert not job_keys.confirm({"c": one}, at(20))
    assert job_keys.confirm({}, at(20))


def test_many_who_want_the_same_keys_at_once_agree(job_keys: JobKeys) -> None:
    names = [f"key{n}" for n in range(100)]
    answers: list[dict[str, Any]] = []

    def want() -> None:
        answers.append(job_keys.hold({name: new_id() for name in names}, at(10)))

    together(*[want] * 8)
    assert len(answers) == 8
    assert all(answer == answers[0] for answer in answers)
    assert len(set(answers[0].values())) == 100


def test_of_many_who_pass_a_key_on_one_wins(job_keys: JobKeys) -> None:
    old = new_id()
    job_keys.hold({"a": old}, at(10))
    answers: list[Any] = []
    together(*[lambda: answers.append(job_keys.pass_on({"a": (old, new_id())}, at(10))["a"])] * 8)
    assert len(set(answers)) == 1


def test_a_key_of_any_text_is_held(job_keys: JobKeys) -> None:
    names = ["tasks.Fetch:$x.y", "tasks.Fetch: ", "tasks.Fetch:ключ", "tasks.Fetch:" + "k" * 500]
    wanted: dict[str, Any] = {name: new_id() for name in names}
    assert job_keys.hold(wanted, at(10)) == wanted
    assert job_keys.confirm(wanted, at(10))


def test_keys_expire_in_mongodb_at_the_latest_of_the_given_times(database: Any) -> None:
    from mrq.stores.mongo_jobkeys import MongoJobKeys

    keys, job = MongoJobKeys(database), new_id()
    assert keys.ensure_indexes() == ["dateexpires_1"]
    assert keys.ensure_indexes() == []
    assert database.mrq_keys.index_information()["dateexpires_1"]["expireAfterSeconds"] == 0
    keys.hold({"a": job}, at(10**8))
    keys.confirm({"a": job}, at(10))
    assert database.mrq_keys.find_one() == {"_id": "a", "job": job, "dateexpires": at(10**8)}


def test_where_jobs_stand(kit: JobKit) -> None:
    queued = kit.queue(placed=3)
    again = kit.ended(Status.RETRY, dateretry=at(90))
    done = kit.ended(at=at(50))
    standing = kit.store.standing([queued, again.id, done.id, kit.store.new_id()])
    assert standing == {
        queued: Standing(queued, Status.QUEUED, at(3), None),
        again.id: Standing(again.id, Status.RETRY, at(60), at(90)),
        done.id: Standing(done.id, Status.SUCCESS, at(50), None),
    }
    assert kit.store.standing([]) == {}
