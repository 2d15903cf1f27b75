"""Whether the jobs of the demo did what they should: their results beside a second count of the input."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from mrq.domain.status import SETTLED, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mrq.app import App
    from mrq.job import JobHandle
    from mrq.ports.reports import TaskReport

LARGE_JOBS = 2  # token_frequency and longest_identifiers, over the largest package
WAIT_SECONDS = 5.0


class Counted(Protocol):
    """What the second count found. `size`: bytes of the files that are valid Python."""

    @property
    def packages(self) -> int: ...
    @property
    def files(self) -> int: ...
    @property
    def unparsable(self) -> int: ...
    @property
    def size(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Comparison:
    """One number: what the jobs have, and what it should be."""

    what: str
    jobs: int
    expected: int

    @property
    def agrees(self) -> bool:
        """Whether both are the same."""
        return self.jobs == self.expected


@dataclass(frozen=True, slots=True)
class Verdict:
    """Everything that was compared."""

    comparisons: list[Comparison]
    jobs: int
    failed: int
    files: int
    seconds: float
    problems: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether all agrees."""
        return not self.problems and all(comparison.agrees for comparison in self.comparisons)


def compare(app: App, first: JobHandle[Any], counted: Counted, counts: Mapping[Status, int], seconds: float) -> Verdict:
    """Compare the jobs in MongoDB with the count. `first`: the job that queued the others; `counts`: by status."""
    problems: list[str] = []
    found: dict[str, Any] = {}
    try:
        queued = first.result(timeout=WAIT_SECONDS)
        summary = app.jobs.fetch(queued["summary"])
        found = summary.result if summary is not None and summary.status is Status.SUCCESS else {}
        if not found:
            problems.append(f"job {queued['summary']}, which adds up everything, has no result")
    except Exception as error:  # noqa: BLE001 - whatever it was is the verdict
        problems.append(f"the first job: {error}")
    jobs = sum(counts.values())
    tasks = {report.path.rpartition(".")[2]: report for report in app.reports.by_task()}
    others = sum(_failed(report) for name, report in tasks.items() if name != "index_file")
    file_jobs = tasks.get("index_file")
    # one each: index_everything, summarise; two a package: index_package, SummarisePackage
    expected = counted.files + 2 * counted.packages + 2 + (LARGE_JOBS if counted.files else 0)
    comparisons = [
        Comparison("jobs, all together", jobs, expected),
        Comparison("jobs without a final status", sum(n for s, n in counts.items() if s not in SETTLED), 0),
        Comparison("packages", found.get("packages", 0), counted.packages),
        Comparison("files (jobs of index_file)", file_jobs.jobs if file_jobs else 0, counted.files),
        Comparison("files that are no Python", _failed(file_jobs) if file_jobs else 0, counted.unparsable),
        Comparison("bytes of the others", found.get("bytes", 0), counted.size),
        Comparison("failed jobs of other tasks", others, 0),
    ]
    failed = sum(number for status, number in counts.items() if status is not Status.SUCCESS)
    return Verdict(comparisons, jobs, failed, counted.files, seconds, problems)


def _failed(report: TaskReport) -> int:
    return report.jobs - report.by_status.get(Status.SUCCESS, 0)
