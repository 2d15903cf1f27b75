"""The producer of one peer, in that peer's environment: a JSON command a line on stdin, an answer a line on stdout."""

from __future__ import annotations

import importlib
import json
import os
import random
import sys
import time
import traceback
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - MRQ 0.9 patches much: kept plain

import probe

ANSWER_SECONDS = 15.0


def records(begin: int) -> list[tuple[int, int]]:
    """(nanoseconds, number) of the jobs that began since the probe had `begin` bytes."""
    with open(os.environ["BENCH_PROBE"], "rb") as file:  # noqa: PTH123
        file.seek(begin)
        data = file.read()
    whole = len(data) - len(data) % probe.RECORD.size
    return [probe.RECORD.unpack_from(data, at) for at in range(0, whole, probe.RECORD.size)]


def size() -> int:
    return os.stat(os.environ["BENCH_PROBE"]).st_size  # noqa: PTH116


def enqueue(peer: Any, task: str, n: int, how: str) -> dict[str, Any]:
    """Seconds that a producer takes."""
    queue = peer.enqueue_bulk if how == "bulk" else peer.enqueue_one
    start = time.perf_counter()
    queue(task, range(n))
    return {"seconds": time.perf_counter() - start, "pending": peer.pending()}


def latency(peer: Any, samples: int, seed: int) -> list[float]:
    """Milliseconds from before the call that enqueues a job to the begin of its body, one job at a time."""
    chance, found = random.Random(seed), []
    for number in range(samples):
        time.sleep(chance.uniform(0.02, 0.2))  # a worker that looks at intervals must not be met in step
        begin, start = size(), time.monotonic_ns()
        peer.enqueue_one("stamp", [number])
        end = time.monotonic() + ANSWER_SECONDS
        while size() < begin + probe.RECORD.size and time.monotonic() < end:
            time.sleep(0.001)
        began = records(begin)
        if not began:
            raise RuntimeError(f"the worker did not begin a job within {ANSWER_SECONDS:g} s")
        found.append((began[0][0] - start) / 1e6)
    return found


def mixed(peer: Any, bursts: int, small: int, seed: int) -> list[float]:
    """Milliseconds that small jobs waited: twice a second a burst comes, in which one job burns CPU."""
    chance, sent, began, number = random.Random(seed), {}, records(0), 0
    next_burst = time.monotonic()
    for _ in range(bursts):
        heavy = number + chance.randrange(small + 1)
        for _ in range(small + 1):
            if number != heavy:
                sent[number] = time.monotonic_ns()
            peer.enqueue_one("burn" if number == heavy else "stamp", [number])
            number += 1
        next_burst += 0.5
        time.sleep(max(0.0, next_burst - time.monotonic()))
    end = time.monotonic() + 4 * ANSWER_SECONDS
    while len(began) < number and time.monotonic() < end:
        time.sleep(0.05)
        began = records(0)
    if len(began) < number:
        raise RuntimeError(f"{number - len(began)} of {number} jobs did not begin")
    return [(at - sent[which]) / 1e6 for at, which in began if which in sent]


def answer(peer: Any, command: dict[str, Any]) -> Any:
    op = command.pop("op")
    if op in ("enqueue", "latency", "mixed"):
        return globals()[op](peer, **command)
    return getattr(peer, op)()


def main() -> None:
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints must not get into the answers
    peer = importlib.import_module(sys.argv[1])
    for line in sys.stdin:
        try:
            given: dict[str, Any] = {"ok": answer(peer, json.loads(line))}
        except Exception:  # noqa: BLE001 - the harness reports it
            given = {"error": traceback.format_exc()[-3000:]}
        out.write(json.dumps(given) + "\n")


if __name__ == "__main__":
    main()
