"""Whole worker processes on the session's servers."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from mrq.embedded.ports import pick_port
from support.faultsite import FaultSite
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.workers import WorkerProcess


class Site(FaultSite):
    """Workers with an admin server."""

    def admin_worker(self, *arguments: str, **options: Any) -> tuple[WorkerProcess, Admin]:
        port = pick_port()
        worker = self.start_worker("--admin_port", str(port), *arguments, **options)
        admin = Admin(port)
        wait_until(admin.answers, 30, what="the admin server answers")
        return worker, admin

    def logs(self, **owner: Any) -> list[str]:
        """Texts in mrq_logs of one owner."""
        return [document["logs"] for document in self._database.mrq_logs.find(owner)]

    @property
    def database(self) -> Any:
        """The test's own."""
        return self._database

    def document(self, job: Any) -> dict[str, Any]:
        """One job."""
        document = self._database.mrq_jobs.find_one({"_id": job})
        assert document is not None
        return document

    def wait_for_end(self, job: Any, status: str = "success") -> dict[str, Any]:
        """Wait for a job's end."""
        wait_until(lambda: self.document(job)["status"] == status, 20, what=f"a job in status {status}")
        return self.document(job)


class Admin:
    """The admin server of a worker."""

    def __init__(self, port: int) -> None:
        self.port = port

    def get(self, path: str, timeout: float = 30.0) -> tuple[int, bytes]:
        """Status and body."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=timeout) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def report(self, path: str = "/report") -> dict[str, Any]:
        """A report."""
        status, body = self.get(path)
        assert status == 200
        report: dict[str, Any] = json.loads(body)
        return report

    def answers(self) -> bool:
        """Whether it is there."""
        try:
            return self.get("/report")[0] == 200
        except OSError:
            return False


@pytest.fixture
def site(mongodb_url: str, redis_url: str, redis_prefix: str, tmp_path: Path) -> Iterator[Site]:
    """A database of the test's own; this process is a producer."""
    with Site(mongodb_url, redis_url, tmp_path, redis_prefix) as entered:
        yield entered
