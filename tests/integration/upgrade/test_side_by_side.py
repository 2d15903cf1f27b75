"""Workers of this version and of the one before on the same servers, as during an upgrade.

The one before is the revision that MRQ_TEST_PREVIOUS names, or the latest tag of a release, or, before there was one,
the code that the kept documents of the latest version come from. Without a clone there is nothing to run.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING

import pytest

from support import faulttasks
from support.faultsite import FaultSite
from support.schema import ROOT
from support.waiting import wait_until
from support.workers import TESTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VARIABLE = "MRQ_TEST_PREVIOUS"
FOLDERS = ("core", "adapters/container")
KEPT = "tests/integration/upgrade/schemas"
JOBS = 60


def _git(*arguments: str) -> bytes | None:
    if shutil.which("git") is None:
        return None
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The PYTHONPATH of the version before."""
    revision = (
        os.environ.get(VARIABLE)
        or (_git("describe", "--tags", "--abbrev=0", "--match", "v*") or b"").decode().strip()
        or (_git("log", "-1", "--format=%H", "--", KEPT) or b"").decode().strip()
    )
    if not revision:
        pytest.skip("this is no git clone, so no version before this one is there")
    packed = _git("archive", revision, *FOLDERS)
    assert packed is not None, f"{revision} is not in this clone"
    folder = tmp_path_factory.mktemp("previous")
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    path = os.pathsep.join([str(TESTS), *(str(folder / each) for each in FOLDERS)])
    where = "import mrq, mrq_container; print(mrq.__file__, mrq_container.__file__)"
    loaded = subprocess.run(
        [sys.executable, "-c", where],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout.count(str(folder)) == 2, "the workers of the version before would run today's code"
    return path


@pytest.fixture
def site(mongodb_url: str, redis_url: str, redis_prefix: str, tmp_path: Path) -> Iterator[FaultSite]:
    """Real servers, and workers on them."""
    with FaultSite(mongodb_url, redis_url, tmp_path, redis_prefix) as entered:
        entered.app.ensure_indexes()
        yield entered


def test_both_share_the_work(site: FaultSite, previous: str) -> None:
    old, new = site.start_worker(greenlets=4, PYTHONPATH=previous), site.start_worker(greenlets=4)
    for worker in (old, new):
        worker.wait_ready()
    acknowledged = {faulttasks.work.queue(f"k{n}", seconds=0.05).id: f"k{n}" for n in range(JOBS)}
    site.assert_all_succeed(acknowledged)
    assert all(len(site.ledger.runs_of(key)) == 1 for key in acknowledged.values())
    assert {str(job["worker"]) for job in site.jobs()} == {*old.identities, *new.identities}


@pytest.mark.parametrize("dies", ["old", "new"])
def test_each_takes_over_from_the_other(site: FaultSite, previous: str, dies: str) -> None:
    first = site.worker(**({"PYTHONPATH": previous} if dies == "old" else {}))
    job = faulttasks.endless_at_first.queue("k")
    site.wait_for_runs(1)
    second = site.worker(**({"PYTHONPATH": previous} if dies == "new" else {}))
    first.kill()
    site.assert_all_succeed({job.id: "k"})
    assert str(site.job(job)["worker"]) in second.identities
    wait_until(lambda: site.worker_statuses()[first.identities[0]] == "lost", what="the dead worker is marked")
