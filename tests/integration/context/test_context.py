"""What tasks find around them in a real worker: connections, sub-pools in greenlets, metrics, configuration."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redis
from redis.cluster import RedisCluster

import mrq
from mrq.app import App, use_app
from mrq.context import connections, subpool_imap
from mrq.domain.queuename import parse_queue
from mrq.exceptions import ConfigError
from mrq.job import Job, queue_job
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from context.conftest import RunTask, StartWorker

    from support.servers import Servers

TASKS = '''
import json, os, time
from collections import defaultdict
import gevent
from mrq.context import (
    _GLOBAL_CONTEXT, connections, get_current_config, get_current_job, get_current_worker, log, metric, subpool_imap,
    subpool_map,
)
from mrq.task import Task
from mrq.utils import MongoJSONEncoder


class Pool(Task):
    def inner(self, item):
        assert get_current_job() is self.job
        assert get_current_job(id(gevent.getcurrent())) is self.job
        if item == "exception":
            raise Exception(item)  # THE INNER LINE
        time.sleep(item)
        return item

    def run(self, params):
        self.job = get_current_job()
        assert self.job is not None
        start = time.monotonic()
        size, items = params["size"], params["items"]
        results = subpool_map(size, self.inner, items)
        assert results == list(subpool_imap(size, self.inner, items))
        return {"results": results, "seconds": time.monotonic() - start}


class Greenlets(Task):
    def run(self, params):
        def inner(_):
            return len(_GLOBAL_CONTEXT["greenlets"])
        return subpool_map(3, lambda n: inner(time.sleep(0.1)), range(3))


class Stubborn(Task):
    """Its items note in Redis that they run, and swallow everything for a while."""

    def run(self, params):
        def inner(n):
            connections.redis.sadd(params["key"], n)
            for _ in range(2):
                try:
                    time.sleep(100)
                except BaseException:
                    pass
            connections.redis.srem(params["key"], n)
        while True:
            try:
                subpool_map(5, inner, range(20))
            except BaseException:
                if params["once"]:
                    raise


class Burning(Task):
    def run(self, params):
        def inner(n):
            while True:
                pass
        return subpool_map(3, inner, range(1000))


class Redis(Task):
    def run(self, params):
        connections.redis.set(params["key"], "xxx")
        connections.redis_second.set(params["key"], "yyy")
        assert connections.redis.get(params["key"]) == b"xxx"
        assert connections.redis_second.get(params["key"]) == b"yyy"
        assert connections.mongodb_logs is connections.mongodb_jobs
        before = connections.redis
        connections.reset()
        assert connections.redis is not before
        assert before.get(params["key"]) == b"xxx"
        connections.mongodb_jobs.tests_inserts.insert_one({"x": 1})
        log.info("lines with %s", {"a": 1})
        return "ok"


class Metrics(Task):
    def run(self, params):
        metric("mine.count", incr=3)
        return json.dumps(get_current_config().get("test_global_metrics"))


class Context(Task):
    def run(self, params):
        return {
            "job_id": get_current_job().id,
            "worker_id": get_current_worker().id,
            "config": get_current_config(),
            "environ": os.environ,
        }


class Config(Task):
    def run(self, params):
        return json.dumps(get_current_config())
'''

HOOKS = """
from collections import defaultdict
TEST_GLOBAL_METRICS = defaultdict(int)

def METRIC_HOOK(name, incr=1, **kwargs):
    TEST_GLOBAL_METRICS[name] += incr
"""


@pytest.fixture(autouse=True)
def tasks(tmp_path: Path) -> None:
    (tmp_path / "contexttasks.py").write_text(TASKS)


def test_sub_pools_in_a_worker(start_worker: StartWorker, run_task: RunTask) -> None:
    start_worker("--greenlets", "5")
    ended = run_task("contexttasks.Pool", size=1, items=[0.2, 0.2])
    assert ended["result"]["results"] == [0.2, 0.2]
    assert ended["result"]["seconds"] >= 0.8  # two pools of one greenlet
    ended = run_task("contexttasks.Pool", size=20, items=[0.4] * 20)
    assert ended["result"]["results"] == [0.4] * 20
    assert ended["result"]["seconds"] < 6  # one after the other it would be 16
    ended = run_task("contexttasks.Pool", size=20, items=["exception"])
    assert ended["status"] == "failed"
    assert "THE INNER LINE" in ended["traceback"]
    ended = run_task("contexttasks.Greenlets")
    assert ended["result"][0] == 4  # the job's own and three of its pool


@pytest.mark.parametrize("once", [True, False])
def test_a_time_out_ends_all_greenlets_of_a_job(
    start_worker: StartWorker, run_task: RunTask, app: App, tmp_path: Path, redis_prefix: str, once: bool
) -> None:
    (tmp_path / "mrq-config.py").write_text("TASKS = {'contexttasks.Stubborn': {'timeout': 1}}")
    worker = start_worker("--greenlets", "1")
    key = f"{redis_prefix}:stubborn"
    ended = run_task("contexttasks.Stubborn", key=key, once=once)
    assert ended["status"] == "timeout"
    if once:
        ended = run_task("contexttasks.Pool", size=2, items=[0])  # in the only slot: the former job is gone
        assert ended["status"] == "success"
        assert connections.redis.scard(key) == 0
    else:  # it never lets go, so its process is replaced; the next job is not held up
        worker.wait_ready(times=2)
        assert run_task("contexttasks.Pool", timeout=60, size=2, items=[0])["status"] == "success"


def test_items_that_burn_cpu_are_timed_out_too(start_worker: StartWorker, run_task: RunTask, tmp_path: Path) -> None:
    (tmp_path / "mrq-config.py").write_text("TASKS = {'contexttasks.Burning': {'timeout': 1}}")
    worker = start_worker("--greenlets", "1")
    pid = worker.child_pid
    ended = run_task("contexttasks.Burning", timeout=60)
    assert ended["status"] == "timeout"
    assert "in inner" in ended["traceback"]
    assert run_task("contexttasks.Pool", size=2, items=[0])["status"] == "success"
    assert worker.child_pid == pid  # it was enough to interrupt them


def test_an_interrupt_ends_all_greenlets_of_a_job(
    start_worker: StartWorker, app: App, redis_prefix: str, run_task: RunTask
) -> None:
    worker = start_worker("--greenlets", "1")
    key = f"{redis_prefix}:stubborn"
    job = Job(queue_job("contexttasks.Stubborn", {"key": key, "once": True}))
    wait_until(lambda: connections.redis.scard(key) == 5)
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    data = job.fetch().data
    assert data is not None
    assert data["status"] == "interrupt"
    assert connections.redis.scard(key) == 0


def test_connections_metrics_and_configuration(
    start_worker: StartWorker, run_task: RunTask, tmp_path: Path, redis_url: str, redis_prefix: str, app: App
) -> None:
    second = f"REDIS_SECOND = {redis_url.rstrip('/')!r} + '/1'\n"
    (tmp_path / "settings.py").write_text(f"NAME = 'testworker'\nADDITIONAL_UNEXPECTED_CONFIG = '1'\n{second}{HOOKS}")
    worker = start_worker("--config", "settings.py", MRQ_NAME="")
    assert run_task("contexttasks.Redis", key=f"{redis_prefix}:multi")["result"] == "ok"
    assert app.connection("mongodb_jobs").tests_inserts.count_documents({}) == 1

    told = json.loads(run_task("contexttasks.Metrics")["result"])
    assert told == {
        "queues.default.dequeued": 2,
        "queues.all.dequeued": 2,
        "jobs.status.started": 2,
        "jobs.status.success": 1,
        "mine.count": 3,
    }
    assert "--config" not in worker.log


def test_the_context_can_be_returned_and_the_configuration_dumped(start_worker: StartWorker, run_task: RunTask) -> None:
    worker = start_worker("--name", "xxx")
    found = run_task("contexttasks.Context")
    assert found["status"] == "success", found["traceback"]
    assert found["result"]["job_id"] == found["_id"]
    assert str(found["result"]["worker_id"]) == worker.identities[0]
    assert found["result"]["config"]["redis"]
    assert found["result"]["environ"]["PATH"]
    config = json.loads(run_task("contexttasks.Config")["result"])
    assert config["name"] == "xxx"
    assert "mongodb_jobs" in config
    assert "additional_unexpected_config" not in config


# ---- outside of a worker


@pytest.fixture
def closing(app: App) -> Iterator[App]:
    yield app
    app.close()


def test_connections_are_the_clients_of_the_stores(closing: App) -> None:
    app = closing
    assert connections.redis is app._redis
    assert connections.redis is connections.redis
    assert connections.mongodb_jobs is app._database
    assert connections.mongodb_logs is connections.mongodb_jobs
    jobs, redis = connections.mongodb_jobs, connections.redis
    connections.reset()
    assert connections.mongodb_jobs is not jobs
    assert connections.redis is not redis
    assert connections.mongodb_jobs is app._database
    assert jobs.command("ping")["ok"] == 1  # the old ones work: somebody may be using them
    assert redis.ping()
    assert app.jobs.ping()


def test_further_connections_and_their_settings(servers: Servers, mongodb_url: str, redis_url: str) -> None:
    other = mongodb_url + "_other"
    config = {"mongodb_jobs": mongodb_url, "mongodb_logs": other, "mongodb_archive": other, "redis_second": redis_url}
    app = App({**config, "redis": redis_url, "redis_max_connections": 7, "redis_timeout": 0.5})
    use_app(app)
    try:
        assert connections.mongodb_logs.name == other.rpartition("/")[2]
        assert connections.mongodb_archive is not connections.mongodb_logs
        assert connections.redis_second is not connections.redis
        pool = connections.redis_second.connection_pool
        assert (pool.max_connections, pool.timeout) == (7, 0.5)
        assert connections.redis_second.ping()
    finally:
        use_app(None)
        app.close()


@pytest.fixture
def cluster(redis_cluster_url: str) -> Iterator[RedisCluster]:
    client = RedisCluster.from_url(redis_cluster_url)
    yield client
    client.close()


def test_a_ready_client_serves_mrq_itself(servers: Servers, mongodb_url: str, redis_prefix: str) -> None:
    name = mongodb_url.rpartition("/")[2]
    app = App({"mongodb_jobs": servers.mongodb[name], "redis": servers.redis, "redis_prefix": redis_prefix})
    app.jobs.ensure_indexes()
    assert servers.mongodb[name].mrq_jobs.index_information()
    assert app.wakeups.ping()
    assert app.locks.acquire("x", 10)
    app.raw.enqueue(parse_queue("ready_raw"), [b"payload"])
    assert app.raw.size(parse_queue("ready_raw")) == 1
    assert app.semaphores.acquire("x", 1, app.jobs.new_id(), ["permit"], 1.0) == {"permit"}
    assert app.connection("redis") is servers.redis
    app.close()
    assert servers.redis.ping()  # it is not ours to close
    assert servers.mongodb.admin.command("ping")["ok"] == 1


def test_a_ready_client_of_a_cluster_serves_mrq_itself(cluster: Any, redis_prefix: str) -> None:
    app = App({"redis": cluster, "redis_prefix": redis_prefix})
    assert "(cluster)" in app.wakeups.ping()
    queue = parse_queue("ready_raw/sub")
    app.raw.enqueue(queue, [b"payload"])
    assert app.raw.size(queue) == 1
    assert cluster.llen(f"{redis_prefix}:q:{{ready_raw}}/sub") == 1
    app.close()
    assert cluster.ping()


def test_a_ready_client_that_decodes_is_refused(redis_url: str) -> None:
    app = App({"redis": redis.Redis.from_url(redis_url, decode_responses=True)})
    with pytest.raises(ConfigError, match="decode_responses"):
        app.wakeups.ping()


def script(tmp_path: Path, text: str, **environment: str) -> str:
    """What a script prints that is run with next to no environment."""
    (tmp_path / "script.py").write_text(text)
    folder = str(Path(mrq.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path, env={"PYTHONPATH": folder, **environment}, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return done.stdout


def test_setup_context_in_a_script(tmp_path: Path) -> None:
    text = (
        "from mrq.context import setup_context, get_current_config\n"
        "setup_context()\nprint(get_current_config()['name'])"
    )
    assert script(tmp_path, text, MRQ_NAME="from the environment") == "from the environment\n"


def test_a_process_that_leaves_a_sub_pool_open_can_end(tmp_path: Path) -> None:
    text = (
        "import time\nfrom mrq.context import subpool_imap\n"
        "results = subpool_imap(2, lambda n: time.sleep(n), [0, 1000, 1000])\nprint(next(results))"
    )
    assert script(tmp_path, text) == "None\n"


PATCHED = """
from gevent import monkey; monkey.patch_all()
import time
import gevent
from mrq.context import subpool_map
start = time.monotonic()
seen = subpool_map(20, lambda n: (time.sleep(0.3), id(gevent.getcurrent()))[1], range(20))
assert time.monotonic() - start < 3, time.monotonic() - start
try:
    with gevent.Timeout(0.2):
        subpool_map(2, lambda n: time.sleep(100), range(3))
except gevent.Timeout:
    print(len(set(seen)) > 1, time.monotonic() - start < 20)
"""


def test_a_script_that_gevent_has_patched_gets_greenlets(tmp_path: Path) -> None:
    assert script(tmp_path, PATCHED) == "True True\n"


def test_sub_pools_outside_of_jobs(app: App) -> None:
    def items(many: int) -> Iterator[int]:
        for n in range(many):
            if n == 5:
                raise LookupError("iterator")
            yield n

    def inner(n: int) -> int:
        if n == 4:
            raise ValueError("inner")
        return n * 2

    got: list[Any] = []
    with pytest.raises((LookupError, ValueError)):
        got.extend(subpool_imap(10, inner, items(10)))
    assert list(subpool_imap(2, inner, items(1))) == [0]
    with pytest.raises(ValueError, match="inner"):
        list(subpool_imap(2, inner, items(5)))
