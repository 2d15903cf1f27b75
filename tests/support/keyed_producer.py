"""A producer in a process of its own that queues jobs under keys, as soon as it is told to.

    python -m support.keyed_producer MONGODB_URL REDIS_URL PREFIX KEYS ROUNDS [die]

It says "ready", waits for a line, queues, and prints the ids, one a line and round. `die`: it is gone in the moment
in which the keys are taken and the jobs not yet inserted.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from mrq.app import App, use_app
from mrq.job import queue_jobs

TASK = "support.faulttasks.work"


def main(mongodb_url: str, redis_url: str, prefix: str, keys: str, rounds: str, *more: str) -> None:
    """See the module's docstring."""
    app = App({"mongodb_jobs": mongodb_url, "redis": redis_url, "redis_prefix": prefix})
    use_app(app)
    app.jobs.ping()
    if "die" in more:
        jobs: Any = app.jobs
        jobs.insert = lambda batch: os._exit(9)
    names = [f"key{n}" for n in range(int(keys))]
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(int(rounds)):
        ids = queue_jobs(TASK, [{"key": name} for name in names], keys=names, batch_size=50)
        print(*ids, flush=True)
    app.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
