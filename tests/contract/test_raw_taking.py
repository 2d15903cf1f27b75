"""Raw queues, for workers: a payload is in its queue or in somebody's hands, never nowhere."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from contract.rawkit import KINDS, LIST, NOW, SET, SORTED, TIMED, RawKit
from mrq.domain.queuename import parse_queue
from mrq.stores.ids import new_id

if TYPE_CHECKING:
    from mrq.ports.raw import Held, RawQueues


@pytest.fixture
def kit(raw: RawQueues) -> RawKit:
    return RawKit(raw)


def payloads(held: list[Held]) -> list[bytes]:
    return [each.payload for each in held]


# ---- order


@pytest.mark.parametrize("queue", [LIST, SORTED, TIMED])
def test_payloads_leave_in_the_order_of_the_queue(kit: RawKit, queue: str) -> None:
    kit.fill(queue, b"a", b"b", b"c", b"d")
    assert payloads(kit.take(queue, 2)) == [b"a", b"b"]
    assert payloads(kit.take(f"{queue}_reverse", 1)) == [b"d"]
    assert payloads(kit.take(queue, 9)) == [b"c"]
    assert kit.take(queue) == []


def test_payloads_of_a_set_leave_in_any_order(kit: RawKit) -> None:
    kit.fill(SET, *[b"%d" % n for n in range(50)])
    first = payloads(kit.take(SET, 20))
    assert len(set(first)) == 20
    assert set(first) | set(payloads(kit.take(f"{SET}_reverse", 99))) == {b"%d" % n for n in range(50)}


def test_payloads_of_a_timed_set_leave_once_they_are_due(kit: RawKit) -> None:
    kit.fill(TIMED, b"a", b"b", b"c", first=NOW - 1)
    assert [(h.payload, h.score) for h in kit.take(TIMED)] == [(b"a", NOW - 1), (b"b", NOW)]
    assert kit.take(TIMED) == []
    assert payloads(kit.take(TIMED, now=NOW + 1)) == [b"c"]


def test_a_take_knows_queue_and_id(kit: RawKit) -> None:
    kit.fill(LIST, b"a", b"b")
    wish = kit.wish(LIST, 5)
    assert [(h.id, h.queue, h.losses) for h in kit.raw.take(wish)] == [(i, LIST, 0) for i in wish.ids[:2]]


@pytest.mark.parametrize("queue", KINDS)
def test_a_large_take(kit: RawKit, queue: str) -> None:
    kit.fill(queue, *[b"%05d" % n for n in range(1500)])
    assert len(kit.take(queue, 1000)) == 1000
    assert len(kit.held(queue)) == 1000
    assert kit.size(queue) == 500


# ---- in the worker's hands


@pytest.mark.parametrize("queue", KINDS)
def test_what_is_taken_is_held_until_it_is_done(kit: RawKit, queue: str) -> None:
    kit.fill(queue, b"a", b"b", b"c")
    assert kit.raw.holders(queue) == set()
    took = kit.take(queue)
    assert kit.size(queue) == 0
    assert sorted(kit.held(queue)) == [b"a", b"b", b"c"]
    assert kit.raw.holders(queue) == {kit.worker}
    ids = [h.id for h in took]
    assert kit.raw.held(queue, kit.worker, [*ids, new_id()]) == took
    assert kit.raw.held(queue, new_id(), ids) == []
    assert kit.raw.held(queue, kit.worker, []) == []
    assert kit.raw.done(queue, kit.worker, ids[:2]) == set()
    assert kit.held(queue) == [took[2].payload]
    assert kit.raw.done(queue, kit.worker, ids) == set(), "some were let go before: nothing is wrong with that"
    assert kit.held(queue) == []


@pytest.mark.parametrize("queue", KINDS)
def test_a_repeated_take_gives_what_the_first_one_gave(kit: RawKit, queue: str) -> None:
    kit.fill(queue, b"a", b"b", b"c", b"d")
    wish = kit.wish(queue, 2)
    first = kit.raw.take(wish)
    assert kit.raw.take(wish) == first
    assert len(first) == 2
    assert kit.size(queue) == 2
    kit.raw.done(queue, kit.worker, [first[0].id])
    assert kit.raw.take(wish) == first[1:], "what is done doesn't come again"
    kit.take(queue, 1)
    assert kit.raw.take(wish) == first[1:], "nor does a repeat that comes late take anything new"
    assert kit.size(queue) == 1


def test_takes_of_one_worker_from_several_roots_are_apart(kit: RawKit) -> None:
    kit.fill(LIST, b"a")
    kit.fill("b_raw", b"b")
    assert payloads(kit.take(LIST, number=7)) == [b"a"]
    assert payloads(kit.take("b_raw", number=1)) == [b"b"]
    assert kit.held(LIST) == [b"a"]
    assert kit.held("b_raw") == [b"b"]


@pytest.mark.parametrize("queue", KINDS)
def test_takers_never_get_the_same_payload(kit: RawKit, queue: str) -> None:
    everything = [b"%04d" % n for n in range(1000)]
    kit.fill(queue, *everything)
    got: list[bytes] = []

    def worker() -> None:
        me = RawKit(kit.raw)
        while took := me.take(queue, 7):
            got.extend(payloads(took))

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(got) == everything


# ---- back


@pytest.mark.parametrize("queue", KINDS)
def test_what_is_put_back_is_where_it_was(kit: RawKit, queue: str) -> None:
    kit.fill(queue, b"a", b"b", b"c", b"d")
    before = kit.waiting(queue)
    took = kit.take(queue, 3)
    assert kit.put_back(took[::-1]) == 3
    assert kit.waiting(queue) == before
    assert kit.held(queue) == []
    assert kit.put_back(took) == 0, "what is not held is passed over"
    assert kit.waiting(queue) == before


@pytest.mark.parametrize("queue", [LIST, SORTED, TIMED])
def test_what_a_reverse_queue_puts_back_is_where_it_was(kit: RawKit, queue: str) -> None:
    kit.fill(queue, b"a", b"b", b"c", b"d")
    kit.put_back(kit.take(f"{queue}_reverse", 2))
    assert kit.waiting(queue) == [b"a", b"b", b"c", b"d"]


def test_a_great_many_are_put_back_in_order(kit: RawKit) -> None:
    everything = [b"%04d" % n for n in range(1000)]
    kit.fill(LIST, *everything)
    kit.put_back(kit.take(LIST, 1000))
    assert kit.waiting(LIST) == everything


def test_scores_come_back_as_they_were(kit: RawKit) -> None:
    kit.fill(SORTED, b"a", first=0.1 + 0.2)
    kit.put_back(kit.take(SORTED))
    assert kit.take(SORTED)[0].score == 0.1 + 0.2


@pytest.mark.parametrize("queue", [SORTED, TIMED])
def test_a_member_that_was_queued_anew_meanwhile_keeps_its_new_score(kit: RawKit, queue: str) -> None:
    kit.fill(queue, b"a", first=1)
    took = kit.take(queue)
    kit.fill(queue, b"a", first=5)
    kit.put_back(took)
    assert [h.score for h in kit.take(queue)] == [5]


@pytest.mark.parametrize("queue", KINDS)
def test_the_worker_learns_what_was_put_back_by_others(kit: RawKit, queue: str) -> None:
    kit.fill(queue, b"a", b"b", b"c")
    took = kit.take(queue)
    RawKit(kit.raw).put_back(took[:1], worker=kit.worker)
    assert kit.raw.done(queue, kit.worker, [h.id for h in took]) == {took[0].id}
    assert kit.raw.done(queue, kit.worker, [h.id for h in took]) == {took[0].id}
    assert kit.waiting(queue) == [took[0].payload]


def test_a_worker_that_holds_nothing_can_leave(kit: RawKit) -> None:
    kit.fill(LIST, b"a")
    took = kit.take(LIST)
    kit.raw.leave(LIST, kit.worker)
    assert kit.raw.holders(LIST) == {kit.worker}
    kit.put_back(took)
    kit.raw.leave(LIST, kit.worker)
    assert kit.raw.holders(LIST) == set()
    kit.raw.leave(LIST, new_id())


def test_what_a_worker_holds_is_told_in_the_order_in_which_it_was_taken(kit: RawKit) -> None:
    kit.fill(LIST, *[b"%04d" % n for n in range(1000)])
    took = kit.take(LIST, 1000)
    assert kit.raw.held_ids(LIST, kit.worker) == [h.id for h in took]
    assert kit.raw.held(LIST, kit.worker, [h.id for h in took]) == took
    assert kit.raw.held_ids(LIST, new_id()) == []


# ---- losses


@pytest.mark.parametrize("queue", KINDS)
def test_losses_count_for_what_runs_without_being_stored(kit: RawKit, queue: str) -> None:
    kit.fill(queue, b"a", b"b")
    for losses in range(3):
        took = kit.take(queue, unstored=True)
        found = {h.payload: h for h in took}
        assert found[b"a"].losses == losses
        assert found[b"b"].losses == 0
        kit.put_back(took, lost=[found[b"a"].id])
    took = kit.take(queue, unstored=True)
    assert max(h.losses for h in took) == 3
    kit.raw.done(queue, kit.worker, [h.id for h in took])
    kit.fill(queue, b"a")
    assert kit.take(queue)[0].losses == 0, "what is done leaves no trace"


def test_what_would_have_been_stored_before_it_ran_has_no_losses(kit: RawKit) -> None:
    kit.fill(LIST, b"a")
    took = kit.take(LIST)
    kit.put_back(took, lost=[took[0].id])
    assert kit.take(LIST)[0].losses == 0


def test_losses_survive_being_handed_back(kit: RawKit) -> None:
    kit.fill(LIST, b"a")
    took = kit.take(LIST, unstored=True)
    kit.put_back(took, lost=[took[0].id])
    kit.put_back(kit.take(LIST, unstored=True))
    assert kit.take(LIST)[0].losses == 1


# ---- pushing back


def test_members_that_are_pushed_back_stay_and_are_held(kit: RawKit) -> None:
    kit.fill(TIMED, b"a", b"b", first=NOW)
    took = kit.take(TIMED, pushback=60)
    assert [(h.payload, h.score) for h in took] == [(b"a", NOW)]
    assert kit.size(TIMED) == 2
    assert kit.held(TIMED) == [b"a"]
    assert kit.take(TIMED) == []
    assert payloads(kit.take(TIMED, now=NOW + 59)) == [b"b"]
    assert payloads(kit.take(TIMED, now=NOW + 60)) == [b"a"]


def test_a_pushed_back_member_gets_its_score_back_when_its_worker_dies(kit: RawKit) -> None:
    kit.fill(TIMED, b"a", first=NOW - 5)
    took = kit.take(TIMED, pushback=60)
    kit.put_back(took)
    assert [(h.payload, h.score) for h in kit.take(TIMED)] == [(b"a", NOW - 5)]


def test_a_pushed_back_member_that_was_moved_or_removed_meanwhile_is_left_alone(kit: RawKit) -> None:
    kit.fill(TIMED, b"moved", b"removed", first=NOW - 5)
    took = kit.take(TIMED, pushback=60)
    kit.fill(TIMED, b"moved", first=NOW + 7)
    kit.raw.remove(parse_queue(TIMED), [b"removed"])
    kit.put_back(took)
    assert kit.waiting(TIMED) == [b"moved"]
    assert kit.take(TIMED) == []
    assert [h.score for h in kit.take(TIMED, now=NOW + 7)] == [NOW + 7]


# ---- subqueues


@pytest.mark.parametrize("root", KINDS)
def test_one_take_asks_several_subqueues_in_order(kit: RawKit, root: str) -> None:
    names = [f"{root}/{n}" for n in "xyz"]
    for name in names:
        kit.fill(name, name[-1:].encode() + b"1", name[-1:].encode() + b"2")
    took = kit.take(f"{root}/", 3, queues=[*names[:2], f"{root}/nothing", names[2]])
    assert [h.queue for h in took] == [names[0], names[0], names[1]]
    assert kit.raw.subqueues(root) == set(names[1:])
    assert kit.size(f"{root}/") == 3
    assert len(kit.held(root)) == 3


@pytest.mark.parametrize("root", KINDS)
def test_an_empty_subqueue_is_forgotten_and_comes_back_with_what_is_put_back(kit: RawKit, root: str) -> None:
    kit.fill(f"{root}/x", b"a")
    took = kit.take(f"{root}/x")
    assert kit.raw.subqueues(root) == set()
    kit.put_back(took)
    assert kit.raw.subqueues(root) == {f"{root}/x"}
    assert kit.waiting(f"{root}/x") == [b"a"]


def test_a_subqueue_with_nothing_due_stays_known(kit: RawKit) -> None:
    kit.fill(f"{TIMED}/x", b"a", first=NOW + 1)
    assert kit.take(f"{TIMED}/x") == []
    assert kit.raw.subqueues(TIMED) == {f"{TIMED}/x"}


@pytest.mark.parametrize("root", [LIST, SET])
def test_no_payload_is_stranded_in_a_subqueue_that_was_forgotten(kit: RawKit, root: str) -> None:
    """Producers add while takers drain: whatever waits is in a known subqueue."""
    name, sent = parse_queue(f"{root}/x"), 300
    got: list[bytes] = []
    done = threading.Event()

    def drain() -> None:
        me = RawKit(kit.raw)
        while True:
            all_sent = done.is_set()  # asked before looking: what comes in between is seen by the next look
            if kit.raw.subqueues(root):
                got.extend(payloads(me.take(name.id, 3)))
            elif all_sent:
                return

    takers = [threading.Thread(target=drain) for _ in range(2)]
    for taker in takers:
        taker.start()
    for number in range(sent):
        kit.raw.enqueue(name, [b"%d" % number])
    done.set()
    for taker in takers:
        taker.join(30)
    assert len(got) == sent
    assert kit.size(name.id) == 0
