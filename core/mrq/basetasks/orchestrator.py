"""The task that says to the agents what they are to run. Agents do it by themselves; this is for doing it at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mrq.app import get_app
from mrq.context import log, subpool_map
from mrq.task import Task

if TYPE_CHECKING:
    from collections.abc import Mapping


class Orchestrate(Task):
    """Spread the commands of all worker groups over their agents.

    Params: `concurrency`, groups at the same time (default 5). Returns None.
    """

    max_concurrency = 1

    def run(self, params: Mapping[str, Any]) -> None:
        """See the class."""
        orchestrator = get_app().orchestrator
        names = orchestrator.names()
        if not names:
            log.info("there is no worker group")
            return
        subpool_map(max(1, int({"concurrency": 5, **params}["concurrency"])), orchestrator.orchestrate, names)
