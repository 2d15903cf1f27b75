"""JobStore: ids, checks and inserts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest
from pymongo.collection import Collection
from pymongo.errors import BulkWriteError

from contract.kit import NOW, TASK, at
from mrq.domain.status import Status
from mrq.exceptions import InvalidJobIdError, InvalidParamsError, JobTooLargeError
from mrq.ports.errors import StoreUnavailableError
from mrq.ports.jobs import Settled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from contract.kit import JobKit

MIB = 1024 * 1024


def test_new_ids_differ(kit: JobKit) -> None:
    assert len({kit.store.new_id() for _ in range(1000)}) == 1000


def test_an_id_is_read_from_each_of_its_forms(kit: JobKit) -> None:
    job_id = kit.store.new_id()
    text = str(job_id)
    for form in (job_id, text, text.upper(), text.encode(), job_id.binary):
        assert kit.store.parse_id(form) == job_id


@pytest.mark.parametrize("value", ["", "x" * 24, "5f" * 11, b"short", "é" * 24, b"\xff" * 24, 7, None, ["a"]])
def test_what_is_no_id_is_refused_and_named(kit: JobKit, value: Any) -> None:
    with pytest.raises(InvalidJobIdError, match="is not a job id"):
        kit.store.parse_id(value)


def test_a_queued_job_is_read_back_as_it_was_given(kit: JobKit) -> None:
    params = {"url": "https://example.org", "deep": {"list": [1, 2.5, None, True, b"x"]}, "when": NOW}
    job_id = kit.queue(params=params, queue="crawl", placed=3)
    record = kit.read(job_id)
    assert record.id == job_id
    assert (record.path, record.params, record.queue) == (TASK, params, "crawl")
    assert (record.status, record.datequeued, record.due) == (Status.QUEUED, at(3), None)
    assert set(record.document) == {"_id", "path", "params", "queue", "datequeued", "status"}


def test_a_delayed_job_keeps_its_due_time(kit: JobKit) -> None:
    record = kit.read(kit.queue(due=90))
    assert (record.due, record.datequeued) == (at(90), at(90))


def test_what_was_given_may_be_changed_afterwards(kit: JobKit) -> None:
    params = {"list": [1]}
    job_id = kit.queue(params=params)
    params["list"].append(2)
    assert kit.read(job_id).params == {"list": [1]}


def test_repeating_an_insert_changes_nothing(kit: JobKit) -> None:
    first, second, third = (kit.new({"n": n}) for n in range(3))
    kit.store.insert([first, second])
    (claimed,) = kit.claim(limit=1)
    kit.store.insert([first, second, third])
    assert claimed.id == first.id
    assert kit.status(first.id) is Status.STARTED
    assert kit.store.count("default", frozenset(Status)) == 3


def test_a_repeated_insert_says_so_when_no_majority_has_it_yet(
    mongo_kit: JobKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An insert whose answer was lost is repeated; what only a primary has that is about to go is not acknowledged."""
    job = mongo_kit.new()
    mongo_kit.store.insert([job])
    real = Collection.insert_many

    def late(self: Any, new: Any, **about: Any) -> Any:
        try:
            return real(self, new, **about)
        except BulkWriteError as error:
            concern = {"code": 64, "errmsg": "waiting for replication timed out"}
            raise BulkWriteError({**(error.details or {}), "writeConcernErrors": [concern]}) from error

    monkeypatch.setattr(Collection, "insert_many", late)
    with pytest.raises(StoreUnavailableError):
        mongo_kit.store.insert([job])


def test_checking_stores_nothing(kit: JobKit) -> None:
    kit.store.check([kit.new({"n": 1})])
    assert kit.store.count("default", frozenset(Status)) == 0


def loop() -> dict[str, Any]:
    inner: dict[str, Any] = {}
    inner["again"] = inner
    return inner


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


class Hollow(Mapping[str, Any]):
    """Has a key and no value for it."""

    def __getitem__(self, key: str) -> Any:
        raise RuntimeError("nothing in here")

    def __iter__(self) -> Iterator[str]:
        return iter(["key"])

    def __len__(self) -> int:
        return 1


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"good": 1, "bad": object()}, r"params\['bad'\] is a object"),
        ({"outer": {"inner": [0, {"set": {1, 2}}]}}, r"params\['outer'\]\['inner'\]\[1\]\['set'\] is a set"),
        ({"number": 2**63}, r"params\['number'\] is a int"),
        ({"number": -(2**63) - 1}, r"params\['number'\] is a int"),
        ({"text": "\ud800"}, r"params\['text'\] is a str"),
        ({"map": {1: "x"}}, r"the key 1 of params\['map'\] is a int"),
        ({1: "x"}, r"the key 1 of params is a int"),
        ({"loop": loop()}, r"params\['loop'\].* contains itself, or is nested too deeply"),
        ({"key\0nul": 1}, "NUL|null|\\x00"),
        ({"hollow": Hollow()}, r"params\['hollow'\] is a Hollow"),
        ({"deep": nested(171)}, "params is nested more than 170 levels deep"),
        ({"deep": nested(400)}, "params is nested more than 170 levels deep"),
    ],
)
def test_params_that_cannot_be_stored_are_named(kit: JobKit, params: dict[Any, Any], named: str) -> None:
    with pytest.raises(InvalidParamsError, match=named) as caught:
        kit.store.check([kit.new({"fine": 1}), kit.new(params)])
    assert TASK in str(caught.value)
    assert "nothing was queued" in str(caught.value)


def test_integers_of_64_bits_can_be_stored(kit: JobKit) -> None:
    params = {"most": 2**63 - 1, "least": -(2**63)}
    kit.store.check([kit.new(params)])
    assert kit.read(kit.queue(params=params)).params == params


def test_params_may_be_as_deep_as_is_allowed(kit: JobKit) -> None:
    params = {"deep": nested(169), "wide": [[n] for n in range(1000)]}
    kit.store.check([kit.new(params)])
    job_id = kit.queue(params=params)
    (claimed,) = kit.claim()
    assert claimed.params == params
    assert kit.settle(claimed, result=params).fate is Settled.WRITTEN
    assert kit.read(job_id).result == params


def test_params_over_the_limit_are_refused_before_they_are_sent(kit: JobKit) -> None:
    with pytest.raises(JobTooLargeError, match=r"params of tasks\.Fetch take 16,\d{3},\d{3} bytes"):
        kit.store.check([kit.new({"data": "x" * (16 * MIB - 1000)})])


def test_params_just_under_the_limit_can_be_queued_run_and_failed(kit: JobKit) -> None:
    job = kit.new({"data": "x" * (16 * MIB - 20_000)})
    kit.store.check([job])
    kit.store.insert([job])
    (claimed,) = kit.claim()
    kit.settle(claimed, Status.FAILED)
    assert kit.status(job.id) is Status.FAILED
