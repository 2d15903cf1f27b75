"""RawQueues: memory and Redis do the same, whatever is done to them, and no payload gets lost.

As test_jobs_model does for jobs. The members of a set leave it in no order, so there whatever is taken or put back
is all that there is.
"""

from __future__ import annotations

import itertools
import secrets
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from contract.rawkit import KINDS, NOW
from mrq.domain.queuename import QueueType, parse_queue
from mrq.ports.raw import Held, Take
from mrq.stores.ids import new_id
from mrq.stores.memory_raw import MemoryRawQueues
from mrq.stores.redis_raw import RedisRawQueues

if TYPE_CHECKING:
    from collections.abc import Callable

    from mrq.domain.ids import WorkerId
    from mrq.ports.raw import RawQueues

LIMITS = settings(
    max_examples=20,
    stateful_step_count=30,
    deadline=None,
    print_blob=True,
    phases=[phase for phase in Phase if phase is not Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
ALL = 1000
SUBQUEUES = ["", "/x", "/y"]
PAYLOADS = st.lists(st.sampled_from([b"a", b"b", b"c", b"d", b"e e", b"\xff\n"]), min_size=1, max_size=4)
SCORES = st.integers(-5, 5)


class RawMachine(RuleBasedStateMachine):
    """Two stores with one root, and two workers that take from it."""

    def __init__(self, redis: RedisRawQueues, root: str) -> None:
        super().__init__()
        self.memory, self.redis, self.root = MemoryRawQueues(), redis, root
        self.type = parse_queue(root).type
        self.is_set = self.type is QueueType.SET
        self.is_scored = self.type in (QueueType.SORTED_SET, QueueType.TIMED_SET)
        self.queues = [root + subqueue for subqueue in SUBQUEUES]
        self.workers = [new_id(), new_id()]
        self.numbers = itertools.count(1)
        self.takes: list[Take] = []
        self.balance: Counter[bytes] = Counter()  # what came, without what was removed and let go
        self.now = NOW

    def both(self, ask: Callable[[RawQueues], Any]) -> Any:
        """Do it to both; their answer, which must be the same."""
        in_memory, in_redis = ask(self.memory), ask(self.redis)
        assert in_memory == in_redis
        return in_memory

    def held_by(self, worker: WorkerId) -> list[Held]:
        """What a worker holds. Which member of a set has which id is left to chance."""

        def ask(raw: RawQueues) -> list[Held]:
            held = in_hands(raw, self.root, worker)
            if not self.is_set:
                return held
            ids, rest = sorted(h.id for h in held), sorted(held, key=lambda h: (h.queue, h.payload))
            return [Held(i, h.queue, h.payload, h.losses, h.score) for i, h in zip(ids, rest, strict=True)]

        found: list[Held] = self.both(ask)
        return found

    # ---- what happens

    @initialize()
    def begin(self) -> None:
        self.both(lambda raw: raw.serve(self.root))
        self.enqueue(0, [b"a", b"b", b"c"], [0, 1, 2])

    @rule(queue=st.integers(0, 2), payloads=PAYLOADS, scores=st.lists(SCORES, min_size=4, max_size=4))
    def enqueue(self, queue: int, payloads: list[bytes], scores: list[int]) -> None:
        name = parse_queue(self.queues[queue])
        if self.is_scored:
            mapping = {payload: self.now + score for payload, score in zip(payloads, scores, strict=False)}
            self.both(lambda raw: raw.enqueue(name, mapping))
        else:
            self.both(lambda raw: raw.enqueue(name, payloads))
        self.balance.update(payloads)

    @rule(
        order=st.permutations([0, 1, 2]), count=st.integers(1, 3), limit=st.integers(1, 4), worker=st.integers(0, 1),
        reverse=st.booleans(), unstored=st.booleans(), pushback=st.sampled_from([0, 0, 7]),
    )  # fmt: skip
    def take(
        self, order: list[int], count: int, limit: int, worker: int, reverse: bool, unstored: bool, pushback: int
    ) -> None:
        wanted = ALL // 20 if self.is_set else limit
        take = Take(
            self.root, self.type, reverse, [self.queues[place] for place in order[:count]], self.workers[worker],
            next(self.numbers), [new_id() for _ in range(wanted)], self.now,
            pushback if self.type is QueueType.TIMED_SET else 0, unstored,
        )  # fmt: skip
        self.ask_for(take)
        self.takes.append(take)

    def ask_for(self, take: Take) -> None:
        """Take, in an order that doesn't depend on chance."""
        if self.is_set:
            self.both(lambda raw: sorted((h.queue, h.payload, h.losses) for h in raw.take(take)))
        else:
            held = self.both(lambda raw: raw.take(take))
            assert self.type is not QueueType.TIMED_SET or all(h.score <= take.now for h in held)

    @rule(data=st.data())
    def take_again(self, data: Any) -> None:
        """The answer to the last take of a worker was lost, so it is asked again: it gives nothing more."""
        if not self.takes:
            return
        worker = data.draw(st.sampled_from(self.workers))
        mine = [take for take in self.takes if take.worker == worker]
        if mine and self.both(lambda raw: worker in raw.holders(self.root)):
            before = self.both(lambda raw: [raw.size(parse_queue(queue)) for queue in self.queues])
            # a take that found nothing isn't remembered and may find something now
            if any(h.id in mine[-1].ids for h in self.held_by(worker)):
                self.ask_for(mine[-1])
                assert self.both(lambda raw: [raw.size(parse_queue(queue)) for queue in self.queues]) == before

    @rule(worker=st.integers(0, 1), data=st.data())
    def let_go(self, worker: int, data: Any) -> None:
        """Some jobs are stored, or done."""
        held = self.held_by(self.workers[worker])
        some = self.some_of(held, data)
        ids = [h.id for h in some]
        held_still = self.both(lambda raw: [h.id for h in raw.held(self.root, self.workers[worker], ids)])
        assert held_still == ids
        taken = self.both(lambda raw: raw.done(self.root, self.workers[worker], ids))
        assert taken == set()
        self.balance.subtract(h.payload for h in some)
        assert self.both(lambda raw: raw.done(self.root, self.workers[worker], ids)) == set()

    @rule(worker=st.integers(0, 1), data=st.data(), died=st.booleans())
    def put_back(self, worker: int, data: Any, died: bool) -> None:
        """A worker hands back some of what it holds, or is dead."""
        self.give_back(worker, self.some_of(self.held_by(self.workers[worker]), data), died)

    @rule(
        worker=st.integers(0, 1), queue=st.integers(0, 2), limit=st.integers(2, 4), reverse=st.booleans(),
        anew=st.sampled_from([None, b"a", b"b"]), died=st.booleans(),
    )  # fmt: skip
    def take_and_put_back(
        self, worker: int, queue: int, limit: int, reverse: bool, anew: bytes | None, died: bool
    ) -> None:
        """A worker takes and dies; meanwhile somebody may have queued the same once more."""
        order = [queue, *(place for place in range(3) if place != queue)]
        self.take(order, 2, limit, worker, reverse, died, 0)
        self.nothing_is_lost()
        if anew:
            self.enqueue(queue, [anew], [4])
        self.give_back(worker, self.held_by(self.workers[worker]), died)

    def give_back(self, worker: int, held: list[Held], died: bool) -> None:
        """Put back what a worker holds; if it lives after all, it hears what is no longer its own."""
        me, ids = self.workers[worker], {h.id for h in held}

        def put(raw: RawQueues) -> int:
            queues = {h.id: h.queue for h in in_hands(raw, self.root, me) if h.id in ids}
            return raw.put_back(self.root, me, queues, ids if died else set())

        assert self.both(put) == len(ids)
        assert self.both(put) == 0
        assert self.both(lambda raw: raw.done(self.root, me, ids)) == ids

    def some_of(self, held: list[Held], data: Any) -> list[Held]:
        """Some of what is held; of a set, all."""
        if self.is_set or not held:
            return held
        return data.draw(st.lists(st.sampled_from(held), unique_by=lambda h: h.id, min_size=1))  # type: ignore[no-any-return]

    @rule(worker=st.integers(0, 1))
    def leave(self, worker: int) -> None:
        self.both(lambda raw: raw.leave(self.root, self.workers[worker]))

    @rule(queue=st.integers(0, 2), payloads=PAYLOADS)
    def remove(self, queue: int, payloads: list[bytes]) -> None:
        name = parse_queue(self.queues[queue])
        before = self.waiting(self.queues[queue])
        removed = self.both(lambda raw: raw.remove(name, payloads))
        gone = Counter(before) - Counter(self.waiting(self.queues[queue]))
        assert removed == gone.total()
        self.balance.subtract(gone)

    @rule(queue=st.sampled_from(["", "/x", "/"]))
    def empty(self, queue: str) -> None:
        before = Counter(itertools.chain(*map(self.waiting, self.queues)))
        self.both(lambda raw: raw.empty(parse_queue(self.root + queue)))
        self.balance.subtract(before - Counter(itertools.chain(*map(self.waiting, self.queues))))

    @rule(seconds=st.integers(1, 8))
    def pass_time(self, seconds: int) -> None:
        self.now += seconds

    # ---- what must always hold

    def waiting(self, queue: str) -> list[bytes]:
        """All that waits in a queue; in the alphabet's order for a set."""

        def ask(raw: RawQueues) -> list[bytes]:
            found = raw.waiting(parse_queue(queue), 0, ALL)
            return sorted(found) if self.is_set else found

        found: list[bytes] = self.both(ask)
        return found

    @invariant()
    def nothing_is_lost(self) -> None:
        waiting = Counter(itertools.chain(*map(self.waiting, self.queues)))
        held = Counter(h.payload for worker in self.workers for h in self.held_by(worker))
        if self.type is QueueType.RAW:
            assert waiting + held == +self.balance
        self.both(lambda raw: raw.subqueues(self.root))
        for queue in [*self.queues, f"{self.root}/"]:
            name = parse_queue(queue)
            self.both(lambda raw, name=name: (raw.size(name), raw.count_due(name, self.now)))
        known = self.both(lambda raw: raw.subqueues(self.root))
        assert known == {queue for queue in self.queues[1:] if self.waiting(queue)}
        assert self.both(lambda raw: raw.holders(self.root)) <= set(self.workers)


def in_hands(raw: RawQueues, root: str, worker: WorkerId) -> list[Held]:
    """What a worker holds, in the order in which it was taken."""
    return raw.held(root, worker, raw.held_ids(root, worker))


@pytest.mark.parametrize("root", KINDS)
def test_memory_and_redis_agree_in_every_history(redis_client: Any, redis_prefix: str, root: str) -> None:
    def machine() -> RawMachine:
        return RawMachine(RedisRawQueues(redis_client, f"{redis_prefix}{secrets.token_hex(4)}"), root)

    run_machine(machine, settings=LIMITS)
