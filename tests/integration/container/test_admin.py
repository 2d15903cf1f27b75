"""The admin server, and what a worker reports."""

from __future__ import annotations

import json
import secrets
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from mrq.job import queue_job
from support.waiting import wait_until

if TYPE_CHECKING:
    from integration.container.conftest import Site

NAP = "support.workertasks.Nap"


def test_reports_say_what_the_worker_does(site: Site) -> None:
    worker, admin = site.admin_worker("--report_file", "report.json", greenlets=1)
    job = queue_job(NAP, {"seconds": 1.0})
    wait_until(lambda: admin.report()["status"] == "full")
    report = admin.report("/")
    assert report["_id"] == worker.wait_ready().identities[0]
    assert (report["name"], report["done_jobs"], report["usage_avg"]) == (worker.name, 0, 1.0)
    assert report["process"]["pid"] == worker.child_pid
    assert report["process"]["mem"] == {"rss": 0, "swap": 0, "total": 0}
    assert report["process"]["cpu"] == {"user": 0, "system": 0, "percent": 0}
    assert report["config"]["greenlets"] == 1
    assert report["config"]["queues"] == ["default"]
    (running,) = report["jobs"]
    assert (running["id"], running["path"]) == (str(job), NAP)
    assert (running["time"], running["switches"]) == (0, 0)
    stack = "".join(running["stack"])
    assert "workertasks.py" in stack
    assert "time.sleep(" in stack
    assert "datestarted" in running

    measured = admin.report("/report_mem")["process"]
    assert measured["mem"]["rss"] > 10_000_000
    assert measured["mem"]["total"] >= measured["mem"]["rss"]
    assert measured["cpu"]["user"] > 0

    site.wait_for_end(job)
    wait_until(lambda: admin.report()["status"] == "wait")
    assert admin.report()["done_jobs"] == 1
    worker.signal(signal.SIGINT)
    assert worker.wait() == 0
    (document,) = site.database.mrq_workers.find()
    assert (document["status"], document["jobs"], document["done_jobs"]) == ("stop", [], 1)
    assert str(document["_id"]) == report["_id"]
    written = json.loads((site.folder / "report.json").read_text())
    assert written["_id"] == report["_id"]
    assert not list(site.folder.glob("*.part"))


def test_idle_means_that_nothing_runs_and_nothing_waits_also_in_brand_new_subqueues(site: Site) -> None:
    root = f"main-{secrets.token_hex(4)}"
    _, admin = site.admin_worker(f"{root}/", max_latency=30)
    job = queue_job("support.workertasks.NapAndQueue", {"queue": f"{root}/brand/new"})
    assert admin.get("/wait_for_idle") == (200, b"idle")
    assert site.document(job)["status"] == "success"
    assert site.statuses() == {"success": 2}
    assert site.app.sizes.published("default") == 0
    assert site.app.sizes.published(f"{root}/brand/new") in (0, 1), "nobody serves it once it is empty"
    assert admin.get("/wait_for_idle") == (200, b"idle"), "once more, with nothing to do"


def test_other_paths_and_methods(site: Site) -> None:
    _, admin = site.admin_worker()
    assert admin.get("/nothing")[0] == 404
    with socket.create_connection(("127.0.0.1", admin.port)) as client:
        client.sendall(b"POST /report HTTP/1.0\r\n\r\n")
        assert b" 405 " in client.recv(1000)


def test_who_waits_for_idle_is_told_when_the_worker_ends(site: Site) -> None:
    """MRQ 0.9 broke off the connection; that a worker which ends was idle is never said."""
    worker, admin = site.admin_worker()
    job = queue_job(NAP, {"seconds": 60})
    wait_until(lambda: site.document(job)["status"] == "started")
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(admin.get, "/wait_for_idle")
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0
        assert answer.result(20)[0] == 503


def test_a_port_that_is_taken_stops_no_worker(site: Site) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        worker = site.worker("--admin_port", str(taken.getsockname()[1]))
        worker.wait_for_log("no admin server at 127.0.0.1")
        site.wait_for_end(queue_job(NAP, {"seconds": 0}))
