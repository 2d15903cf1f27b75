"""Raw queues: whatever dies in the middle, each payload is run, and none twice at the same time."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from mrq.domain.queuename import parse_queue
from mrq.embedded import EmbeddedRedis
from mrq.job import queue_raw_jobs
from mrq.ports.errors import StoreUnavailableError
from support.faultsite import FaultSite
from support.rawqueues import CONFIG, FAILPOINT, KINDS
from support.waiting import wait_until
from support.workers import LEASE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mrq.embedded import EmbeddedServers

pytestmark = pytest.mark.faults

EACH = 15  # payloads of each kind of queue


@pytest.fixture(autouse=True)
def config(tmp_path: Path) -> None:
    """What workers find in their folder."""
    (tmp_path / "mrq-config.py").write_text(CONFIG)


def queues(prefix: str) -> list[str]:
    return [f"{prefix}_{kind}" for kind in KINDS]


def fill(prefix: str, each: int = EACH) -> set[str]:
    """Payloads for every kind of queue, and for a subqueue of a list; their keys."""
    keys = set()
    for queue in (*queues(prefix), f"{prefix}_raw/sub"):
        names = [f"{queue.replace('/', '-')}-{number}" for number in range(each)]
        scored = "sorted" in queue or "timed" in queue
        queue_raw_jobs(queue, dict.fromkeys(names, 1.0) if scored else names)
        keys.update(names)
    return keys


def nothing_is_left(site: FaultSite, prefix: str) -> bool:
    """Whether no payload waits, and nobody holds one."""
    raw = site.app.raw
    try:
        waiting = sum(raw.size(parse_queue(name)) for queue in queues(prefix) for name in (queue, f"{queue}/"))
        held = sum(len(raw.held_ids(root, worker)) for root in queues(prefix) for worker in raw.holders(root))
    except StoreUnavailableError:
        return False
    return not waiting and not held


def wait_until_done(site: FaultSite, prefix: str, keys: set[str], timeout: float = 90) -> None:
    """Everything ran to its end, nothing is stuck anywhere, and nothing overlapped."""

    def ended() -> bool:
        return {ran.key for ran in site.ledger.runs() if ran.end < float("inf")} >= keys

    wait_until(ended, timeout, what="all payloads ran", interval=0.2)
    wait_until(lambda: nothing_is_left(site, prefix), timeout, what="nothing waits and nothing is held", interval=0.2)
    if prefix == "kept":
        site.wait_for_statuses({"success": len(keys)}, timeout)
    else:
        assert site.statuses() == {}
    site.assert_all_ran(keys)


def serving(prefix: str) -> list[str]:
    """All queues of a prefix, and the subqueues of its list; and where retries wait."""
    return [*queues(prefix), f"{prefix}_raw/"]


@pytest.mark.parametrize("prefix", ["kept", "fast"])
@pytest.mark.parametrize("guard", [True, False], ids=["guard and child", "only the child"])
def test_the_payloads_of_a_killed_worker_run_again(site: FaultSite, prefix: str, guard: bool) -> None:
    doomed, _other = site.workers(2, *serving(prefix), "--dequeue_strategy", "parallel")
    keys = fill(prefix)
    wait_until(lambda: len(site.ledger.running(doomed.child_pid)) >= 5, what="the first worker is in the middle")
    interrupted = {ran.key for ran in site.ledger.running(doomed.child_pid)}
    dead = doomed.kill(guard=guard)
    wait_until_done(site, prefix, keys)
    for key in interrupted:
        assert [ran for ran in site.ledger.runs_of(key) if ran.pid != dead], f"{key} ran again"


MOMENTS = [
    ("kept", "taken"), ("kept", "inserted"), ("kept", "letting go"), ("kept", "let go"), ("kept", "ran"),
    ("kept", "settled"), ("fast", "letting go"), ("fast", "let go"),
]  # fmt: skip


@pytest.mark.parametrize(("prefix", "moment"), MOMENTS)
@pytest.mark.parametrize("guard", ["", "+guard"], ids=["guarded", "alone"])
def test_a_worker_may_die_at_any_moment(site: FaultSite, tmp_path: Path, prefix: str, moment: str, guard: str) -> None:
    worker = site.worker(*serving(prefix), **{FAILPOINT: f"{moment}{guard}"})
    keys = fill(prefix, 3)
    wait_until((tmp_path / "died").exists, 30, what="the worker died")
    if guard:
        wait_until(lambda: not worker.processes(), what="the worker is gone")
        site.worker(*serving(prefix))
    wait_until_done(site, prefix, keys)


@pytest.mark.parametrize("moment", ["ran", "settled"])
def test_a_failed_job_that_is_stored_at_its_end_is_stored_once(site: FaultSite, tmp_path: Path, moment: str) -> None:
    site.worker(*serving("fast"), **{FAILPOINT: moment})
    queue_raw_jobs("fast_raw", [json.dumps({"task": "fail", "params": {"key": f"job{n}"}}) for n in range(5)])
    wait_until((tmp_path / "died").exists, 30, what="the worker died")
    site.wait_for_statuses({"failed": 5})
    wait_until(lambda: nothing_is_left(site, "fast"), what="nothing is left in Redis")
    for document in site.jobs():
        assert (document["raw_queue"], document["exceptiontype"]) == ("fast_raw", "ValueError")
        assert len(document["traceback_history"]) == 1
    site.assert_all_ran([f"job{n}" for n in range(5)])


def test_a_payload_that_kills_its_worker_each_time_takes_no_other_along(site: FaultSite) -> None:
    worker = site.worker(*serving("fast"))
    keys = fill("fast", 5)
    queue_raw_jobs("fast_raw", [json.dumps({"task": "die", "params": {"key": "poison"}})])
    site.wait_for_statuses({"failed": 1}, timeout=90)
    (poison,) = site.jobs()
    assert poison["exceptiontype"] == "WorkerLost"
    assert poison["losses_alone"] == site.app.settings.max_losses
    assert poison["losses"] == len(site.ledger.runs_of("poison")), "the first ones were counted in Redis"
    wait_until(lambda: nothing_is_left(site, "fast"), 60, what="nothing is left in Redis")
    site.assert_all_ran(keys)
    assert worker.running


def test_a_resumed_worker_settles_nothing_that_was_rescued(site: FaultSite) -> None:
    frozen = site.worker(*serving("fast"))
    keys = [f"job{number}" for number in range(3)]
    queue_raw_jobs("fast_raw", [json.dumps({"task": "work", "params": {"key": key, "seconds": 2}}) for key in keys])
    site.wait_for_runs(3)
    frozen.freeze()
    other = site.worker(*serving("fast"))
    wait_until(lambda: site.ledger.finished() >= 3, 60, what="another worker ran them")
    frozen.thaw()
    frozen.wait_for_log("was taken for dead")
    frozen.wait_ready(times=2)
    wait_until(lambda: nothing_is_left(site, "fast"), 30, what="nothing is left in Redis")
    time.sleep(LEASE)  # what would come back by mistake would do so by now
    assert nothing_is_left(site, "fast")
    assert site.statuses() == {}
    for key in keys:
        assert [ran.pid for ran in site.ledger.runs_of(key)].count(other.child_pid) == 1
        assert len(site.ledger.runs_of(key)) == 2


def test_a_stopped_worker_hands_its_payloads_back(site: FaultSite) -> None:
    import signal

    worker = site.worker(*serving("fast"), "--requeue_interrupted", "1")
    keys = fill("fast", 20)
    wait_until(lambda: len(site.ledger.running(worker.child_pid)) >= 5, what="it is in the middle")
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    raw = site.app.raw
    assert [len(raw.held_ids(root, who)) for root in queues("fast") for who in raw.holders(root)] == []
    interrupted = site.statuses()["interrupt"]
    waiting = sum(raw.size(parse_queue(name)) for queue in queues("fast") for name in (queue, f"{queue}/"))
    ended = len({ran.key for ran in site.ledger.runs()}) - interrupted
    assert interrupted + waiting + ended == len(keys)


# ---- servers


@pytest.mark.parametrize("prefix", ["kept", "fast"])
def test_mongodb_may_go_away_and_come_back(
    fragile_site: FaultSite, servers_to_kill: EmbeddedServers, prefix: str
) -> None:
    worker = fragile_site.worker(*serving(prefix), "--dequeue_strategy", "parallel")
    child = worker.child_pid
    keys = fill(prefix, 20)
    fragile_site.wait_for_runs(20)
    servers_to_kill.mongo.kill()
    worker.wait_for_log("no heartbeat could be written")
    servers_to_kill.mongo.start()
    wait_until_done(fragile_site, prefix, keys)
    assert worker.child_pid == child
    assert len(worker.identities) == 1
    assert "CRITICAL" not in worker.log
    assert sorted(ran.key for ran in fragile_site.ledger.runs()) == sorted(keys), "each ran once"


@pytest.fixture
def lasting_redis() -> Iterator[EmbeddedRedis]:
    """A Redis that has on disk what it has acknowledged."""
    with EmbeddedRedis(persistent=True, arguments=["--appendfsync", "always"]) as server:
        yield server


@pytest.mark.parametrize("prefix", ["kept", "fast"])
def test_redis_may_be_killed_and_restarted(
    lasting_servers: EmbeddedServers, lasting_redis: EmbeddedRedis, tmp_path: Path, prefix: str
) -> None:
    url = f"mongodb://127.0.0.1:{lasting_servers.mongo.port}/mrq_raw_{prefix}_{lasting_redis.port}"
    with FaultSite(url, lasting_redis.url, tmp_path, "mrq") as site:
        worker = site.worker(*serving(prefix), "--dequeue_strategy", "parallel")
        keys = fill(prefix, 20)
        site.wait_for_runs(20)
        lasting_redis.kill()
        worker.wait_for_log("Redis is not available")
        lasting_redis.start()
        wait_until_done(site, prefix, keys)
        assert "CRITICAL" not in worker.log
        assert len(worker.identities) == 1
        assert sorted(ran.key for ran in site.ledger.runs()) == sorted(keys), "each ran once"
