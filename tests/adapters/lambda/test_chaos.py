"""Bursts that are killed at any moment, frozen for a while and thawed, beside container workers on the same queue."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from mrq.domain.attempt import AttemptEnd
from mrq.domain.lease import LeaseJudge
from mrq.domain.status import Status
from support import bursttasks
from support.waiting import wait_until
from support.workers import HEARTBEAT, LEASE

if TYPE_CHECKING:
    from mrq.domain.attempt import Attempt
    from support.burstsite import BurstSite
    from support.lambdaruntime import LambdaSandbox

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

SEED = 20261125
JOBS = 5000
INVOCATIONS = 50
LANES = 2  # sandboxes at the same time
SECONDS = 12.0  # of each invocation: short, so that deadlines come in the middle of the work
KILLED = 0.2  # the share of invocations that are killed
CONTAINERS = 2


def lengths(chance: random.Random) -> list[float]:
    """Most jobs are short; a few take longer, or as long as they may."""
    return [chance.choices([0.0, 0.02, 0.2, 1.0], weights=[70, 25, 4.5, 0.5])[0] for _ in range(JOBS)]


class Lane:
    """One sandbox after the other, each invoked again and again until it is killed."""

    def __init__(self, site: BurstSite, seed: int) -> None:
        self._site = site
        self._chance = random.Random(seed)
        self._sandbox: LambdaSandbox | None = None
        self._lasts = 1.0  # how long the last invocation took that lived
        self.killed = 0
        self.answers: Counter[str] = Counter()

    def run(self, invocations: int) -> None:
        """So many invocations, one after the other."""
        for n in range(invocations):
            # a killer who came too late has another go at the next invocation
            self._invoke(kill=self.killed + self._chance.random() < KILLED * (n + 1))

    def _invoke(self, *, kill: bool) -> None:
        sandbox = self._sandbox
        if sandbox is None or not sandbox.alive:
            sandbox = self._sandbox = self._site.sandbox()
        sandbox.begin({"concurrency": 8, "margin": 3, "max_jobs": JOBS // INVOCATIONS}, seconds=SECONDS)
        began = time.monotonic()
        killer = threading.Timer(self._chance.uniform(0.05, 0.9) * self._lasts, self._kill, [sandbox])
        if kill:
            killer.start()
        answer = sandbox.finish()
        killer.cancel()
        if answer.exit_code is None:
            self._lasts = time.monotonic() - began
        else:  # long before the rescue, which waits for the stated end
            self._site.ledger.note_death(sandbox.pid)
        self.answers[answer.payload["reason"] if answer.payload else str(answer.error)] += 1
        time.sleep(self._chance.uniform(0, 0.3))  # frozen for a while

    def _kill(self, sandbox: LambdaSandbox) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(sandbox.pid, signal.SIGKILL)
        self.killed += 1


def losses(site: BurstSite) -> list[Attempt]:
    """Runs that ended with their worker."""
    hit = [site.app.jobs.fetch(document["_id"]) for document in site.jobs() if document.get("losses")]
    return [run for job in hit if job is not None for run in job.attempts if run.end is AttemptEnd.LOST]


def stuck(site: BurstSite, run: Attempt) -> float:
    """Seconds from the stated end of a run's dead worker until its job was back in its queue."""
    assert run.ended is not None
    worker = site.app.workers.fetch(run.worker)
    assert worker is not None
    late: float = (run.ended - worker["deadline"]).total_seconds()
    return late


def test_chaos(site: BurstSite) -> None:
    chance = random.Random(SEED)
    keys = [f"job{n}" for n in range(JOBS)]
    bursttasks.work.queue_many([{"key": key, "seconds": s} for key, s in zip(keys, lengths(chance), strict=True)])
    containers = site.workers(CONTAINERS, greenlets=1, MRQ_MAX_LATENCY="0.5")

    lanes = [Lane(site, SEED + n) for n in range(LANES)]
    with ThreadPoolExecutor(LANES) as pool:
        list(pool.map(Lane.run, lanes, [INVOCATIONS // LANES] * LANES))

    site.wait_for_statuses({"success": JOBS}, timeout=100)
    assert sum(lane.killed for lane in lanes) >= 4, "there was no chaos"
    assert all(container.running for container in containers)
    pids = {run.pid for run in site.ledger.runs()}
    assert pids >= {container.child_pid for container in containers}, "both containers took part"
    assert site.ledger.keys() == set(keys), "at least once"
    assert site.ledger.at_once() == [], "never twice at the same time"
    wait_until(lambda: len(site.app.workers.alive(10)) == CONTAINERS, 30, what="nobody but the containers is alive")
    assert sum(site.app.jobs.count_by_queue(Status.STARTED).values()) == 0
    assert {"stop", "lost"} >= set(site.worker_statuses().values()) - {"wait", "started", "spawn", "full"}
    waits = [stuck(site, run) for run in losses(site)]
    # A rescuer looks after each of its heartbeats. On a busy machine these may be late, by less than its lease.
    longest = LeaseJudge().deadline_margin + HEARTBEAT + LEASE
    assert waits, "nobody was killed with jobs"
    assert max(waits) <= longest, "none was stuck for longer than the lease, which is the invocation's stated end"
