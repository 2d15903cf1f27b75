"""The stories of docs/stories.md: their commands are run as they stand there, on the jobs of the examples."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mrq.app import get_app
from mrq.workers import profiles
from support.workers import environment_for

if TYPE_CHECKING:
    from integration.container.conftest import Site

ROOT = Path(__file__).resolve().parents[3]
STORY = re.compile(r'^```bash title="story: ([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
PAGE = (ROOT / "docs" / "stories.md").read_text()
STORIES = dict(STORY.findall(PAGE))
LEAKING = "source_index.leaking"


@pytest.fixture
def tell(site: Site, mongodb_url: str, redis_url: str, redis_prefix: str, tmp_path: Path):  # type: ignore[no-untyped-def]
    """Runs the commands of a story; what they said."""
    environment = {
        **os.environ,
        **environment_for(mongodb_url, redis_url, redis_prefix, tmp_path / "ledger"),
        "PYTHONPATH": str(ROOT / "examples"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }

    (tmp_path / "examples").symlink_to(ROOT / "examples")  # the stories are told in the folder of a checkout

    def told(name: str, files: int = 12) -> str:
        commands = re.sub(r'"files": \d+', f'"files": {files}', STORIES[name])
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", commands], env=environment, cwd=tmp_path, capture_output=True,
            text=True, timeout=100, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        if "mrq run" in commands:
            assert site.database.mrq_jobs.count_documents({"status": "success"}) > 5
        return done.stdout + done.stderr

    return told


def test_a_slow_job(tell) -> None:  # type: ignore[no-untyped-def]
    said = tell("slow jobs")
    assert re.search(r"\(source_index.tasks.index_file\) kept all other jobs of this worker waiting", said)
    assert "functions:" in said
    (profile,) = profiles()
    assert str(profile.id) in said.splitlines()[-1] or f"{profile.id}  worker" in said


def test_who_waits_for_what(tell) -> None:  # type: ignore[no-untyped-def]
    said = tell("waiting")
    io = eval(next(line for line in said.splitlines() if line.startswith("{'types'")))
    assert {kind.partition(".")[0] for kind, _ in io["types"]} == {"mongodb", "redis"}
    assert "source_index.tasks.index_package" in dict(io["tasks"])


def test_a_worker_that_grows(tell, site: Site) -> None:  # type: ignore[no-untyped-def]
    said = tell("memory", files=120)
    assert site.database.mrq_jobs.count_documents({"memory_diff": {"$exists": True}}) == 241
    assert "grew a run" in said
    rows = re.findall(rf"^{LEAKING}\.(\w+) +120 .* (-?[\d,.]+) KiB$", said, re.MULTILINE)
    grew = {task: float(kib.replace(",", "")) for task, kib in rows}
    assert grew["count_words"] > 3 * max(grew["count_lines"], 1)


def test_what_keeps_the_memory_of_a_worker_that_grows(tell, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    said = tell("memory, the objects")
    left = f"({LEAKING}.count_words) left 1 objects of type {LEAKING}.Words: "
    left += f"module {LEAKING} -> dict -> list seen -> Words"
    assert said.count(left) == 12
    assert left in PAGE
    assert f"({LEAKING}.count_lines) left" not in said
    assert len(list((tmp_path / "memory_traces").glob(f"{LEAKING}.count_words-{LEAKING}.Words-*"))) == 10


def test_which_line_makes_a_worker_grow(tell) -> None:  # type: ignore[no-untyped-def]
    found = re.findall(r"^(\S+):(\d+): (-?[\d,]+) bytes a run$", tell("memory, the line"), re.MULTILINE)
    large = [(file, line) for file, line, size in found if int(size.replace(",", "")) > 10_000]
    assert large == [(found[0][0], found[0][1])], "of the task that leaks, first; none of the other"
    ((file, line),) = large
    assert file.endswith("examples/source_index/leaking.py")
    assert "WORD.findall" in Path(file).read_text().splitlines()[int(line) - 1]
    assert f"{file[file.index('examples/') :]}:{line}: " in PAGE


def test_one_job_across_processes(tell, site: Site, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    tell("tracing")
    producer, worker = (tmp_path / f"{name}.txt" for name in ("producer", "worker"))
    (trace,) = set(re.findall(r'"trace_id": "0x(\w+)"', producer.read_text()))
    assert '"name": "send default"' in producer.read_text()
    text = worker.read_text()
    assert set(re.findall(r'"trace_id": "0x(\w+)"', text)) == {trace}
    assert {"send default", "wait default", "process default", "process cpu"} <= set(
        re.findall(r'"name": "(.+?)"', text)
    )
    metrics = [json.loads(line) for line in text.splitlines() if line.startswith('{"_aws"')]
    assert {line["Task"] for line in metrics if "Task" in line} >= {"source_index.tasks.index_file"}
    assert get_app() is site.app


def test_all_stories_are_told() -> None:
    assert set(STORIES) == {
        "slow jobs", "waiting", "memory", "memory, the objects", "memory, the line", "tracing"
    }  # fmt: skip
