"""`mrq job ID`: all that is known about one job, and the end of its log, in the terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from mrq.app import App
from mrq.cli.options import SettingsCommand, given_on_command_line, settings_options
from mrq.cli.run import as_json
from mrq.domain.change import MOST_OVERRUNS
from mrq.domain.redaction import COMMON, redacted, redacted_text
from mrq.domain.status import Status
from mrq.domain.words import many
from mrq.exceptions import MrqError
from mrq.ports.reports import FAILED
from mrq.settings import load

try:
    from rich.console import Console
    from rich.text import Text
except ModuleNotFoundError:  # it comes with the extra `embedded`
    Console = None  # type: ignore[assignment, misc]

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mrq.domain.attempt import Attempt
    from mrq.domain.job import JobRecord

COLOURS = {Status.SUCCESS.value: "green"} | dict.fromkeys((status.value for status in FAILED), "red")  # others: yellow
NAMES = 14  # columns for the names of the fields
LINES = 20  # of the log; each piece has at least one
LONGEST_TEXT = 100_000  # characters of a result in which secrets are looked for
LONGEST_VALUE = 4000  # characters of params and of a result


@click.command(cls=SettingsCommand)
@click.argument("job_id", metavar="ID")
@settings_options("client", shown=("mongodb_jobs", "mongodb_logs", "server_timeout", "config"))
@click.pass_context
def job(ctx: click.Context, /, *, job_id: str, **_settings: Any) -> int:
    """Show one job: where it stands, its params and times, its result or its traceback, its earlier runs, and the last
    lines of its log.

    ID is that of the job: 24 hexadecimal digits. Lines of the log are there a moment after the job has ended, and up
    to report_interval late while it runs; `mrq logs ID` shows more of them. Flags of other settings are
    taken too; see `mrq worker --help`.

    Exits with 1 if there is no such job.
    """
    app = App(load("client", given=given_on_command_line(ctx)).settings.as_dict())
    try:
        record = app.jobs.fetch(app.jobs.parse_id(job_id))
        if record is None:
            click.echo(f"mrq: there is no job {job_id} in this database; it may have expired", err=True)
            return 1
        show(record, app.settings.log_redact)
        _show_log(app, record)
    finally:
        app.close()
    return 0


def show(record: JobRecord, redact: Sequence[str] = COMMON) -> None:
    """Print it; with colours where rich is installed and stdout is a terminal."""
    for name, value in facts(record, redact):
        _line(name, value, COLOURS.get(value, "yellow") if name == "status" else "")
    if record.attempts:
        _section("Runs", "\n".join(redacted_text(_run_line(run), redact) for run in record.attempts))
    if record.traceback:
        _section("Traceback", redacted_text(record.traceback, redact))
    for number, run in enumerate(record.traceback_history, 1):
        if run.get("traceback") == record.traceback and number == len(record.traceback_history):
            continue  # it is the one above
        about = f"Earlier run {number}: {run.get('status')} at {_time(run.get('date'))}"
        _section(about, redacted_text(run.get("traceback") or "", redact))


def _run_line(run: Attempt) -> str:
    """One run, in one line."""
    took = "" if run.ended is None else f", {(run.ended - run.started).total_seconds():.3f} s"
    switches = "1 switch" if run.switches == 1 else f"{run.switches} switches"
    used = "" if run.time is None else f", {run.time:.3f} s of it at work, {switches}"
    if run.longest is not None:
        used += f", others kept waiting for {run.longest:.3f} s at most"
    where = f" on {run.worker}" if run.worker is not None else ""
    version = f", version {run.deploy}" if run.deploy else ""
    why = f": {run.exceptiontype} {run.message or ''}".rstrip() if run.exceptiontype else ""
    waited = ", ".join(f"{each.kind} {each.seconds:.3f} s ({each.calls})" for each in run.io or ())
    waited = f"\n  waited for {waited}" if waited else ""
    return f"{_time(run.started)} {run.end.value if run.end else 'runs'}{where}{took}{used}{version}{why}{waited}"


def _show_log(app: App, record: JobRecord) -> None:
    """The last lines. Logs may be in another database, whose absence must not hide the job."""
    try:
        pieces = [] if app.logs is None else app.logs.read(job=record.id, limit=LINES, last=True)
    except MrqError as error:
        _section("Log", f"it can't be read: {error}")
        return
    lines = "".join(piece.text for piece in pieces).splitlines()
    if not lines:
        return
    may_be_more = len(lines) > LINES or len(pieces) == LINES
    title = f"Log, the last {LINES} lines; mrq logs {record.id} shows more" if may_be_more else "Log"
    _section(title, "\n".join(lines[-LINES:]))


def facts(record: JobRecord, redact: Sequence[str] = COMMON) -> list[tuple[str, str]]:
    """Names and values of what is known, without what isn't there."""
    found = [
        ("job", str(record.id)),
        ("status", record.status.value),
        ("task", record.path),
        ("queue", record.queue),
        ("raw queue", str(record.document.get("raw_queue") or "")),
        ("params", _value(redacted(record.params, redact))),
        ("queued at", _time(record.datequeued)),
        ("not before", _time(record.due)),
        ("started at", _time(record.datestarted)),
        ("changed at", _time(record.dateupdated)),
        ("took", "" if record.totaltime is None else f"{record.totaltime:.3f} s"),
        ("progress", "" if record.progress is None else f"{record.progress:.0%}"),
        ("runs again", _time(record.dateretry)),
        ("retries", str(record.retry_count or "")),
        ("lost", f"{record.losses} workers died while it ran" if record.losses else ""),
        ("cut short", _cut_short(record.overruns)),
        ("worker", str(record.worker or "")),
        ("deleted at", _time(record.dateexpires)),
        ("result", _value(_result(record.result, redact)) if "result" in record.document else ""),
        ("exception", record.exceptiontype or ""),
        ("failure group", record.fingerprint or ""),
    ]
    return [(name, value) for name, value in found if value]


def _result(value: Any, redact: Sequence[str]) -> Any:
    return redacted_text(value[:LONGEST_TEXT], redact) if isinstance(value, str) else redacted(value, redact)


def _time(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03} UTC"


def _cut_short(overruns: int) -> str:
    if not overruns:
        return ""
    text = f"by the ends of {many(overruns, 'burst')}, though it had had the time that its task takes"
    return f"{text}; bursts leave it to containers" if overruns >= MOST_OVERRUNS else text


def _value(value: Any) -> str:
    text = json.dumps(value, default=as_json, ensure_ascii=False)
    if len(text) > LONGEST_VALUE:
        return f"{text[:LONGEST_VALUE]} ... ({len(text):,} characters)"
    return text


def _line(name: str, value: str, colour: str) -> None:
    if Console is None:
        click.echo(f"{name:<{NAMES}}{value}")
    else:
        Console(highlight=False).print(Text.assemble((f"{name:<{NAMES}}", "dim"), (value, colour)), soft_wrap=True)


def _section(title: str, text: str) -> None:
    if Console is None:
        click.echo(f"\n{title}\n{text.rstrip()}")
    else:
        Console(highlight=False).print(Text.assemble("\n", (title, "bold"), f"\n{text.rstrip()}"), soft_wrap=True)
