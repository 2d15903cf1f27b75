"""`mrq logs`: lines that jobs and workers have logged."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from time import sleep
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from mrq import logs as found_logs
from mrq.app import App, use_app
from mrq.cli.options import SettingsCommand, given_on_command_line, settings_options
from mrq.domain.loglines import level_of
from mrq.domain.logplaces import EPOCH, LogPlace
from mrq.domain.status import SETTLED
from mrq.exceptions import InvalidJobIdError, InvalidParamsError, JobNotFoundError
from mrq.ports.logs import FoundLine
from mrq.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mrq.ports.logs import FoundLines, LogText

LOOK = 1.0  # seconds between two looks while it follows
LAST_LOOKS = 3  # at a job that has ended: its last lines are written a moment later
NEWEST = 200  # pieces that are looked at to know where following begins
MOST_LINES = 10_000
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class _Seen(NamedTuple):
    """A piece of which lines were shown."""

    id: Any
    run: datetime | None


@click.command(cls=SettingsCommand)
@click.argument("job", metavar="[JOB]", required=False)
@click.option("--worker", help="Lines that this worker wrote outside of jobs.")
@click.option("--attempt", type=int, help="Of the job, only its run of this number; -1: the last.")
@click.option("--search", "words", default="", help="Lines with this text, whatever its case.")
@click.option("--level", type=click.Choice(LEVELS, case_sensitive=False), default="DEBUG", help="The least level.")
@click.option("--hours", type=click.FloatRange(min=0, min_open=True), help="Lines of so many hours.")
@click.option("--limit", type=click.IntRange(1, MOST_LINES), default=200, help="About how many lines, the newest.")
@click.option("--follow", "-f", is_flag=True, help="Go on with what is written, until the job has ended or Ctrl+C.")
@click.option("--json", "as_json", is_flag=True, help="For programs: one object a line, times in UTC.")
@settings_options("client", shown=("mongodb_jobs", "mongodb_logs", "server_timeout", "config"))
@click.pass_context
def logs(ctx: click.Context, /, *, as_json: bool, follow: bool, **asked: Any) -> int:
    """Show lines of log, the newest last: of a JOB, of a worker, or of all, in the order of their times.

    At most the newest 2,000 pieces of log are searched. Lines are there a moment after their job has ended, and up to
    report_interval late while it runs.
    """
    if follow and not (asked["job"] or asked["worker"]):
        raise click.UsageError("--follow goes with a JOB or --worker")
    app = App(load("client", given=given_on_command_line(ctx)).settings.as_dict())
    use_app(app)
    in_words = _in_words if asked["job"] or asked["worker"] else _with_its_writer
    say = _as_json if as_json else in_words
    try:
        place = _place(asked) if follow else LogPlace()
        found = _show(asked, say)
        if not (found or follow):
            click.echo("mrq: no such lines are in the newest pieces of log", err=True)
        if follow:
            if not found and asked["job"] and app.jobs.fetch(app.jobs.parse_id(asked["job"])) is None:
                click.echo(f"mrq: there is no job {asked['job']} in this database; it may have expired", err=True)
                return 1
            _follow(app, asked, say, place.behind(found))
    except (InvalidJobIdError, InvalidParamsError, JobNotFoundError) as error:
        click.echo(f"mrq: {error}", err=True)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        use_app(None)
        app.close()
    return 0


def _place(asked: dict[str, Any]) -> LogPlace:
    """Behind all that there is, to follow from."""
    pieces = found_logs.read(job=asked["job"], worker=asked["worker"], after=LogPlace(), limit=NEWEST, last=True)
    return LogPlace().behind(pieces, and_all_before=len(pieces) == NEWEST)


def _show(asked: dict[str, Any], say: Callable[[FoundLine], str]) -> list[_Seen]:
    """Show what there is, and return from which pieces."""
    hours = asked["hours"]
    since = None if hours is None else datetime.now(UTC) - timedelta(hours=hours)
    found = found_logs.search(
        asked["words"], level=asked["level"], job=asked["job"], worker=asked["worker"], attempt=asked["attempt"],
        since=since, limit=asked["limit"],
    )  # fmt: skip
    lines = list(reversed(found.lines))
    if not (asked["job"] or asked["worker"]):
        lines = _by_time(lines)
    for line in lines[-asked["limit"] :]:
        click.echo(say(line))
    if older := _older(found, asked["limit"]):
        click.echo(f"mrq: {older}", err=True)
    return [_Seen(line.piece, line.run) for line in found.lines]


def _by_time(lines: Sequence[FoundLine]) -> list[FoundLine]:
    """Lines of several jobs in the order of their times. One of which it isn't known stays behind the one before it."""
    keyed, known = list[tuple[datetime, FoundLine]](), EPOCH
    for line in lines:
        known = line.line.at or known
        keyed.append((known, line))
    return [line for _, line in sorted(keyed, key=lambda each: each[0])]


def _older(found: FoundLines, limit: int) -> str:
    """What to do about lines that are older than those that were shown; "": there are none."""
    if len(found.lines) > limit or (found.next is not None and len(found.lines) == limit):
        more = (
            f"--limit {min(10 * limit, MOST_LINES)} shows more" if limit < MOST_LINES else "--search narrows them down"
        )
        return f"there are older lines; {more}"
    if found.next is not None:
        return f"older log was not searched; in Python mrq.logs.search(..., before={str(found.next)!r}) goes on there"
    return ""


def _follow(app: App, asked: dict[str, Any], say: Callable[[FoundLine], str], place: LogPlace) -> None:
    least, words = level_of(asked["level"]), asked["words"].casefold()
    looks = LAST_LOOKS
    while looks:
        over = asked["job"] is not None and _is_over(app, asked["job"])  # before the look
        pieces = found_logs.read(job=asked["job"], worker=asked["worker"], after=place)
        place = place.behind(pieces)
        for piece in pieces:
            for line in piece.lines():
                if words in line.text.casefold() and not 0 < line.level < least:
                    click.echo(say(_found(piece, line)))
        looks = looks - 1 if over and not pieces else LAST_LOOKS
        if looks:
            sleep(LOOK)


def _is_over(app: App, job: str) -> bool:
    """Whether a job writes no more, unless somebody queues it again."""
    record = app.jobs.fetch(app.jobs.parse_id(job))
    return record is not None and record.status in SETTLED


def _found(piece: LogText, line: found_logs.LogLine) -> FoundLine:
    return FoundLine(piece.id, line, piece.job, piece.worker, piece.run)


def _in_words(found: FoundLine) -> str:
    return found.line.text


def _with_its_writer(found: FoundLine) -> str:
    """Among lines of others: each begins with whose it is."""
    writer = f"worker {found.worker}" if found.job is None else f"job {found.job}"
    return "\n".join(f"{writer}: {line}" for line in found.line.text.split("\n"))


def _as_json(found: FoundLine) -> str:
    line = found.line
    return json.dumps(
        {
            "time": None if line.at is None else line.at.isoformat() + "Z",
            "level": line.level_name or None,
            "job": None if found.job is None else str(found.job),
            "run": None if found.run is None else found.run.isoformat() + "Z",
            "worker": None if found.worker is None else str(found.worker),
            "text": line.text,
        },
        ensure_ascii=False,
    )
