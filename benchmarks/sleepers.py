"""How close to the ideal time jobs that wait get at best: greenlets that do nothing else, in a process of their own.

`python -m benchmarks.sleepers 2000 0.05 100` runs 2,000 sleeps of 0.05 s, 100 at a time, and prints the seconds from
the end of the first to the end of the last.
"""

from __future__ import annotations

import subprocess
import sys
import time

import gevent
from gevent.pool import Pool

PATIENCE = 120.0  # seconds


def multiple(n: int, seconds: float, at_a_time: int) -> float:
    """Time of `n` sleeps, as a multiple of what they would take if nothing else took any; counted as that of jobs is:
    from the first end, and one sleep before it."""
    command = [sys.executable, "-m", "benchmarks.sleepers", str(n), str(seconds), str(at_a_time)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout
    return (float(answer) + seconds) / (n / at_a_time * seconds)


def main(n: int, seconds: float, at_a_time: int) -> float:
    """Seconds from the first end to the last."""
    ends: list[float] = []

    def sleep() -> None:
        gevent.sleep(seconds)
        ends.append(time.monotonic())

    pool = Pool(at_a_time)
    for _ in range(n):
        pool.spawn(sleep)
    pool.join()
    return max(ends) - min(ends)


if __name__ == "__main__":
    print(main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
