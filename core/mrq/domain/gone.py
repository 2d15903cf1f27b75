"""Base tasks of MRQ before 0.9.10 that are not there any more. Config files that are older still schedule them."""

from __future__ import annotations

from typing import Final

_CLEANING = "mrq.basetasks.cleaning."

GONE: Final = {
    f"{_CLEANING}RequeueLostJobs": "workers bring the jobs of dead workers back by themselves",
    f"{_CLEANING}RequeueRedisStartedJobs": "workers bring the jobs of dead workers back by themselves",
    f"{_CLEANING}QueueDelayedJobs": "workers start delayed jobs by themselves when their time has come",
    f"{_CLEANING}CleanKnownQueues": "no list of known queues is kept that would have to be cleaned",
    f"{_CLEANING}MigrateKnownQueues": "no list of known queues is kept that would have to be migrated",
}
"""Why nobody needs them, by path."""
