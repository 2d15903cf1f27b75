"""The cases that start workers, each for one contender. What they return goes into the results as it is."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from benchmarks import contenders
from benchmarks.contenders import Contender, Run
from benchmarks.processes import Producer, Setting, Workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.plan import Plan
    from benchmarks.services import Services

SLEEP_SECONDS, RECORD_BYTES = 0.05, 16  # as in peers/probe.py, which has no place in this process
BOOT_SECONDS, STILL_SECONDS, SETTLE_SECONDS = 30, 15, 10


def drain(setting: Setting, plan: Plan) -> dict[str, float]:
    """Jobs per second, from the first job that was seen to be done until all are done and nothing is pending; and the
    processor time of the workers meanwhile, in microseconds a job."""
    rate, cpu = _drain(setting, plan, "noop", plan.jobs)
    return {"": rate, "CPU": cpu * 1e6}


def io_bound(setting: Setting, plan: Plan) -> dict[str, float]:
    """Seconds for jobs that sleep, as a multiple of what they take when 100 run at a time."""
    rate, _ = _drain(setting, plan, "sleep50", plan.sleepers, before_first=SLEEP_SECONDS)
    return {"": 100 / SLEEP_SECONDS / rate}


def _drain(setting: Setting, plan: Plan, task: str, n: int, before_first: float = 0) -> tuple[float, float]:
    """Jobs per second; seconds of processor time a job."""
    with Producer(setting) as producer:
        _prepare(setting, producer)
        made = producer.ask("enqueue", task=task, n=n, how="bulk", timeout=max(120.0, plan.limit * 2))
        if made["pending"] != n:
            raise RuntimeError(f"{made['pending']} of {n} jobs were waiting before the start")
        with Workers(setting) as workers:
            _until(lambda: setting.count() > 0, workers, BOOT_SECONDS, "no job was run")
            start, end = time.monotonic(), time.monotonic() + plan.limit
            cpu_before, first = workers.cpu(), setting.count()
            seen, changed = first, start
            while (done := setting.count()) < n and time.monotonic() < end:
                if done != seen:
                    seen, changed = done, time.monotonic()
                if time.monotonic() > changed + STILL_SECONDS or not workers.alive:
                    raise RuntimeError(f"the worker stopped at {done} of {n} jobs")
                time.sleep(0.002)
            if done >= n:
                _until(lambda: producer.ask("pending") <= 0, workers, SETTLE_SECONDS, "some jobs stay pending")
            took, cpu = time.monotonic() - start + before_first, workers.cpu() - cpu_before
            done = min(done, n)
            return done / took, cpu / max(1, done - first)


def enqueue(setting: Setting, plan: Plan) -> dict[str, float]:
    """Jobs per second of one producer: each alone, and many at once where the library has a call for that."""
    found = {}
    for how, n in (("one by one", plan.single_jobs), ("in bulk", plan.jobs)):
        with Producer(setting) as producer:
            _prepare(setting, producer)
            before = producer.ask("enqueue", task="noop", n=20, how="bulk")["pending"]  # connections are there now
            made = producer.ask("enqueue", task="noop", n=n, how="bulk" if how == "in bulk" else "one")
            if made["pending"] != before + n:
                raise RuntimeError(f"{made['pending'] - before} of {n} jobs are waiting")
            found[how] = n / made["seconds"]
    return found


def mixed(setting: Setting, plan: Plan) -> dict[str, float]:
    """Milliseconds that 95 % of the small jobs waited at most, while others burn CPU."""
    with Producer(setting) as producer:
        _prepare(setting, producer)
        with Workers(setting) as workers:
            _warm(setting, producer, workers)
            waits = producer.ask("mixed", bursts=plan.bursts, small=19, seed=plan.seed, timeout=plan.bursts + 90)
    return {"p95": statistics.quantiles(waits, n=20)[-1]}


def idle(setting: Setting, plan: Plan) -> dict[str, float]:
    """Memory and CPU of a worker with nothing to do, then how long single jobs wait for it."""
    with Producer(setting) as producer:
        _prepare(setting, producer)
        with Workers(setting) as workers:
            _warm(setting, producer, workers)
            time.sleep(plan.settle)  # the passing of idle time is what is measured here
            before = workers.cpu()
            time.sleep(plan.idle)
            cpu, memory = round(100 * (workers.cpu() - before) / plan.idle, 3), workers.memory()  # it comes in ticks
            waits = producer.ask("latency", samples=plan.samples, seed=plan.seed, timeout=plan.samples * 2 + 60)
    cuts = statistics.quantiles(waits, n=100)
    return {"memory": memory, "CPU": cpu, "pickup p50": cuts[49], "pickup p99": cuts[98]}


def _prepare(setting: Setting, producer: Producer) -> None:
    if setting.contender.peer in ("mrq_cloud", "mrq09", "procrastinate", "taskiq"):
        producer.ask("setup")
    setting.probe.write_bytes(b"")


def _warm(setting: Setting, producer: Producer, workers: Workers) -> None:
    """Wait until the worker takes jobs."""
    producer.ask("enqueue", task="stamp", n=1, how="one")
    _until(lambda: setting.count() >= RECORD_BYTES, workers, BOOT_SECONDS, "no job was run")
    setting.probe.write_bytes(b"")


def _until(condition: Callable[[], bool], workers: Workers, seconds: float, otherwise: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end or not workers.alive:
            raise RuntimeError(f"{otherwise} ({'the worker runs' if workers.alive else 'the worker has ended'})")
        time.sleep(0.002)


CASES: dict[str, Callable[[Setting, Plan], dict[str, float]]] = {
    contenders.DRAIN: drain,
    contenders.LOSSY: drain,
    contenders.TWO: drain,
    contenders.FOUR: drain,
    contenders.RAW_KEPT: drain,
    contenders.RAW_FAST: drain,
    contenders.IO: io_bound,
    contenders.MIXED: mixed,
    contenders.IDLE: idle,
    contenders.ENQUEUE: enqueue,
}


def measure(case: str, contender: Contender, services: Services, plan: Plan) -> dict[str, float]:
    """Run the case: what it found, by the name that is added to that of the case. Raises RuntimeError."""
    services.empty()
    run = contender.cases.get(case, Run())
    setting = Setting(contender, run, services, results=case not in (contenders.LOSSY, contenders.IDLE))
    return CASES[case](setting, plan)
