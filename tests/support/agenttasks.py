"""Tasks that agents run in tests."""

from __future__ import annotations

import os
from typing import Any

from mrq.context import connections, get_current_config
from mrq.task import Task


class Grow(Task):
    """Asks for more of a command each time, up to three."""

    def run(self, params: dict[str, Any]) -> None:
        group = {"_id": get_current_config()["worker_group"]}
        groups = connections.mongodb_jobs.mrq_workergroups
        now = groups.find_one(group)["commands"]
        if len(now) < 3:
            groups.update_one(group, {"$set": {"commands": [*now, os.environ["MRQ_TEST_GROW"]]}})
