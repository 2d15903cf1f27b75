"""A producer that queues jobs in bulk and goes on while its database fails."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from mrq.exceptions import ServerUnavailableError
from mrq.job import queue_jobs
from support.waiting import wait_until

if TYPE_CHECKING:
    from mrq.domain.ids import JobId

CALL, BATCH = 200, 20


class Producer(threading.Thread):
    """Queues jobs in calls of many until so many are acknowledged. After a failed call it goes on with new jobs."""

    def __init__(self, jobs: int) -> None:
        super().__init__(daemon=True)
        self._jobs = jobs
        self.acknowledged: dict[JobId, str] = {}
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            number = 0
            while len(self.acknowledged) < self._jobs:
                keys = [f"job{number + offset}" for offset in range(CALL)]
                number += CALL
                calls = [{"key": key, "seconds": 0.02} for key in keys]
                try:
                    ids = queue_jobs("support.faulttasks.work", calls, batch_size=BATCH)
                except ServerUnavailableError:
                    continue
                self.acknowledged.update(zip(ids, keys, strict=True))
        except BaseException as error:
            self.error = error

    def wait_until_amidst(self, acknowledged: int) -> None:
        """Wait until so many jobs are acknowledged; it must not be done with the rest by then."""
        wait_until(lambda: len(self.acknowledged) >= acknowledged, 60, what=f"{acknowledged} jobs acknowledged")
        assert self.is_alive(), "nothing can fail in the middle of its work any more"

    def assert_done(self) -> None:
        """It has queued all it had to, with no error but those that a producer must expect."""
        assert not self.is_alive()
        assert self.error is None
