"""`mrq failures` and the runs in `mrq job`, after real failures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from mrq.failures import attempts, failure_details, failure_groups
from mrq.job import Job, queue_job, queue_jobs
from mrq.testing import run_jobs

if TYPE_CHECKING:
    from cli.conftest import Mrq

    from mrq.app import App

TASKS = """
from mrq.task import task

@task
def fetch(site, n, at=None):
    if site == "broken":
        raise ValueError(f"no row {n} in 'x{n}'")
    if at:
        raise KeyError(at)

@task
def log_in(n, auth):
    if n < 0:
        return {"session_id": auth["password"], "url": f"https://u:{auth['password']}@h"}
    raise ValueError(f"refused: password={auth['password']} at mongodb://u:{auth['password']}@h")
"""
FETCH, LOG_IN = "tasks_that_fail.fetch", "tasks_that_fail.log_in"


@pytest.fixture
def failed(app: App, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Three jobs that failed alike, one that failed otherwise, and many that didn't."""
    (tmp_path / "tasks_that_fail.py").write_text(TASKS)
    monkeypatch.syspath_prepend(str(tmp_path))
    queue_jobs(FETCH, [{"site": "fine", "n": n} for n in range(9)])
    queue_job(FETCH, {"site": "fine", "n": 1, "at": "z"})
    bad = queue_jobs(FETCH, [{"site": "broken", "n": n} for n in range(3)])
    run_jobs("default", app=app)
    return list(bad)


@pytest.mark.usefixtures("configured")
def test_failures_are_shown_in_groups_with_what_their_jobs_share(mrq: Mrq, failed: list[Any]) -> None:
    code, out, err = mrq("failures", "--json")
    assert (code, err) == (0, "")
    groups = {group["exceptiontype"]: group for group in map(json.loads, out.splitlines())}
    assert {kind: group["jobs"] for kind, group in groups.items()} == {"ValueError": 3, "KeyError": 1}
    name = groups["ValueError"]["fingerprint"]
    assert groups["ValueError"]["example"] in map(str, failed)
    assert f"{name}  3 jobs of {FETCH}, first " in mrq("failures")[1]
    code, out, _ = mrq("failures", name)
    assert code == 0
    assert "100% have site = 'broken', of all jobs 23%" in out
    assert all(f"job {job}, failed" in out for job in failed)
    shared = json.loads(mrq("failures", name, "--json")[1])["shared"]
    assert [(each["name"], each["value"], each["members"]) for each in shared] == [("site", "broken", 1.0)]


@pytest.mark.usefixtures("configured")
def test_a_group_of_which_all_jobs_run_again_is_gone(mrq: Mrq, failed: list[Any]) -> None:
    (group,) = [group for group in failure_groups() if group.exceptiontype == "ValueError"]
    for job in failed:
        Job(job).requeue()
    assert failure_details(group.fingerprint) is None
    code, _, err = mrq("failures", group.fingerprint)
    assert code == 1
    assert f"no job is in the group {group.fingerprint}" in err


@pytest.mark.usefixtures("configured")
def test_failures_that_were_not_seen_before_the_last_deploy_are_new(mrq: Mrq, app: App, failed: list[Any]) -> None:
    def new() -> dict[tuple[str, str], bool | None]:
        groups = map(json.loads, mrq("failures", "--json")[1].splitlines())
        return {(group["task"], group["exceptiontype"]): group["new"] for group in groups}

    assert new() == {(FETCH, "ValueError"): None, (FETCH, "KeyError"): None}, "nobody marks deploys"
    assert "new since" not in mrq("failures")[1]
    assert mrq("mark-deploy", "v7")[0] == 0
    assert mrq("mark-deploy", "v8")[0] == 0
    Job(failed[0]).requeue()
    queue_job(LOG_IN, {"n": 1, "auth": {"password": "x"}})
    run_jobs("default", app=app)
    assert new() == {(FETCH, "ValueError"): False, (FETCH, "KeyError"): False, (LOG_IN, "ValueError"): True}
    (line,) = [line for line in mrq("failures")[1].splitlines() if "new since v8" in line]
    name = line.split()[0]
    assert f"1 job of {LOG_IN}" in line
    assert "new since v8" in mrq("failures", name)[1]
    assert json.loads(mrq("failures", name, "--json")[1])["new"] is True


@pytest.mark.usefixtures("configured")
def test_a_job_is_shown_with_its_runs(mrq: Mrq, app: App, failed: list[Any]) -> None:
    Job(failed[0]).requeue()
    run_jobs("default", app=app)
    first, second = attempts(failed[0])
    assert first.fingerprint == second.fingerprint
    assert first.started < second.started
    out = mrq("job", str(failed[0]))[1]
    runs = out.partition("Runs\n")[2].splitlines()[:2]
    assert all(" failed on " in run and "ValueError no row 0 in 'x0'" in run for run in runs)
    assert attempts("0" * 24) == ()


@pytest.mark.usefixtures("configured", "failed")
def test_no_secret_is_printed(mrq: Mrq, app: App) -> None:
    job, _, well = queue_jobs(LOG_IN, [
        {"n": n, "auth": {"password": secret}} for n, secret in ((1, "hunter2"), (2, "hunter2"), (-1, "hunter22"))
    ])  # fmt: skip
    run_jobs("default", app=app)
    (group,) = [group for group in failure_groups() if "hunter2" in group.message]
    (shared,) = [each for each in failure_details(group.fingerprint).shared if each.name == "auth.password"]  # type: ignore[union-attr]
    assert shared.value == "hunter2", "kept as it is, hidden where it is printed"
    for said in (["failures"], ["failures", group.fingerprint], ["job", str(job)], ["job", str(well)]):
        for form in ([], ["--json"] if said[0] == "failures" else []):
            code, out, _ = mrq(*said, *form)
            assert code == 0
            assert "hunter2" not in out
            assert "***" in out
