"""`--trace_greenlets`: what each job uses of its worker, and who keeps the others waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mrq.job import queue_job
from support.waiting import wait_until

if TYPE_CHECKING:
    from integration.container.conftest import Site

TASKS = "support.tracedtasks"


def test_a_job_that_waits_uses_little_and_one_that_keeps_the_thread_is_found_with_its_place(site: Site) -> None:
    worker = site.start_worker("--trace_greenlets", greenlets=4)
    sleeper = queue_job(f"{TASKS}.Sleeper", {"seconds": 0.2, "times": 3})
    hog = queue_job(f"{TASKS}.Hog", {"seconds": 0.4})
    waited, held = (site.wait_for_end(job) for job in (sleeper, hog))

    assert waited["switches"] >= 4
    assert 0 < waited["time"] < 0.2
    assert 1 <= waited["result"]["switches"] <= waited["switches"]
    assert 0 <= waited["result"]["time"] <= waited["time"]

    assert held["time"] < 0.2, "it waited in a call that doesn't yield, and used no processor"
    assert held["longest"]["seconds"] >= 0.4
    assert "in keep_all_waiting" in held["longest"]["stack"]
    assert "performing.py" not in held["longest"]["stack"]
    wait_until(lambda: "kept all other jobs of this worker waiting for 0.4" in worker.log, 10)
    assert f"job {hog} ({TASKS}.Hog) kept all" in worker.log
    assert f"({TASKS}.Sleeper) kept" not in worker.log


def test_a_job_that_computes_has_its_processor_time_sub_pools_included(site: Site) -> None:
    site.start_worker("--trace_greenlets", greenlets=4)
    cruncher = queue_job(f"{TASKS}.Cruncher", {"seconds": 0.3})
    crowd = queue_job(f"{TASKS}.Crowd", {"seconds": 0.1})
    alone, shared = (site.wait_for_end(job) for job in (cruncher, crowd))
    for job in (alone, shared):
        assert job["result"] <= job["time"] < 1.5 * job["result"]
    assert alone["longest"]["seconds"] >= 0.3
    assert shared["longest"]["seconds"] >= 0.1


def test_the_report_has_the_figures_of_running_jobs(site: Site) -> None:
    _, admin = site.admin_worker("--trace_greenlets", greenlets=1)
    job = queue_job(f"{TASKS}.Sleeper", {"seconds": 0.1, "times": 30})
    wait_until(lambda: any(each["switches"] >= 3 for each in admin.report()["jobs"]))
    (running,) = admin.report()["jobs"]
    assert running["id"] == str(job)
    assert 0 < running["time"] < 1


def test_nothing_is_recorded_without_the_flag(site: Site) -> None:
    site.start_worker()
    document = site.wait_for_end(queue_job(f"{TASKS}.Sleeper", {"seconds": 0.01}))
    assert not {"time", "switches", "longest"} & document.keys()
    assert document["result"] == {"switches": 0, "time": 0.0}


def test_the_memory_that_a_job_keeps_is_recorded(site: Site) -> None:
    site.start_worker("--trace_memory")
    leak = site.wait_for_end(queue_job(f"{TASKS}.Leak", {"megabytes": 30}))
    clean = site.wait_for_end(queue_job(f"{TASKS}.Sleeper", {"seconds": 0.01}))
    assert leak["memory_diff"] > 25 * 1024 * 1024
    assert clean["memory_diff"] < 10 * 1024 * 1024
