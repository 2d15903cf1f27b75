"""Jobs with keys: queued once, whatever goes wrong in between."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mrq.domain.jobkeys import KeyTerms
from mrq.domain.status import Status
from mrq.engine.enqueue import Enqueuer
from mrq.exceptions import InvalidParamsError
from mrq.ports.errors import StoreUnavailableError
from mrq.stores.memory import MemoryWakeups
from mrq.stores.memory_jobkeys import MemoryJobKeys
from unit.engine.kit import NOW, ManualClock, Moody

if TYPE_CHECKING:
    from mrq.domain.ids import JobId

PATH = "t.T"


class Keyed:
    """An enqueuer whose keys and jobs can both be away."""

    def __init__(self, store: Moody, clock: ManualClock) -> None:
        self.store = store
        self.clock = clock
        self.keys = Moody(MemoryJobKeys())  # type: ignore[arg-type]
        keys: Any = lambda: self.keys  # noqa: E731
        self.enqueuer = Enqueuer(store, MemoryWakeups(), clock, keys=keys, sleep=clock.pass_by)  # type: ignore[arg-type]

    def queue(self, *keys: str | None, ttl: float = 0, path: str = PATH, **options: Any) -> list[JobId]:
        params = [{"key": key} for key in keys]
        return self.enqueuer.enqueue(path, params, "q", terms=KeyTerms(keys, ttl), **options)

    def end(self, job: JobId, status: Status = Status.SUCCESS, **fields: Any) -> None:
        document = self.store.store._documents[job]
        document.update(status=status.value, dateupdated=self.clock.now(), **fields)

    @property
    def many(self) -> int:
        return len(self.store.store._documents)


@pytest.fixture
def keyed(store: Moody, clock: ManualClock) -> Keyed:
    return Keyed(store, clock)


def test_a_key_gives_the_same_job_again(keyed: Keyed) -> None:
    (job,) = keyed.queue("a")
    assert keyed.queue("a") == [job]
    assert keyed.many == 1


def test_keys_belong_to_their_tasks(keyed: Keyed) -> None:
    assert keyed.queue("a") != keyed.queue("a", path="t.Other")
    assert keyed.many == 2


def test_in_one_call_keys_may_be_missing_new_known_and_repeated(keyed: Keyed) -> None:
    (known,) = keyed.queue("known")
    ids = keyed.queue("new", None, "known", "new", None)
    assert ids[2] == known
    assert ids[0] == ids[3]
    assert len(set(ids)) == 4
    assert keyed.many == 4
    assert keyed.store.fetch(ids[0]).params == {"key": "new"}


def test_large_numbers_are_queued_in_batches(keyed: Keyed) -> None:
    names = [f"k{n % 40}" for n in range(100)]
    ids = keyed.queue(*names, batch_size=7)
    assert ids == [ids[names.index(name)] for name in names]
    assert keyed.many == 40


LIVE = [(Status.STARTED, {}), (Status.RETRY, {"dateretry": NOW}), (Status.INTERRUPT, {"dateretry": NOW})]


@pytest.mark.parametrize(("status", "fields"), LIVE)
def test_a_job_that_runs_or_will_run_again_keeps_its_key(keyed: Keyed, status: Status, fields: dict[str, Any]) -> None:
    (job,) = keyed.queue("a")
    keyed.end(job, status, **fields)
    assert keyed.queue("a") == [job]


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.QUEUED, Status.STARTED}), ids=str)
def test_a_job_that_has_ended_gives_its_key_to_a_new_one(keyed: Keyed, status: Status) -> None:
    (job,) = keyed.queue("a")
    keyed.end(job, status)
    (new,) = keyed.queue("a")
    assert new != job
    assert keyed.queue("a") == [new]
    assert keyed.store.fetch(new).status is Status.QUEUED
    assert keyed.many == 2


def test_for_a_while_after_its_end_a_key_still_means_its_job(keyed: Keyed) -> None:
    (job,) = keyed.queue("a")
    keyed.end(job)
    keyed.clock.pass_by(59)
    assert keyed.queue("a", ttl=60) == [job]
    keyed.clock.pass_by(1)
    assert keyed.queue("a", ttl=60) != [job]


def test_a_job_that_was_deleted_is_queued_anew(keyed: Keyed) -> None:
    (job,) = keyed.queue("a")
    keyed.store.remove_queue("q")
    (again,) = keyed.queue("a")
    assert keyed.store.fetch(again).status is Status.QUEUED
    assert again == job  # the key was never given to another


def test_a_producer_that_dies_between_key_and_insert_leaves_nothing_stuck(keyed: Keyed) -> None:
    keyed.store.away.add("insert")
    with pytest.raises(StoreUnavailableError):
        keyed.queue("a")
    assert keyed.many == 0
    keyed.store.away.clear()
    (job,) = keyed.queue("a")
    assert keyed.store.fetch(job).params == {"key": "a"}
    assert keyed.many == 1


@pytest.mark.parametrize("step", ["hold", "confirm", "standing", "insert", "pass_on"])
def test_an_answer_that_is_lost_at_any_step_queues_nothing_twice(keyed: Keyed, step: str) -> None:
    (ended,) = keyed.queue("ended")
    keyed.end(ended)
    (keyed.store if step in ("standing", "insert") else keyed.keys).lose.add(step)
    ids = keyed.queue("ended", "new", None)
    assert not keyed.store.lose
    assert not keyed.keys.lose
    assert keyed.many == 4
    assert keyed.queue("ended", "new") == ids[:2]


def test_a_key_that_a_fail_over_took_back_is_taken_anew(keyed: Keyed) -> None:
    keyed.queue("before")
    undone = False

    def undo(name: str, _args: tuple[Any, ...]) -> bool:
        nonlocal undone
        if name == "confirm" and not undone:
            undone = True
            keyed.keys.store._held.clear()  # type: ignore[attr-defined]
            other = keyed.enqueuer.jobs.new_id()
            keyed.keys.store.hold({f"{PATH}:a": other}, NOW)  # type: ignore[attr-defined]
        return False

    keyed.keys.fail = undo
    (job,) = keyed.queue("a")
    assert keyed.keys.store._held[f"{PATH}:a"] == job  # type: ignore[attr-defined]
    assert keyed.many == 2


def test_an_outage_is_waited_through_like_any_other(keyed: Keyed) -> None:
    keyed.queue("a")
    keyed.keys.away.add("hold")
    with pytest.raises(StoreUnavailableError):
        keyed.queue("b")
    assert 30 <= (keyed.clock.now() - NOW).total_seconds() < 40


def test_a_delayed_job_keeps_its_key_until_it_has_run(keyed: Keyed) -> None:
    due = NOW + timedelta(days=365)
    seen: list[Any] = []
    hold = keyed.keys.store.hold  # type: ignore[attr-defined]
    keyed.keys.store.hold = lambda wanted, expires: (seen.append(expires), hold(wanted, expires))[1]  # type: ignore[attr-defined]
    (job,) = keyed.queue("a", due=due)
    assert keyed.store.fetch(job).due == due
    assert seen[0] > due + timedelta(days=29)


@pytest.mark.parametrize("key", ["", 7, b"x", ("a", 1), "k" * 501])
def test_bad_keys_queue_nothing(keyed: Keyed, key: Any) -> None:
    with pytest.raises(InvalidParamsError, match="nothing was queued"):
        keyed.queue("fine", key)
    assert keyed.many == 0


def test_without_keys_the_collection_of_keys_is_not_touched(keyed: Keyed) -> None:
    keyed.enqueuer.enqueue(PATH, [{}], "q")
    keyed.queue(None)
    assert keyed.keys.calls == []
