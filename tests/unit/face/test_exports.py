"""What `from module import *`, and tools that read `__all__`, find in the public modules."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
IMPORTED = re.compile(r"^(?:>>> )?from (mrq(?:\.\w+)*) import ([\w, ]+)", re.MULTILINE)

OF_0_9 = {
    "mrq.config": "add_parser_args get_config",
    "mrq.context": "abort_current_job connections get_config get_current_config get_current_job get_current_worker log "
    "metric queue_job queue_jobs queue_raw_jobs retry_current_job run_task set_current_config set_current_job "
    "set_current_job_progress set_current_worker setup_context subpool_imap subpool_map",
    "mrq.helpers": "metric ratelimit",
    "mrq.job": "FINAL_STATUSES Job TRANSIENT_STATUSES get_job_result queue_job queue_jobs queue_raw_jobs "
    "set_queues_size",
    "mrq.queue": "Queue send_raw_tasks send_task send_tasks",
    "mrq.subpool": "subpool_imap subpool_map",
    "mrq.task": "Task",
}


def named_in_the_documentation() -> set[tuple[str, str]]:
    pages = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md"]
    found = [pair for page in pages for pair in IMPORTED.findall(page.read_text(encoding="utf-8"))]
    return {(module, name.strip()) for module, names in found for name in names.split(",")}


@pytest.mark.parametrize("name", OF_0_9)
def test_a_face_names_what_0_9_had_and_what_is_documented(name: str) -> None:
    module = importlib.import_module(name)
    documented = {word for where, word in named_in_the_documentation() if where == name}
    assert {*OF_0_9[name].split(), *documented} <= set(module.__all__)
    assert all(hasattr(module, word) for word in module.__all__)


def test_the_documentation_is_read() -> None:
    assert {("mrq.job", "queue_raw_jobs"), ("mrq.task", "task")} <= named_in_the_documentation()
