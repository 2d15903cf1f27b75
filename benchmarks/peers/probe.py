"""What every peer's tasks share. Only the standard library: it runs in each peer's own environment.

A task appends to a file when it is done, and the harness reads the file: no worker is asked anything while it works,
and what is counted is the same for all. Appends are atomic between threads, greenlets, processes and forks.
"""

from __future__ import annotations

import os
import struct
import time

REDIS_URL = os.environ["BENCH_REDIS"]
MONGODB_URL = os.environ["BENCH_MONGODB"]
POSTGRES = os.environ.get("BENCH_POSTGRES", "")
RESULTS = os.environ.get("BENCH_RESULTS") == "1"  # whether results are stored in this run
ADDRESS = "someone@example.org"
SLEEP_SECONDS, BURN_SECONDS = 0.05, 0.5

RECORD = struct.Struct("<qq")  # nanoseconds of the monotonic clock, number of the job

_file = os.open(os.environ["BENCH_PROBE"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def tick() -> None:
    """Count one job as run."""
    os.write(_file, b".")


def note(number: int) -> None:
    """Write down that this job begins now."""
    os.write(_file, RECORD.pack(time.monotonic_ns(), number))


def noop(number: int, address: str) -> int:
    """Nothing, with a result."""
    tick()
    return number


def sleep50(number: int, address: str) -> int:
    """A wait for something outside."""
    time.sleep(SLEEP_SECONDS)
    tick()
    return number


def stamp(number: int, address: str) -> int:
    """When it began."""
    note(number)
    return number


def burn(number: int, address: str) -> int:
    """When it began, and half a second of CPU."""
    note(number)
    end = time.thread_time() + BURN_SECONDS
    while time.thread_time() < end:
        pass
    return number


BODIES = (noop, sleep50, stamp, burn)
