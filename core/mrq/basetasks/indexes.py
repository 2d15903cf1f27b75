"""Indexes of the database, as a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mrq.app import get_app
from mrq.context import log
from mrq.task import Task

if TYPE_CHECKING:
    from collections.abc import Mapping


class EnsureIndexes(Task):
    """Create the indexes that are missing. No params."""

    def run(self, params: Mapping[str, Any]) -> None:  # noqa: ARG002
        """See the class."""
        for name in get_app().ensure_indexes():
            log.info("created index %s", name)
