"""`python -m benchmarks.tracing_cost FLAG ...`: what flags cost a worker that drains no-op jobs, in processor time.

Each round drains the same jobs without and with the flags, in turns; the medians are compared. A no-op job is the
dearest case: what is recorded about a job costs the same whatever the job does.
"""

from __future__ import annotations

import argparse
import statistics
import sys

from benchmarks.statistics_cost import drain_seconds
from mrq.embedded import EmbeddedServers
from mrq.stores.mongo_client import connect


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tracing_cost", description=__doc__)
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    options, flags = parser.parse_known_args()
    with EmbeddedServers() as servers:
        database = connect(servers.mongodb_url, server_timeout=5, name="benchmarks")
        start, off, on = list[float](), list[float](), list[float]()
        for _ in range(options.rounds):
            start.append(drain_seconds(servers, database, 0))
            off.append(drain_seconds(servers, database, options.jobs))
            on.append(drain_seconds(servers, database, options.jobs, *flags))
    bare, without, with_flags = (statistics.median(each) for each in (start, off, on))
    cost = (with_flags - without) / options.jobs
    print(f"\n{options.jobs:,} no-op jobs, {options.rounds} rounds, processor time, medians")
    print(f"a drained job                    {(without - bare) / options.jobs * 1e6:>8.2f} us")
    print(f"more with {' '.join(flags):<22} {cost * 1e6:>8.2f} us {cost * options.jobs / (without - bare):>+8.2%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
