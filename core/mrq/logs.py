"""What jobs and workers have logged: look for lines, or read on from where one was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mrq.app import get_app
from mrq.domain.loglines import LogLine, LogQuery, level_of
from mrq.domain.logplaces import LogPlace
from mrq.domain.words import many
from mrq.engine.given import moment
from mrq.exceptions import InvalidParamsError, JobNotFoundError
from mrq.ports.logs import FoundLine, FoundLines, LogText

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["FoundLine", "FoundLines", "LogLine", "LogPlace", "LogText", "read", "search"]


def search(
    words: str = "",
    *,
    level: str | int = 0,
    job: Any = None,
    worker: Any = None,
    attempt: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 200,
    before: Any = None,
) -> FoundLines:
    """Lines that fit, newest first: about `limit`, of the newest 2,000 pieces of log; `next` goes on before those.

    Args:
        words: text that is in the line, whatever its case.
        level: the least, such as "WARNING".
        job, worker: an id, whose lines.
        attempt: of a job, the number of the run, from 1, as `mrq.failures.attempts` lists them; -1: the last one.
        since, until: times (without a zone: UTC).
        before: `next` of another search.

    Raises:
        InvalidParamsError, InvalidJobIdError, JobNotFoundError: an argument makes no sense, or the job, or the run of
            it, is not there.
        ServerUnavailableError: MongoDB is away, or needs too long.
    """
    app = get_app()
    job, worker, before = (None if each is None else app.jobs.parse_id(each) for each in (job, worker, before))
    if attempt is not None and job is None:
        raise InvalidParamsError("an attempt is one of a job; say which")
    try:
        least = level_of(level)
    except ValueError as error:
        raise InvalidParamsError(str(error)) from None
    since, until = (
        None if at is None else moment(name, at) for name, at in (("since", since), ("until", until))
    )  # fmt: skip
    run = None if attempt is None else _began(job, attempt)
    if app.logs is None:
        return FoundLines((), None)
    return app.logs.search(LogQuery(words, least, job, worker, run, since, until), max(1, limit), before)


def _began(job: Any, attempt: int) -> datetime:
    record = get_app().jobs.fetch(job)
    if record is None:
        raise JobNotFoundError(f"there is no job {job} in this database; it may have expired")
    number = attempt - 1 if attempt > 0 else attempt
    if attempt == 0 or not -len(record.attempts) <= number < len(record.attempts):
        raise InvalidParamsError(
            f"job {job} has {many(len(record.attempts), 'known run')}; there is no number {attempt}"
        )
    return record.attempts[number].started


def read(
    *, job: Any = None, worker: Any = None, after: Any = None, limit: int = 1000, last: bool = False
) -> list[LogText]:
    """Pieces of the log of a job, or of a worker, oldest first, or with `last` the last ones.

    To follow a job that runs give the place up to which you have read: `place = LogPlace()` in the beginning, and
    `place = place.behind(pieces)` after each reading. No line is missed then, whichever worker writes it, and when.

    Args:
        after: a LogPlace; or the `id` of a piece: those with larger ids, among which what another worker writes in the
            same second may not be.

    Raises:
        InvalidJobIdError, ServerUnavailableError
    """
    app = get_app()
    job, worker = (None if each is None else app.jobs.parse_id(each) for each in (job, worker))
    if after is not None and not isinstance(after, LogPlace):
        after = app.jobs.parse_id(after)
    return [] if app.logs is None else app.logs.read(job=job, worker=worker, after=after, limit=limit, last=last)
