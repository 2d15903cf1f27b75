"""A process that requeues all cancelled jobs, and is gone in the moment in which workers are to hear of it.

python -m support.requeuer MONGODB_URL REDIS_URL PREFIX one|many
"""

from __future__ import annotations

import os
import sys
from typing import Any

from mrq.app import App, use_app
from mrq.job import Job, jobs_matching

DIED = 9


def main(mongodb_url: str, redis_url: str, prefix: str, how: str) -> None:
    """See the module's docstring. `many`: ten at once."""
    app = App({"mongodb_jobs": mongodb_url, "redis": redis_url, "redis_prefix": prefix})
    use_app(app)
    wakeups: Any = app.wakeups
    wakeups.notify = wakeups.announce = lambda *_: os._exit(DIED)
    cancelled = jobs_matching(status="cancel")
    if how == "many":
        cancelled.requeue(batch_size=10)
    else:
        (job, *_) = app.jobs.collection.find({"status": "cancel"})  # type: ignore[attr-defined]
        Job(job["_id"]).requeue()


if __name__ == "__main__":
    main(*sys.argv[1:])
