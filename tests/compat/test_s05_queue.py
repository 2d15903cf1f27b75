"""Section 5: mrq.queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from compat.kit import finished, in_status, token
from mrq.job import Job, queue_job, queue_jobs
from mrq.queue import Queue, send_task, send_tasks

if TYPE_CHECKING:
    from compat.kit import CompatWorker, Site

ECHO = "compat.tasks.Echo"


# ---- names


def test_attributes_of_a_name() -> None:
    queue = Queue("main/sub_reverse")
    assert (queue.id, queue.root_id, queue.is_subqueue, queue.is_reverse) == ("main/sub", "main", True, True)
    assert not Queue("main").is_subqueue
    assert Queue(queue).id == "main/sub"  # a Queue is taken too


# ---- regular queues


def test_size_counts_what_waits_and_what_runs(site: Site, worker: CompatWorker, queue: str) -> None:
    flag = token()
    ids = queue_jobs("compat.tasks.WaitForFlag", [{"flag": flag}] * 2, queue=queue)
    for job_id in ids:
        in_status(job_id, "started")
    assert Queue(queue).size() == 2
    site.flag(flag)
    for job_id in ids:
        finished(job_id)
    assert Queue(queue).size() == 0


def test_size_of_all_subqueues_is_their_sum(own: str) -> None:
    queue_jobs(ECHO, [{}, {}], queue=f"{own}/a")
    queue_jobs(ECHO, [{}], queue=f"{own}/b")
    assert Queue(f"{own}/").size() == 3
    assert Queue(f"{own}/a").count_jobs_to_dequeue() == 2
    assert set(Queue(own).get_known_subqueues()) == {f"{own}/a", f"{own}/b"}


def test_empty_deletes_jobs_in_any_status(site: Site, own: str) -> None:
    queue_jobs(ECHO, [{}, {}], queue=own)
    site.jobs.update_one({"queue": own}, {"$set": {"status": "success"}})
    Queue(own).empty()
    assert site.jobs.count_documents({"queue": own}) == 0


def test_ids_of_what_waits_page_by_page(own: str) -> None:
    ids = [str(job_id) for job_id in queue_jobs(ECHO, [{}] * 5, queue=own)]
    queue_job(ECHO, {}, queue=f"{own}-2")
    assert Queue(own).list_job_ids() == ids
    assert Queue(own).list_job_ids(skip=1, limit=2) == ids[1:3]


def test_dequeue_takes_the_oldest_first_and_starts_them(site: Site, own: str) -> None:
    ids = queue_jobs(ECHO, [{}] * 3, queue=own)
    site.jobs.update_one({"_id": ids[0]}, {"$set": {"dateexpires": site.jobs.find_one()["datequeued"]}})
    jobs = list(Queue(own).dequeue_jobs(max_jobs=2))
    assert [job.id for job in jobs] == ids[:2]
    document = in_status(ids[0], "started")
    assert "datestarted" in document
    assert "dateexpires" not in document


def test_dequeue_from_a_reverse_queue_takes_the_newest(own: str) -> None:
    ids = queue_jobs(ECHO, [{}] * 3, queue=own)
    assert [job.id for job in Queue(f"{own}_reverse").dequeue_jobs(max_jobs=2)] == [ids[2], ids[1]]


def test_retries_of_a_regular_queue_stay_in_it(own: str) -> None:
    assert Queue(own).get_retry_queue() == own


# ---- raw queues


# ---- both kinds


def test_pause_and_resume(own: str) -> None:
    queue = Queue(own)
    assert not queue.is_paused()
    queue.pause()
    assert queue.is_paused()
    queue.resume()
    assert not queue.is_paused()


def test_a_paused_root_pauses_its_subqueues(own: str) -> None:
    Queue(f"{own}/").pause()
    assert Queue(own).is_paused()
    assert Queue(f"{own}/sub").is_paused()
    assert not Queue(f"{own}2/sub").is_paused()
    Queue(own).resume()
    assert not Queue(f"{own}/sub").is_paused()


def test_queues_of_the_configuration(site: Site, client: dict[str, Any]) -> None:
    from mrq.context import set_current_config

    assert Queue.get_queues_config() == client["raw_queues"]
    set_current_config(site.client_config(raw_queues={}))
    assert Queue.get_queues_config() == {"notified": {"notify": True}}
    assert Queue("notified").use_notify()
    assert not Queue("other").use_notify()


def test_all_known_queues(own: str) -> None:
    queue_job(ECHO, {}, queue=own)
    assert own in Queue.all_known()
    assert own in Queue.all_known(sources=("jobs",))
    assert Queue.all_known(sources=("jobs",), prefixes=[own]) == {own}
    assert {"case/configured", "compat_raw", "case/retries"} <= Queue.all_known(sources=("config",))
    Queue(own).empty()
    assert own not in Queue.all_known()


def test_all_queues_with_what_waits(own: str) -> None:
    queue_jobs(ECHO, [{}, {}], queue=own)
    assert Queue.all()[own] == 2


# ---- deprecated, and tested


def test_send_task_and_its_kin(own: str) -> None:
    one = send_task(ECHO, {"n": 1}, queue=own)
    two, three = send_tasks(ECHO, [{"n": 2}, {"n": 3}], queue=own)
    assert Queue(own).list_job_ids() == [str(one), str(two), str(three)]
    assert send_tasks("compat.tasks.Wrapped", [{"value": 1}, {"value": 2}], sync=True) == [
        {"wrapped": 1},
        {"wrapped": 2},
    ]
    assert Job(one).exists()
