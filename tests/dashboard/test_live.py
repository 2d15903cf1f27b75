"""`mrq dashboard` as a process, beside a real worker: what a user sees and does, from the job to its requeue."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

import httpx2 as httpx
import pytest

from mrq.embedded.ports import pick_port
from mrq.job import queue_job
from support.dashboards import TASKS
from support.faultsite import FaultSite
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS = Path(__file__).parents[1]
TABS = 50
START = 60.0  # seconds that it may take on a busy machine


@pytest.fixture(scope="module")
def site(servers: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultSite]:
    """One worker for all tests of the module."""
    name = f"mrq_dash_{secrets.token_hex(6)}"
    url = urlunsplit(urlsplit(servers.mongodb_url)._replace(path=f"/{name}"))
    with FaultSite(url, servers.redis_url, tmp_path_factory.mktemp("dashboard"), name) as entered:
        entered.worker("crawl/", "--report_interval", "0.5")
        yield entered
    servers.mongodb.drop_database(name)


@pytest.fixture(scope="module")
def api(site: FaultSite) -> Iterator[httpx.Client]:
    """The dashboard of this site, started as a user starts it."""
    port = pick_port()
    environment = {
        **os.environ, "MRQ_MONGODB_JOBS": site.mongodb_url, "MRQ_REDIS": site.redis_url,
        "MRQ_REDIS_PREFIX": site.prefix, "PYTHONPATH": str(TESTS),
    }  # fmt: skip
    command = [sys.executable, "-m", "mrq_dashboard.command", "--dashboard_port", str(port)]
    process = subprocess.Popen(
        command, env=environment, cwd=site.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )

    def listens() -> bool:
        assert process.poll() is None, process.communicate()[0]
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_until(listens, START, what="the dashboard listens")
        limits = httpx.Limits(max_connections=TABS)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=60, limits=limits) as client:
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=30)
        print(output)
    assert f"http://127.0.0.1:{port}/" in output
    assert "Traceback" not in output


def get(api: httpx.Client, path: str, **asked: Any) -> dict[str, Any]:
    answer = api.get(path, params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_job_from_the_form_to_its_result_with_its_log(api: httpx.Client) -> None:
    created = api.post("/jobs", json={"task": f"{TASKS}.add", "params": {"a": 1}})
    job = created.json()["id"]
    wait_until(lambda: get(api, f"/jobs/{job}")["status"] == "success", 30, what="it ends")
    assert get(api, f"/jobs/{job}")["result"] == 3
    wait_until(lambda: "adding 1 and 2" in get(api, f"/jobs/{job}/logs")["text"], 30, what="its log is there")


def test_failures_are_seen_and_requeued_in_bulk(api: httpx.Client) -> None:
    for number in range(3):
        queue_job(f"{TASKS}.fails", {"url": f"http://x/{number}"}, "crawl/eu")
    wait_until(lambda: [g["jobs"] for g in get(api, "/failures")["groups"]] == [3], 30, what="they fail")
    (group,) = get(api, "/failures")["groups"]
    assert (group["task"], group["exceptiontype"]) == (f"{TASKS}.fails", "ValueError")
    assert group["message"].startswith("no price node in http://x/")
    queued = time.time()
    wait_until(lambda: int(time.time()) > int(queued))  # ids of one second have no order between processes
    wish = {"fingerprint": [group["fingerprint"]], "status": ["failed"]}
    begun = api.post("/operations", json={"action": "requeue", "filter": wish, "dry_run": False}).json()
    assert begun["total"] == {"jobs": 3, "exact": True}
    operation = begun["operation"]["id"]
    wait_until(lambda: get(api, f"/operations/{operation}")["state"] == "done", 30, what="the operation ends")
    assert get(api, f"/operations/{operation}")["moved"] == 3

    def failed_again() -> bool:
        jobs = get(api, "/jobs", task=f"{TASKS}.fails", status="failed")["jobs"]
        return [len(get(api, f"/jobs/{job['id']}")["attempts"]) for job in jobs] == [2, 2, 2]

    wait_until(failed_again, 30, what="they have failed again")


def test_a_running_job_shows_its_stack_and_a_paused_queue_runs_nothing(api: httpx.Client) -> None:
    job = str(queue_job(f"{TASKS}.waits", {"seconds": 600}, "default"))

    def stack() -> list[str]:
        running = get(api, f"/jobs/{job}")["running"]
        return running["stack"] if running else []

    lines = wait_until(stack, 30, what="its stack is reported")
    assert "dashboardtasks.py" in "".join(lines)
    (worker,) = get(api, "/workers")["workers"]
    assert job in [each["id"] for each in worker["jobs"]]
    assert api.post(f"/jobs/{job}/cancel", json={}).status_code == 200
    assert get(api, f"/jobs/{job}")["status"] == "cancel"
    api.post("/queues/pause", json={"name": "default", "reason": "a test"})
    assert [each["kind"] for each in get(api, "/overview")["attention"] if each["target"] == "default"] == [
        "paused_queue"
    ]
    api.post("/queues/resume", json={"name": "default"})


def test_many_open_tabs_beside_one_worker(api: httpx.Client) -> None:
    pages = ("/overview", "/jobs", "/jobs/count", "/queues", "/workers", "/statistics")
    began = threading.Barrier(TABS)

    def look(tab: int) -> list[int]:
        began.wait()  # all at once
        return [api.get(pages[(tab + step) % len(pages)]).status_code for step in range(len(pages))]

    with ThreadPoolExecutor(TABS) as pool:
        looking = [pool.submit(look, tab) for tab in range(TABS)]
        jobs = [str(queue_job(f"{TASKS}.add", {"a": number}, "default")) for number in range(20)]
        answers = [status for tab in looking for status in tab.result()]
    assert set(answers) == {200}
    assert len(answers) == TABS * len(pages)
    wait_until(lambda: {get(api, f"/jobs/{job}")["status"] for job in jobs} == {"success"}, 60, what="jobs are run")


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mrq_dashboard.command", *arguments], env={**os.environ, **environment},
        capture_output=True, text=True, timeout=START, check=False,
    )  # fmt: skip


def test_it_refuses_to_be_open_to_others() -> None:
    done = run("--dashboard_ip", "0.0.0.0", "--dashboard_port", str(pick_port()))
    assert done.returncode == 2
    assert "open to everybody" in done.stderr


def test_it_makes_tokens() -> None:
    done = run("--new_token")
    assert done.returncode == 0
    assert "token: mrq_" in done.stdout
    assert "hash:  sha256:" in done.stdout
