"""JobStore: the memory store and MongoDB do the same, whatever is done to them, and neither breaks a rule.

Hypothesis makes up histories: jobs are queued, claimed, settled, lost with their worker, rescued, brought back,
cancelled, requeued. After each step both stores must hold the very same documents and have given the same answer.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from contract.kit import NOW
from mrq.domain.change import JobChange, Settlement, change_for, loss_of
from mrq.domain.job import ClaimedJob, NewJob
from mrq.domain.options import TaskOptions
from mrq.domain.outcome import Failure, Outcome
from mrq.domain.queuename import parse_queue
from mrq.domain.status import Status, may_move
from mrq.ports.jobs import Claim, Settled
from mrq.stores.ids import new_id
from mrq.stores.memory import MemoryJobStore
from mrq.stores.mongo_jobs import MongoJobStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mrq.domain.ids import JobId
    from mrq.ports.jobs import JobStore, SettleResult

LIMITS = settings(
    max_examples=30,
    stateful_step_count=30,
    deadline=None,
    phases=[phase for phase in Phase if phase is not Phase.shrink],  # that takes minutes; add it when one fails
    print_blob=True,
    suppress_health_check=list(HealthCheck),  # of them, those about speed: each step talks to a server
)
ALL = 1000  # a limit that none of these histories reaches
OPTIONS = TaskOptions(default_ttl=1000, result_ttl=100, abort_ttl=50)

QUEUES = ["a", "r/x", "r/x/deep", "r/y", "ra"]
ASKED = [*QUEUES, "r/"]
PATHS = ["tasks.One", "tasks.Two"]
SECONDS = st.integers(0, 20)

ENDINGS = [
    Outcome(Status.SUCCESS, result={"n": 1}),
    Outcome(Status.SUCCESS),
    Outcome(Status.SUCCESS, result=object()),  # which no store can hold
    Outcome(Status.FAILED, failure=Failure("ValueError", "Traceback ...", "Traceback of the cause ...")),
    Outcome(Status.ABORT, failure=Failure("AbortInterrupt", "Traceback ...")),
    Outcome(Status.TIMEOUT, failure=Failure("TimeoutInterrupt", "Traceback ...")),
    Outcome(Status.MAXRETRIES, failure=Failure("MaxRetriesInterrupt", "Traceback ...")),
    Outcome(Status.MAXCONCURRENCY, failure=Failure("MaxConcurrencyInterrupt", "Traceback ...")),
    Outcome(Status.RETRY, failure=Failure("RetryInterrupt", "Traceback ..."), delay=5, retry_count=1),
    Outcome(Status.RETRY, failure=Failure("RetryInterrupt", "Traceback ..."), delay=9, queue="a", retry_count=2),
    Outcome(Status.INTERRUPT, failure=Failure("JobInterrupt", "Traceback ..."), delay=3),
    Outcome(Status.INTERRUPT),
    Outcome(Status.QUEUED, queue="r/y", retry_count=1),
    Outcome(Status.QUEUED, at_front=True),
]


def few(values: list[str]) -> st.SearchStrategy[set[str]]:
    """None of them, more often than one."""
    return st.just(set[str]()) | st.just(set[str]()) | st.sampled_from(values).map(lambda value: {value})


class JobsMachine(RuleBasedStateMachine):
    """Two stores and what has been done to both. Times are steps of seconds from NOW on."""

    jobs = Bundle("jobs")
    runs = Bundle("runs")  # claims, those that are over included: their workers may come back

    def __init__(self, mongo: MongoJobStore) -> None:
        super().__init__()
        mongo._jobs.delete_many({})
        self.memory = MemoryJobStore()
        self.mongo = mongo
        self.now = NOW
        self.workers = [new_id() for _ in range(2)]
        self.before: dict[JobId, dict[str, Any]] = {}
        self.expected: set[JobId] = set()
        self.paused: set[str] = set()
        self.settled: list[Settlement] = []

    def both(self, ask: Callable[[JobStore], Any]) -> Any:
        """Do it to both; their answer, which must be the same."""
        in_memory, in_mongodb = ask(self.memory), ask(self.mongo)
        assert in_memory == in_mongodb
        return in_memory

    def after(self, seconds: float) -> datetime:
        """A time so much later than now."""
        return self.now + timedelta(seconds=seconds)

    # ---- what happens

    @initialize(target=jobs, queues=st.lists(st.sampled_from(QUEUES), min_size=3, max_size=6))
    def begin(self, queues: list[str]) -> Any:
        return multiple(*(self.enqueue(queue, PATHS[0], 0, None) for queue in queues))

    @rule(
        target=jobs, queue=st.sampled_from(QUEUES), path=st.sampled_from(PATHS), placed=SECONDS,
        due=st.none() | SECONDS,
    )  # fmt: skip
    def enqueue(self, queue: str, path: str, placed: int, due: int | None) -> JobId:
        place = self.after(placed - 15 if due is None else due)
        job = NewJob(new_id(), path, {"n": placed}, queue, place, None if due is None else place)
        self.both(lambda store: store.insert([job]))
        self.expected.add(job.id)
        return job.id

    @rule(job=jobs)
    def enqueue_again(self, job: JobId) -> None:
        """A producer that never got its answer repeats itself."""
        if job in self.expected:
            self.both(lambda store: store.insert([NewJob(job, "tasks.Other", {}, "a", self.now)]))

    @rule(
        target=runs, queue=st.sampled_from(["a", "a_reverse", "r/x", "r/x/deep"]), limit=st.integers(0, 4),
        worker=st.integers(0, 1), only=few(PATHS), never=few(PATHS),
    )  # fmt: skip
    def claim(self, queue: str, limit: int, worker: int, only: set[str], never: set[str]) -> Any:
        return self.take(queue, limit, worker, None, only, never)

    @rule(
        target=runs, queue=st.sampled_from(["r/", "r/_reverse"]), limit=st.integers(1, 4), worker=st.integers(0, 1),
        after=st.none() | st.none() | st.sampled_from(QUEUES),
    )  # fmt: skip
    def claim_from_a_root(self, queue: str, limit: int, worker: int, after: str | None) -> Any:
        return self.take(queue, limit, worker, after, set(), set())

    def take(self, queue: str, limit: int, worker: int, after: str | None, only: set[str], never: set[str]) -> Any:
        """Claim, and check that nothing was claimed that may not be."""
        name = parse_queue(queue)
        claim = Claim(
            name, limit, self.workers[worker], new_id(), self.now, frozenset(only), frozenset(never),
            frozenset(self.paused), after,
        )  # fmt: skip
        claimed: list[ClaimedJob] = self.both(lambda store: store.claim(claim))
        assert len(claimed) <= limit
        for job in claimed:
            document = self.before[job.id]
            assert document["status"] == Status.QUEUED, "it is held by another claim, or ended"
            assert document.get("datedue", self.now) <= self.now
            assert not only or job.path in only
            assert job.path not in never
            assert is_in(job.queue, name.id)
            assert not name.serves_subqueues or job.queue not in self.paused
        again = self.both(lambda store: store.claimed_under(claim.worker, claim.token))
        assert {job.id for job in again} == {job.id for job in claimed}
        return multiple(*claimed)

    @rule(queue=st.sampled_from(["r/x", "r/y"]))
    def pause_or_resume(self, queue: str) -> None:
        self.paused ^= {queue}

    @rule(run=runs)
    def mark_alone(self, run: ClaimedJob) -> None:
        self.both(lambda store: store.mark_alone(run.id, run.token))

    @rule(run=runs, ratio=st.sampled_from([0.0, 0.5, 1.0]))
    def tell_progress(self, run: ClaimedJob, ratio: float) -> None:
        self.both(lambda store: store.set_progress(run.id, run.token, ratio))

    @rule(
        ended=st.lists(st.tuples(runs, st.sampled_from(ENDINGS)), min_size=1, max_size=3, unique_by=lambda x: x[0].id),
        shows_progress=st.booleans(), concern=st.sampled_from([None, None, 1]),
    )  # fmt: skip
    def settle(self, ended: list[tuple[ClaimedJob, Outcome]], shows_progress: bool, concern: int | None) -> None:
        """A worker writes how runs ended: of its own, or of runs that were taken from it meanwhile."""
        self.write(
            [
                Settlement(
                    run.id,
                    run.token,
                    change_for(run, outcome, OPTIONS, self.now, self.workers[0], shows_progress=shows_progress),
                    concern,
                )
                for run, outcome in ended
            ]
        )

    @rule()
    def settle_again(self) -> None:
        """The answer to the last write was lost, so it is repeated."""
        if self.settled:
            self.write(self.settled)

    @rule(worker=st.integers(0, 1), max_losses=st.integers(1, 3), knows=st.booleans())
    def rescue(self, worker: int, max_losses: int, knows: bool) -> None:
        """A worker died; its jobs are taken from it. With `knows`, none of them had begun to run."""
        me = self.workers[worker]
        held: list[ClaimedJob] = self.both(lambda store: sorted(store.started_by(me, ALL), key=lambda job: job.id))
        losses = [
            Settlement(
                job.id,
                job.token,
                loss_of(job, was_running=not knows, max_losses=max_losses, ttl=1000, now=self.now, worker=me),
            )
            for job in held
        ]
        results = self.write(losses)
        assert all(result.fate is Settled.WRITTEN for result in results)
        assert self.both(lambda store: store.started_by(me, ALL)) == []

    @rule(run=runs, ending=st.sampled_from(ENDINGS))
    def come_back(self, run: ClaimedJob, ending: Outcome) -> None:
        """A worker was thought dead, its jobs are with another one, and now it writes how a run ended."""
        for worker in (0, 1):
            self.rescue(worker, 9, False)
            self.both_hold_the_same_and_every_move_was_allowed()
        self.take("r/" if run.queue.startswith("r/") else run.queue, ALL, 1, None, set(), set())
        self.both_hold_the_same_and_every_move_was_allowed()
        self.settle([(run, ending)], False, None)

    def write(self, settlements: list[Settlement]) -> list[SettleResult]:
        """Settle, and check that only those are written who may."""
        results: list[SettleResult] = self.both(lambda store: store.settle(settlements))
        for settlement, result in zip(settlements, results, strict=True):
            document = self.before.get(settlement.id, {})
            held = document.get("status") == Status.STARTED and document["claim"] == settlement.token
            if held and not has_odd_result(settlement.change):
                assert result.fate is Settled.WRITTEN
            elif not held and result.fate is Settled.WRITTEN:  # then by an earlier try
                assert document["claim"] == settlement.token
                assert document["status"] == settlement.change.status
        self.settled = settlements or self.settled
        return results

    @rule()
    def bring_back(self) -> None:
        self.both(lambda store: store.bring_back(self.now, ALL))

    @rule(job=jobs)
    def cancel(self, job: JobId) -> None:
        self.both(lambda store: store.move(job, Status.CANCEL, self.now, {"dateexpires": self.after(50)}))

    @rule(job=jobs, queue=st.none() | st.sampled_from(QUEUES))
    def requeue(self, job: JobId, queue: str | None) -> None:
        fields = {"queue": queue, "datequeued": self.now, "retry_count": 0}
        self.both(lambda store: store.move(job, Status.QUEUED, self.now, fields))

    @rule(queue=st.sampled_from(["ra", "r/x/deep"]))
    def remove_queue(self, queue: str) -> None:
        gone = {job for job, document in self.before.items() if is_in(document["queue"], queue)}
        assert self.both(lambda store: store.remove_queue(queue)) == len(gone)
        self.expected -= gone

    @rule(seconds=st.integers(1, 10))
    def pass_time(self, seconds: int) -> None:
        self.now = self.after(seconds)

    # ---- what is asked

    @rule(queue=st.sampled_from(ASKED), statuses=st.sets(st.sampled_from(Status)), status=st.sampled_from(Status))
    def ask(self, queue: str, statuses: set[Status], status: Status) -> None:
        documents = self.before.values()
        counted = self.both(lambda store: store.count(queue, frozenset(statuses)))
        assert counted == sum(is_in(d["queue"], queue) and d["status"] in statuses for d in documents)
        due = self.both(lambda store: store.count_due(queue, self.now))
        assert due == sum(
            is_in(d["queue"], queue) and d["status"] == Status.QUEUED and d.get("datedue", self.now) <= self.now
            for d in documents
        )
        by_queue = self.both(lambda store: store.count_by_queue(status))
        assert sum(by_queue.values()) == sum(d["status"] == status for d in documents)
        self.both(lambda store: store.subqueues(queue.split("/", maxsplit=1)[0]))
        self.both(lambda store: store.workers_of_started())

    @rule(queue=st.sampled_from(ASKED), status=st.sampled_from(Status), skip=st.integers(0, 3), limit=st.integers(1, 5))
    def list_ids(self, queue: str, status: Status, skip: int, limit: int) -> None:
        page = self.both(lambda store: store.list_ids(queue, status, skip, limit))
        whole = self.both(lambda store: store.list_ids(queue, status, 0, ALL))
        assert page == whole[skip : skip + limit]

    # ---- what must always hold

    @invariant()
    def both_hold_the_same_and_every_move_was_allowed(self) -> None:
        in_memory = {document["_id"]: document for document in self.memory.documents()}
        in_mongodb = {document["_id"]: document for document in self.mongo._jobs.find()}
        assert in_memory == in_mongodb
        assert in_mongodb.keys() == self.expected, "jobs are lost, or have come from nowhere"
        for job, document in in_mongodb.items():
            old, new = Status(self.before.get(job, document)["status"]), Status(document["status"])
            assert new is old or may_move(old, new)
            assert new is not Status.STARTED or {"worker", "claim", "datestarted"} <= document.keys()
            assert new is not Status.QUEUED or "dateexpires" not in document, "it could expire before it runs"
        self.before = in_mongodb


def is_in(queue: str, wanted: str) -> bool:
    """Whether a queue is the wanted one, or one of its subqueues."""
    return queue.startswith(wanted) if wanted.endswith("/") else queue == wanted


def has_odd_result(change: JobChange) -> bool:
    """Whether a change holds what can't be stored."""
    return type(change.result) is object


def test_memory_and_mongodb_agree_in_every_history(database: Any) -> None:
    store = MongoJobStore(database)
    store.ensure_indexes()
    run_machine(lambda: JobsMachine(store), settings=LIMITS)
