"""Sections 3 and 5: raw queues."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from compat.kit import token
from mrq.job import queue_raw_jobs
from mrq.queue import Queue, send_raw_tasks

if TYPE_CHECKING:
    from compat.kit import Site

ECHO, NOTE = "compat.tasks.Echo", "compat.tasks.Note"


def test_queue_raw_jobs_takes_a_list_or_scores(own: str) -> None:
    assert queue_raw_jobs(f"{own}_raw", ["a", "b"]) is None
    queue_raw_jobs(f"{own}_set", ["a", "a"])
    queue_raw_jobs(f"{own}_sorted_set", {"a": 1, "b": 2})
    queue_raw_jobs(f"{own}_timed_set", ["due now"])
    sizes = [Queue(f"{own}_{kind}").size() for kind in ("raw", "set", "sorted_set", "timed_set")]
    assert sizes == [2, 1, 2, 1]
    assert Queue(f"{own}_timed_set").count_jobs_to_dequeue() == 1


@pytest.mark.parametrize(
    ("name", "kind", "flags"),
    [
        ("plain", "regular", ""),
        ("q_raw", "raw", "raw"),
        ("q_set", "set", "raw set"),
        ("q_sorted_set", "sorted_set", "raw sorted"),
        ("q_timed_set", "timed_set", "raw sorted timed"),
        ("q_raw/sub", "raw", "raw"),
        ("plain/q_raw", "regular", ""),
    ],
)
def test_the_suffix_of_the_root_is_the_type(name: str, kind: str, flags: str) -> None:
    queue = Queue(name)
    assert Queue.get_queue_type(name) == kind
    found = {flag for flag in ("raw", "set", "sorted", "timed") if getattr(queue, f"is_{flag}")}
    assert found >= set(flags.split())
    assert queue.is_raw == ("raw" in flags.split())
    assert queue.is_timed == ("timed" in flags.split())
    assert queue.is_sorted == ("sorted" in flags.split())


def test_the_classes_of_queues() -> None:
    from mrq.queue_raw import QueueRaw
    from mrq.queue_regular import QueueRegular

    assert isinstance(Queue("plain"), QueueRegular)
    assert isinstance(Queue("q_raw"), QueueRaw)


def test_a_list_is_first_in_first_out(own: str) -> None:
    queue = Queue(f"{own}_raw")
    queue.enqueue_raw_jobs(["a", "b", "c"])
    assert queue.list_raw_jobs() == [b"a", b"b", b"c"]
    assert queue.list_raw_jobs(skip=1, limit=1) == [b"b"]
    queue.remove_raw_jobs(["b"])
    assert queue.size() == 2
    queue.empty()
    assert queue.size() == 0


def test_a_set_holds_each_once(own: str) -> None:
    queue = Queue(f"{own}_set")
    queue.enqueue_raw_jobs(["a", "b", "a"])
    assert queue.size() == 2
    assert set(queue.list_raw_jobs()) == {b"a", b"b"}
    queue.remove_raw_jobs(["a"])
    assert queue.list_raw_jobs() == [b"b"]


def test_scores_order_a_sorted_set_and_the_last_one_counts(own: str) -> None:
    queue = Queue(f"{own}_sorted_set")
    queue.enqueue_raw_jobs({"a": 2, "b": 1})
    queue.enqueue_raw_jobs({"a": 0})
    assert queue.list_raw_jobs() == [b"a", b"b"]
    queue.remove_raw_jobs(["a"])
    assert queue.size() == 1


def test_only_what_is_due_leaves_a_timed_set(own: str) -> None:
    queue = Queue(f"{own}_timed_set")
    queue.enqueue_raw_jobs({"past": time.time() - 10, "future": time.time() + 1000})
    queue.enqueue_raw_jobs(["now"])
    assert (queue.size(), queue.count_jobs_to_dequeue()) == (3, 2)


def test_the_graph_of_a_sorted_set(own: str) -> None:
    queue = Queue(f"{own}_sorted_set")
    queue.enqueue_raw_jobs({"below": -1, "a": 1, "b": 1.5, "c": 2, "at the stop": 4})
    assert queue.get_sorted_graph(1, 4, slices=3, include_inf=True) == [1, 2, 1, 0, 1]
    assert queue.get_sorted_graph(1, 4, slices=3, include_inf=False) == [2, 1, 0]
    assert len(queue.get_sorted_graph()) == 100


def test_known_subqueues_of_a_root_that_has_them() -> None:
    name = token()
    queue_raw_jobs(f"roots_raw/{name}", ["a"])
    assert Queue("roots_raw").has_subqueues
    assert f"roots_raw/{name}" in texts(Queue("roots_raw").get_known_subqueues())
    assert Queue("roots_raw/").size() >= 1
    Queue(f"roots_raw/{name}").empty()
    assert Queue(f"roots_raw/{name}").size() == 0


def test_a_root_without_them_knows_none(own: str) -> None:
    queue_raw_jobs(f"{own}_raw/a", ["x"])
    assert texts(Queue(f"{own}_raw").get_known_subqueues()) == set()


def texts(names: Any) -> set[str]:
    """Names as text: MRQ 0.9 gave bytes."""
    return {name.decode() if isinstance(name, bytes) else name for name in names}


def test_where_retries_of_a_raw_queue_go(own: str) -> None:
    assert Queue("compat_raw").get_retry_queue() == "case/retries"
    assert Queue("compat_set").get_retry_queue() == "default"


def test_the_configuration_of_a_queue(client: dict[str, Any]) -> None:
    assert Queue("compat_raw").get_config() is client["raw_queues"]["compat_raw"]
    assert Queue("roots_raw/x").get_config() is client["raw_queues"]["roots_raw"]
    assert not Queue("unknown").get_config()


def test_send_raw_tasks(own: str) -> None:
    send_raw_tasks(f"{own}_raw", ["a"])
    assert Queue(f"{own}_raw").size() == 1


def test_pause_and_resume_of_a_raw_queue(own: str) -> None:
    queue = Queue(f"{own}_raw")
    queue.pause()
    assert queue.is_paused()
    queue.resume()
    assert not queue.is_paused()


def test_raw_jobs_dequeued_by_hand_are_started_and_stored(site: Site) -> None:
    word = token()
    queue_raw_jobs("fails_raw", [word])
    (job,) = Queue("fails_raw").dequeue_jobs(max_jobs=1)
    document = site.jobs.find_one({"_id": job.id})
    assert (document["status"], document["raw_queue"]) == ("started", "fails_raw")
    assert (document["queue"], document["params"]) == ("nobody-serves-this", {"message": word})
