"""What jobs log, in the database and elsewhere, from whole worker processes."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from mrq.job import get_job_logs, queue_job

if TYPE_CHECKING:
    from integration.container.conftest import Site

SAY = "support.workertasks.Say"


def finish(site: Site, *arguments: str, **environment: str) -> tuple[object, str]:
    """Run one job in a worker and stop it; the job, and the worker's own log."""
    worker = site.worker(*arguments, **environment)
    job = queue_job(SAY, {"n": 1, "sleep": 0.2})
    site.wait_for_end(job)
    worker.signal(signal.SIGINT)
    assert worker.wait() == 0
    return job, worker.log


def test_a_short_job_has_one_document_with_its_lines(site: Site) -> None:
    job, terminal = finish(site)
    (text,) = site.logs(job=job)
    lines = text.splitlines()
    assert [line.split("] ", 1)[1] for line in lines] == ["at debug", "adding", "empty {}", "café 1"]
    assert "[WARNING] café 1" in text
    assert [piece.text for piece in get_job_logs(job)] == [text]
    assert site.database.mrq_logs.options()["capped"] is True
    worker = site.database.mrq_workers.find_one()["_id"]
    assert "serves default" in "".join(site.logs(worker=worker))
    assert "café 1" in terminal
    assert "serves default" in terminal


@pytest.mark.parametrize("quiet", [(), ("--quiet",)])
def test_the_terminal_can_be_quiet_while_logs_are_kept(site: Site, quiet: tuple[str, ...]) -> None:
    worker = site.start_worker(*quiet, "--max_jobs", "1")
    job = queue_job(SAY, {"n": 1})
    assert worker.wait() == 0
    assert ("adding" in worker.log) is not bool(quiet)
    assert "adding" in "".join(site.logs(job=job))


def test_no_logs_are_kept_on_demand(site: Site) -> None:
    finish(site, "--mongodb_logs", "0")
    assert "mrq_logs" not in site.database.list_collection_names()


def test_logs_in_another_database(site: Site) -> None:
    other = f"{site.database.name}_logs"
    url = site.mongodb_url.replace(site.database.name, other)
    try:
        job, _ = finish(site, "--mongodb_logs", url)
        assert site.database.client[other].mrq_logs.find_one({"job": job})["logs"]
        assert "mrq_logs" not in site.database.list_collection_names()
    finally:
        site.database.client.drop_database(other)


def test_handlers_of_ones_own(site: Site) -> None:
    (site.folder / "mrq-config.py").write_text(
        'LOG_HANDLERS = {"support.workertasks.FileHandler": '
        '{"path": "own.log", "format": "%(levelname)s|%(message)s"}}\n'
    )
    job, _ = finish(site, "--log_level", "INFO")
    lines = (site.folder / "own.log").read_text().splitlines()
    assert "INFO|adding" in lines
    assert "INFO|empty {}" in lines
    assert not [line for line in lines if line.startswith("DEBUG")]
    assert site.logs(job=job) == [], "LOG_HANDLERS takes the place of the default"


def test_a_small_size_is_kept_to(site: Site) -> None:
    (site.folder / "mrq-config.py").write_text(
        'LOG_HANDLERS = {"mrq.logger.MongoHandler": {"mongodb_logs_size": 65536}}\n'
    )
    finish(site)
    assert site.database.mrq_logs.options()["size"] == 65536
