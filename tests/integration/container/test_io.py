"""`--trace_io`, its hooks, `--print_mongodb` and `--add_network_latency`, in whole workers."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from mrq.failures import attempts
from mrq.job import queue_job
from support.httpserver import http_server
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration.container.conftest import Site

TASKS = "support.iotasks"
CONFIG = """
from support.iotasks import broken, hook
MONGODB_PRE_HOOK = MONGODB_POST_HOOK = REDIS_PRE_HOOK = hook
REDIS_POST_HOOK = broken
"""


@pytest.fixture
def url() -> Iterator[str]:
    """An HTTP server."""

    with http_server() as url:
        yield url


def test_reports_say_what_each_job_waits_for_and_how_long_jobs_have_waited(site: Site, url: str) -> None:
    _, admin = site.admin_worker("--trace_io", greenlets=2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        waits = queue_job(f"{TASKS}.Listen", {"port": server.getsockname()[1]})
        connection, _ = server.accept()
        wait_until(lambda: any(job.get("io", {}).get("type") == "socket.recv" for job in admin.report()["jobs"]))
        for task, params in (("Query", {}), ("Fetch", {"url": url})):
            site.wait_for_end(queue_job(f"{TASKS}.{task}", params))
        with connection:
            connection.sendall(b"done")
        assert site.wait_for_end(waits)["result"] == "done"
    io = admin.report()["io"]
    kinds, tasks = dict(io["types"]), dict(io["tasks"])
    assert {"socket.recv", "mongodb.insert_one", "mongodb.cursor", "redis.llen", "http.get"} <= kinds.keys()
    assert tasks.keys() == {f"{TASKS}.{name}" for name in ("Listen", "Query", "Fetch")}
    assert io["total"] == pytest.approx(sum(tasks.values())) == pytest.approx(sum(kinds.values()))


def test_each_run_says_what_it_waited_for(site: Site) -> None:
    site.start_worker("--trace_io")
    query = site.wait_for_end(queue_job(f"{TASKS}.Query", {}))["_id"]
    (run,) = attempts(query)
    assert {each.kind for each in run.io or ()} == {
        "mongodb.insert_one",
        "mongodb.find",
        "mongodb.cursor",
        "redis.llen",
    }
    assert all(each.calls == 1 and each.seconds >= 0 for each in run.io or ())
    failing = queue_job(f"{TASKS}.Resolve", {"host": "no.such.host.invalid"})
    (run,) = attempts(site.wait_for_end(failing, "failed")["_id"])
    assert [(each.kind, each.calls) for each in run.io or ()] == [("dns.getaddrinfo", 1)], "a failure says it too"


def test_waiting_for_the_resolver_is_told_whoever_asks_it(site: Site, url: str) -> None:
    _, admin = site.admin_worker("--trace_io", greenlets=1)

    def waited() -> float:
        return dict(admin.report()["io"]["types"]).get("dns.getaddrinfo", 0.0)

    site.wait_for_end(queue_job(f"{TASKS}.Resolve", {"host": "localhost"}))
    asked = waited()
    assert asked > 0
    fetch = queue_job(f"{TASKS}.Fetch", {"url": url.replace("127.0.0.1", "localhost")})
    assert site.wait_for_end(fetch)["status"] == "success"
    assert waited() > asked, "by a library, through `create_connection`"


def test_hooks_hear_of_every_call_and_a_broken_one_harms_nobody(site: Site) -> None:
    (site.folder / "mrq-config.py").write_text(CONFIG)
    worker = site.start_worker("--trace_io")
    events = site.wait_for_end(queue_job(f"{TASKS}.Query", {}))["result"]
    name = f"{site.database.name}.io_tests"
    told = [(event["name"], event["on"], event["after"]) for event in events]
    assert told == [
        ("insert_one", name, False),
        ("insert_one", name, True),
        ("find", name, False),
        ("find", name, True),
        ("cursor", name, False),
        ("cursor", name, True),
        ("LLEN", "", False),
    ]
    assert all(event["timed"] is event["after"] for event in events)
    wait_until(lambda: "an I/O hook raised" in worker.log, 20)
    assert worker.log.count("\nRuntimeError: this hook is broken") == 1


def test_queries_are_printed_but_for_hidden_collections(site: Site) -> None:
    (site.folder / "mrq-config.py").write_text(
        f'PRINT_MONGODB_HIDDEN_COLLECTIONS = ["{site.database.name}.mrq_workers"]\n'
    )
    worker = site.start_worker("--print_mongodb", "--add_network_latency", "0.001-0.002")
    site.wait_for_end(queue_job(f"{TASKS}.Query", {}))
    wait_until(lambda: f"{site.database.name}.io_tests.insert_one({{'a': 1}})" in worker.log, 20)
    wait_until(lambda: "mrq_jobs.bulk_write" in worker.log, 20)
    assert "mrq_workers.find" not in worker.log


def test_a_latency_that_is_none_is_refused_at_the_start(site: Site) -> None:
    worker = site.start_worker("--add_network_latency", "fast", "--no_guard")
    assert worker.wait() == 2
    assert "'fast' is no latency" in worker.log


def test_without_a_switch_nothing_of_others_is_changed(site: Site) -> None:
    site.start_worker()
    changed = site.wait_for_end(queue_job(f"{TASKS}.Changed", {}))["result"]
    assert changed == {
        "functions": [], "tracer": "None", "trace": "None", "profile": "None", "listeners": [],
        "listeners of the client": [], "spans": False,
    }  # fmt: skip


def test_what_the_switches_change_is_seen_by_the_same_look(site: Site) -> None:
    site.start_worker("--trace_io", "--trace_greenlets")
    changed = site.wait_for_end(queue_job(f"{TASKS}.Changed", {}))["result"]
    assert {
        "socket.getaddrinfo", "gevent._socket3.socket.recv", "http.client.HTTPConnection.getresponse",
        "pymongo.synchronous.collection.Collection.find", "redis.client.Redis.execute_command",
    } <= set(changed["functions"])  # fmt: skip
    assert "GreenletTracer" in changed["tracer"]
