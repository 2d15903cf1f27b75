"""Workers of this version and of the one before on the same servers, as during an upgrade.

The one before is the revision that MRQ_TEST_PREVIOUS names, or the latest tag of a release, or, before there was one,
the code that the kept documents of the latest version come from. Without a clone, or in one without a history, there is
nothing to run; where there is a history and the revision isn't in it, that is a failure.
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


def git(root: Path, *arguments: str) -> str | None:
    """What it says; None: it fails, or there is none."""
    done = _git(root, *arguments)
    return None if done is None else done.decode().strip()


def _git(root: Path, *arguments: str) -> bytes | None:
    if shutil.which("git") is None:
        return None
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


def revision_before(root: Path, named: str | None) -> str:
    """The revision of the version before. Skips where there is no history to find one in; fails where there is one and
    it isn't found."""
    if not (root / ".git").exists():
        pytest.skip("this is no git clone, so no version before this one is there")
    found = git(root, "rev-parse", "--is-shallow-repository")
    if found is None:
        pytest.fail(
            f"{root} is a git clone, and git can't read it: is git installed, and is the folder its user's own?"
        )
    if found == "true" and not named:
        pytest.skip("this clone has no history (git fetch --unshallow --tags), so no version before this one is there")
    revision = (
        named
        or git(root, "describe", "--tags", "--abbrev=0", "--match", "v*")
        or git(root, "log", "-1", "--format=%H", "--", KEPT)
    )
    if not revision or git(root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}") is None:
        pytest.fail(f"{revision or KEPT} is not in this clone's history; {VARIABLE} names another revision")
    return revision


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The PYTHONPATH of the version before."""
    packed = _git(ROOT, "archive", revision_before(ROOT, os.environ.get(VARIABLE)), *FOLDERS)
    assert packed is not None
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
def clone(tmp_path: Path) -> Path:
    """A repository with two commits, of which the first wrote the kept documents."""
    root = tmp_path / "clone"
    (root / KEPT).mkdir(parents=True)
    git(tmp_path, "init", "--quiet", str(root))
    for name in (f"{KEPT}/1.json", "later"):
        (root / name).write_text("{}")
        git(root, "add", ".")
        assert git(root, "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "-m", name) == ""
    return root


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


def test_the_version_before_is_a_tag_or_that_of_the_kept_documents(clone: Path) -> None:
    assert revision_before(clone, None) == git(clone, "rev-parse", "HEAD~")
    git(clone, "tag", "v1.0.0")
    assert revision_before(clone, None) == "v1.0.0"
    assert revision_before(clone, "HEAD") == "HEAD"


def test_a_revision_that_is_not_there_is_a_failure(clone: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match=f"v0.9 is not in this clone's history; {VARIABLE} names another"):
        revision_before(clone, "v0.9")


def test_a_history_without_kept_documents_is_a_failure(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    with pytest.raises(pytest.fail.Exception, match=f"{KEPT} is not in this clone's history"):
        revision_before(tmp_path, None)


def test_a_clone_that_git_cannot_read_is_a_failure(clone: Path) -> None:
    (clone / ".git" / "HEAD").unlink()
    with pytest.raises(pytest.fail.Exception, match="git can't read it"):
        revision_before(clone, None)


def test_without_a_history_there_is_nothing_to_run(clone: Path, tmp_path: Path) -> None:
    with pytest.raises(pytest.skip.Exception, match="no git clone"):
        revision_before(tmp_path, None)
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{clone}", str(shallow))
    with pytest.raises(pytest.skip.Exception, match="no history"):
        revision_before(shallow, None)
    assert revision_before(shallow, "HEAD") == "HEAD"
