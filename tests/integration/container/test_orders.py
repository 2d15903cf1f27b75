"""What a running worker is told: from Python, from the command line, by HTTP and by a signal."""

from __future__ import annotations

import json
import os
import re
import signal
from typing import TYPE_CHECKING, Any

from mrq.app import get_app, use_app
from mrq.cli.main import call, cli
from mrq.job import queue_job, queue_jobs
from mrq.workers import answer, profiles, tell
from support.beats import ANSWER, BEAT, noted
from support.waiting import wait_until

if TYPE_CHECKING:
    import pytest

    from integration.container.conftest import Site

TASKS = "support.tracedtasks"


def said(worker: str, verb: str, **arguments: Any) -> str:
    """Tell a worker something and wait for what it says."""
    order = tell(worker, verb, **arguments)
    assert order is not None
    found: list[str | None] = []
    wait_until(lambda: found.append(answer(worker, order)) or found[-1] is not None, 20, what=f"an answer to {verb}")
    return found[-1] or ""


def test_a_quiet_worker_takes_nothing_until_it_resumes_and_stops_when_told(site: Site) -> None:
    worker, admin = site.admin_worker()
    me = worker.wait_ready().identities[0]
    assert said(me, "quiet") == "takes no more jobs"
    assert admin.report()["quiet"] is True
    job = queue_job(f"{TASKS}.Sleeper", {"seconds": 0.01})
    assert said(me, "resize", greenlets=7) == "runs up to 7 jobs"  # a heartbeat later
    assert site.document(job)["status"] == "queued"
    assert said(me, "resume") == "takes jobs"
    site.wait_for_end(job)
    assert said(me, "profile", seconds=0.2).startswith("makes the profile ")
    assert said(me, "stop") == "stops"
    assert worker.wait() == 0
    assert tell(me, "quiet") is None


def test_orders_are_obeyed_within_a_heartbeat(site: Site) -> None:
    (site.folder / "mrq-config.py").write_text("from support.beats import note\nMONGODB_POST_HOOK = note\n")
    worker = site.start_worker("--trace_io", "--heartbeat_interval", "1", "--lease", "6").wait_ready()
    me = worker.identities[0]
    for orders in ([("quiet", {}), ("resize", {"greenlets": 7}), ("profile", {"seconds": 0.1})], [("stop", {})]):
        for verb, arguments in orders:
            assert tell(me, verb, **arguments) is not None
        before = noted(site.folder)
        wait_until(lambda: noted(site.folder).count(ANSWER) == before.count(ANSWER) + len(orders), 30)  # noqa: B023
        since = noted(site.folder)[len(before) :]
        # looks and heartbeats have the same pause, so that at most two of these lie between two of those
        assert since[: since.index(ANSWER)].count(BEAT) <= 2
    assert worker.wait() == 0


def test_as_many_jobs_run_as_the_worker_was_resized_to(site: Site) -> None:
    worker = site.start_worker(greenlets=1).wait_ready()
    me = worker.identities[0]
    queue_jobs("support.faulttasks.wait_for", [{"key": str(n), "file": "go" if n < 4 else "end"} for n in range(8)])
    site.wait_for_runs(1)
    assert said(me, "report") == "runs 1 job"
    assert said(me, "resize", greenlets=4) == "runs up to 4 jobs"
    site.wait_for_runs(4)
    assert said(me, "report") == "runs 4 jobs"
    assert len(site.ledger.runs()) == 4, "a heartbeat later it has not taken more"
    assert said(me, "resize", greenlets=2) == "runs up to 2 jobs"
    assert said(me, "report") == "runs 4 jobs", "those that run already are left alone"
    (site.folder / "go").touch()
    site.wait_for_runs(6)
    assert said(me, "report") == "runs 2 jobs"
    assert len(site.ledger.runs()) == 6
    (site.folder / "end").touch()
    site.wait_for_statuses({"success": 8})


def test_a_profile_shows_which_task_uses_the_time(site: Site) -> None:
    _, admin = site.admin_worker(greenlets=2)
    hog = queue_job(f"{TASKS}.Spinner", {"seconds": 2.5})
    wait_until(lambda: site.document(hog)["status"] == "started", 20)
    text = json.loads(admin.get("/profile?seconds=0.5")[1])["profile"]
    assert text.startswith("makes the profile ")
    assert "can't be done" in json.loads(admin.get("/profile?seconds=0.5")[1])["profile"]
    wait_until(lambda: len(profiles()) == 1, 20, what="the profile is stored")
    (found,) = profiles()
    assert found.samples > 0
    busiest = max(found.by_task(), key=lambda task: found.by_task()[task])
    assert busiest == f"{TASKS}.Spinner"
    assert "support.tracedtasks:Spinner.run" in found.collapsed()
    site.wait_for_end(hog)


def test_a_worker_with_profile_says_at_its_end_where_the_time_went(site: Site) -> None:
    worker = site.start_worker("--profile", "--max_jobs", "1")
    site.wait_for_end(queue_job(f"{TASKS}.Spinner", {"seconds": 0.5}))
    assert worker.wait() == 0
    (found,) = profiles()
    assert f"profile {found.id}: {found.samples} samples" in worker.log
    assert found.by_task()[f"{TASKS}.Spinner"] > 0
    assert re.search(r"functions:\n +[0-9.]+%  support.tracedtasks:Spinner.run\n", worker.log)


def test_where_each_job_is_can_be_asked_for_from_elsewhere(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    worker = site.start_worker("--report_interval", "100", greenlets=2).wait_ready()
    job = queue_job(f"{TASKS}.Sleeper", {"seconds": 30})
    wait_until(lambda: site.document(job)["status"] == "started", 20)
    app = get_app()
    me, flags = worker.identities[0], ("--mongodb_jobs", app.settings.mongodb_jobs)
    assert call(cli, ("stacks", me, *flags), "mrq") == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{TASKS}.Sleeper, job {job}, since 20")
    assert 'tracedtasks.py", line' in out
    assert "time.sleep(" in out
    assert call(cli, ("stacks", str(app.jobs.new_id()), *flags), "mrq") == 1
    use_app(app)


def test_a_signal_makes_a_profile_too(site: Site) -> None:
    worker = site.start_worker().wait_ready()
    os.kill(worker.guard_pid, signal.SIGUSR2)  # it is not for the guard, and doesn't end it
    os.kill(worker.child_pid, signal.SIGUSR2)
    wait_until(lambda: "makes the profile" in worker.log, 20)
    assert worker.running


def test_jobs_know_who_queued_them_and_runs_their_version(site: Site) -> None:
    site.start_worker("--deploy", "v7")
    job = queue_job("support.workertasks.NapAndQueue", {"queue": "default"})
    child = site.wait_for_end(job)["result"]
    app = get_app()
    wait_until(lambda: site.document(app.jobs.parse_id(child))["status"] == "success", 20)
    record = app.jobs.fetch(app.jobs.parse_id(child))
    assert record is not None
    assert record.parent == job
    assert [run.deploy for run in record.attempts] == ["v7"]
    assert app.jobs.children(job, 10) == [record.id]
