"""What `mrq demo` shows: a bar while it works (lines, where there is no terminal), and tables at the end."""

from __future__ import annotations

import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as RichProgress
from rich.table import Table
from rich.text import Text

from mrq.domain.status import SETTLED, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mrq.cli.demo_check import Verdict
    from mrq.ports.reports import JobReports, TaskReport

LINE_SECONDS = 2.0  # between two lines where there is no terminal
RATE_SECONDS = 3.0  # the rate is that of the last seconds
WIDEST = 100  # columns; wider tables are harder to read

MOST_NAMES = 2  # of running tasks; a line has no room for more
LONGEST_PARAM = 40  # characters

Cell = str | Text

_AGREES, _DIFFERS = Text("ok", style="green"), Text("differs", style="bold red")
_NUMBERS = frozenset({"jobs", "failed", "mean s", "longest s", "together s", "seconds", "jobs say", "counted"})
_COLOURS = {Status.SUCCESS: "green", Status.FAILED: "red", Status.TIMEOUT: "red"}


class Progress(Protocol):
    """Takes the counts while the jobs run."""

    def update(self, counts: Mapping[Status, int], running: Sequence[str] = ()) -> None:
        """Show these counts; `running`: the tasks of the last jobs, once only few are left."""
        ...


class Rate:
    """How many jobs end a second, over the last few seconds."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._seen: deque[tuple[float, int]] = deque([(self._began, 0)])

    def after(self, done: int, total: int) -> float:
        """Note that `done` of `total` jobs have ended by now; jobs a second, at the end since the start."""
        now = time.monotonic()
        if done == total:
            return done / max(now - self._began, 0.001)
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[0][0] > RATE_SECONDS:
            self._seen.popleft()
        since, before = self._seen[0]
        return (done - before) / max(now - since, 0.001)

    def in_words(self, done: int, total: int, running: Sequence[str]) -> str:
        """The rate of the last seconds, or what still runs when hardly anything ends; at the end the average."""
        rate = self.after(done, total)
        if running:
            more = f" +{len(running) - MOST_NAMES}" if len(running) > MOST_NAMES else ""
            return f"runs: {', '.join(running[:MOST_NAMES])}{more}"
        return f"{rate:>5,.0f}/s" + (" on average" if done == total else "")


class Bar:
    """A bar in a terminal."""

    def __init__(self, bar: RichProgress) -> None:
        self._bar = bar
        self._rate = Rate()
        self._task = bar.add_task("", total=None, failed="", rate="", done="")

    def update(self, counts: Mapping[Status, int], running: Sequence[str] = ()) -> None:
        """See Progress."""
        done, failed, total = _sums(counts)
        self._bar.update(
            self._task,
            completed=done,
            total=total or None,
            done=f"{done:>6,} of {total:,} jobs",
            failed=f"[red]{failed:>3} failed[/]" if failed else "  0 failed",
            rate=self._rate.in_words(done, total, running),
        )


class Lines:
    """A line every few seconds, for logs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._rate = Rate()
        self._began = self._last = time.monotonic()

    def update(self, counts: Mapping[Status, int], running: Sequence[str] = ()) -> None:
        """See Progress."""
        done, failed, total = _sums(counts)
        now = time.monotonic()
        if now - self._last < LINE_SECONDS and done < total:
            return
        self._last = now
        rate = self._rate.in_words(done, total, running)
        self._console.print(
            f"{now - self._began:6.1f} s  {done:>6,} of {total:,} jobs  {failed:>3} failed  {rate}", soft_wrap=True
        )


class Screen:
    """The terminal, or the file that stands in for it."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self.console.width = min(self.console.width, WIDEST)

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(Text(text), soft_wrap=True)

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """A view of the running jobs; what it showed last stays on the screen."""
        if not self.console.is_terminal:
            yield Lines(self.console)
            return
        columns = [BarColumn(bar_width=None), *_texts("done", "failed", "rate")]
        with RichProgress(*columns, _Elapsed(""), console=self.console, expand=True) as bar:
            yield Bar(bar)

    @contextmanager
    def counting(self) -> Iterator[Callable[[int, int], None]]:
        """A view of the second count: a function that takes how many files are done, and how many there are."""
        title = "Counting the same files a second time, without the queue"
        if not self.console.is_terminal:
            self.say(f"\n{title} ...")
            yield lambda _done, _total: None
            return
        with RichProgress(TextColumn(title), BarColumn(bar_width=None), console=self.console, transient=True) as bar:
            task = bar.add_task("")
            yield lambda done, total: bar.update(task, completed=done, total=total)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
        """Print a table. Only its last column is cut where the terminal is too narrow."""
        if not rows:
            return
        table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), show_header=any(columns))
        last = len(columns) - 1
        for number, name in enumerate(columns):
            widest = max(len(cell) for cell in [name, *(row[number] for row in rows)])
            table.add_column(
                Text(name, style="dim"),
                justify="right" if name in _NUMBERS else "left",
                no_wrap=number < last,  # rich narrows only those that may be wrapped
                min_width=widest if number < last else None,
            )
        for row in rows:
            table.add_row(*map(_one_line, row))
        self.console.print()
        self.console.print(Text(title, style="bold"))
        with self.console.capture() as capture:
            self.console.print(table)
        for line in capture.get().splitlines():  # without the blanks that fill its columns
            self.console.print(Text.from_ansi(line.rstrip()), soft_wrap=True)

    def end(self, verdict: Verdict) -> None:
        """Show what was compared, and the last line."""
        rows = [
            (each.what, f"{each.jobs:,}", f"{each.expected:,}", _AGREES if each.agrees else _DIFFERS)
            for each in verdict.comparisons
        ]
        self.table("Checked against a second count of the files", ("", "jobs say", "counted", ""), rows)
        self.console.print()
        if verdict.good:
            failed = f"{verdict.failed} failed as they should" if verdict.failed else "none failed"
            rate = f"{verdict.jobs / verdict.seconds:,.0f} jobs/s"
            last = f": {verdict.jobs:,} jobs, {failed}, {verdict.seconds:.1f} s, {rate}"
            self.console.print(Text.assemble(("demo ok", "bold green"), last), soft_wrap=True)
            return
        wrong = [f"{c.what}: {c.jobs:,} instead of {c.expected:,}" for c in verdict.comparisons if not c.agrees]
        last = f": {'; '.join(wrong + verdict.problems)}"
        self.console.print(Text.assemble(("demo failed", "bold red"), last), soft_wrap=True)


class _Elapsed(TextColumn):
    """Seconds since the start."""

    def render(self, task: Any) -> Text:
        """Return them with one decimal, right aligned."""
        return Text(f"{task.elapsed or 0:6.1f} s")


def _texts(*names: str) -> list[TextColumn]:
    return [TextColumn(f"{{task.fields[{name}]}}") for name in names]


def _sums(counts: Mapping[Status, int]) -> tuple[int, int, int]:
    """Jobs that have ended, those among them that did not end well, and all."""
    done = sum(number for status, number in counts.items() if status in SETTLED)
    return done, done - counts.get(Status.SUCCESS, 0), sum(counts.values())


def show_summary(screen: Screen, reports: JobReports, counts: Mapping[Status, int], seconds: float) -> None:
    """Show what MongoDB knows about the jobs. `counts`: by status; `seconds`: how long all of them took."""
    jobs = sum(counts.values())
    rows: list[Sequence[Cell]] = [
        (Text(status.value, style=_COLOURS.get(status, "yellow")), f"{number:,}", "")
        for status, number in sorted(counts.items(), key=lambda item: -item[1])
    ]
    rows.append(("together", f"{jobs:,}", f"in {seconds:.1f} s: {jobs / seconds:,.0f} jobs/s"))
    screen.table("Jobs by status", ("status", "jobs", ""), rows)
    rows = [_task_row(report) for report in reports.by_task(limit=20)]
    screen.table("Jobs by task", ("task", "jobs", "failed", "mean s", "longest s", "together s"), rows)
    screen.say("Times include waiting for the jobs that run beside it, in the same process.")
    rows = [(_name(job.path), f"{job.seconds:.2f}", _shown(job.params)) for job in reports.slowest(limit=5)]
    screen.table("The slowest jobs", ("task", "seconds", "params"), rows)
    rows = []
    for group in reports.failures(limit=10):
        rows.append((Text(group.exceptiontype, style="red"), f"{group.jobs:,}", group.message))
        rows.append(("", "", Text(_shown(group.params), style="dim")))
    screen.table("Failures", ("exception", "jobs", "for example"), rows)


def _task_row(report: TaskReport) -> Sequence[Cell]:
    failed = report.jobs - report.by_status.get(Status.SUCCESS, 0)
    return (
        _name(report.path),
        f"{report.jobs:,}",
        Text(f"{failed:,}", style="red" if failed else ""),
        _seconds(report.mean),
        _seconds(report.longest),
        f"{report.total:,.1f}",
    )


def _one_line(cell: Cell) -> Text:
    text = Text(cell) if isinstance(cell, str) else cell.copy()
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _name(path: str) -> str:
    return path.rpartition(".")[2]


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _shown(params: Mapping[str, Any]) -> str:
    """Params in one line: of lists only the length, of long texts the end, which tells most about a path."""
    words = []
    for name, value in params.items():
        text = f"{len(value)} ids" if isinstance(value, list) else str(value)
        words.append(f"{name}={text if len(text) <= LONGEST_PARAM else '...' + text[3 - LONGEST_PARAM :]}")
    return " ".join(words)
