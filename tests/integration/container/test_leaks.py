"""The way that docs/memory.md tells, on a task that leaks: from a worker that grows to the line."""

from __future__ import annotations

import re
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mrq.context import run_task
from mrq.domain.figures import Figures
from mrq.domain.stats import Tally
from mrq.job import queue_jobs
from mrq.stores.stats_documents import period_of
from support import leakytasks
from support.waiting import wait_until

if TYPE_CHECKING:
    from integration.container.conftest import Site

TASKS = "support.leakytasks"
DOCS = Path(__file__).resolve().parents[3] / "docs" / "memory.md"
JOBS, NOW = 30, datetime(2026, 1, 5)


def run_both(site: Site, jobs: int) -> None:
    for task in ("Leaks", "IsClean"):
        queue_jobs(f"{TASKS}.{task}", [{}] * jobs)
    wait_until(lambda: site.database.mrq_jobs.count_documents({"status": "success"}) == 2 * jobs, 30)


def test_from_a_worker_that_grows_to_the_task(site: Site) -> None:
    site.start_worker("--trace_memory", "--report_interval", "0.3", greenlets=1)
    run_both(site, JOBS)

    def growth() -> dict[str, Figures]:
        """By task, of what the worker has written so far."""
        tally = Tally()
        for period in map(period_of, site.database.mrq_stats.find({"res": "worker"})):
            tally.merge(period.tally)
        return {path: Figures.of(counts, NOW, 60, path=path) for (_, path), counts in tally.counts.items()}

    assert site.database.mrq_jobs.count_documents({"memory_diff": {"$exists": True}}) == 2 * JOBS
    wait_until(lambda: sum(each.settled for each in growth().values()) == 2 * JOBS, 30, what="the figures")
    leaks, clean = (growth()[f"{TASKS}.{task}"].growth or 0 for task in ("Leaks", "IsClean"))
    assert leaks > 0.5 * leakytasks.SIZE > 3 * abs(clean)


def test_and_to_what_keeps_the_memory(site: Site, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    flags = ("--trace_memory_type", f"{TASKS}.Page", "--trace_memory_output_dir", str(folder))
    worker = site.start_worker(*flags, greenlets=1)
    run_both(site, 12)
    wait_until(lambda: worker.log.count("left 1 objects") == 12, 20)
    assert f"({TASKS}.Leaks) left 1 objects of type {TASKS}.Page: module support.leakytasks -> dict" in worker.log
    assert f"({TASKS}.IsClean) left" not in worker.log
    pictures = list(folder.iterdir())
    assert len(pictures) == 10, "as many as somebody looks at"
    assert all(f"{TASKS}.Leaks-{TASKS}.Page-" in each.name for each in pictures)


def test_the_code_on_the_page_is_that_of_the_example() -> None:
    assert (DOCS.parents[1] / "examples" / "find_leak.py").read_text() in DOCS.read_text()


@pytest.mark.usefixtures("site")
def test_and_to_the_line_that_leaks() -> None:
    code = re.search(r'```python title="find_leak.py"\n(.*?)```', DOCS.read_text(), re.DOTALL)
    assert code is not None
    names: dict[str, Any] = {}
    exec(code[1], names)
    worst = names["what_stays"](lambda: run_task(f"{TASKS}.Leaks", {}))[0]
    source = Path(sys.modules[TASKS].__file__ or "")
    line = next(n for n, text in enumerate(source.read_text().splitlines(), 1) if "* SIZE" in text)
    assert f"leakytasks.py:{line}: 1,000," in worst
    leakytasks.seen.clear()


def test_a_picture_that_can_not_be_drawn_harms_no_job(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    worker = site.start_worker(
        "--trace_memory_type", f"{TASKS}.Page", "--trace_memory_output_dir", str(tmp_path / "file"), greenlets=1
    )
    (job,) = queue_jobs(f"{TASKS}.Leaks", [{}])
    site.wait_for_end(job)
    wait_until(lambda: "can't be drawn (1 times so far)" in worker.log, 20)
