"""`--report_file`: the newest report of a worker, as JSON."""

from __future__ import annotations

import json
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mrq.cli.run import as_json
from mrq_container.exporting import COMPLAIN_EVERY

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger("mrq.worker")


class ReportFile:
    """A file that has a report as a whole. What can't be written is counted and told; the next report tries again."""

    def __init__(self, path: str) -> None:
        """`path`: of the file; "": none is written."""
        self._path = Path(path) if path else None
        self.failed = 0

    def write(self, report: Mapping[str, Any]) -> None:
        """Put this report in the place of the one before. Raises nothing."""
        if self._path is None:
            return
        part = self._path.with_name(f"{self._path.name}.{os.getpid()}.part")
        try:
            part.write_text(json.dumps(report, default=as_json), encoding="utf-8")
            part.replace(self._path)
        except Exception as error:  # noqa: BLE001 - a full disk, a folder that isn't there: jobs are not to blame
            if self.failed % COMPLAIN_EVERY == 0:
                log.warning(
                    "the report file %s can't be written (%d times so far): %s", self._path, self.failed + 1, error
                )
            self.failed += 1
            with suppress(OSError):  # half a report would keep the room that is missing
                part.unlink(missing_ok=True)
