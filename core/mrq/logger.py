"""Where log lines go: `MongoHandler`, which keeps them with the job that wrote them, and your own handlers."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mrq.app import App, get_app
from mrq.domain.redaction import redacted_text
from mrq.engine.classes import class_at
from mrq.engine.loghandlers import guarded
from mrq.engine.logs import LogBuffer, LogWriter
from mrq.engine.run import Process, current_run
from mrq.exceptions import ConfigError
from mrq.ports.logs import LOGS_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mrq.settings import Settings

__all__ = [
    "JsonFormatter",
    "MongoHandler",
    "RedactingFormatter",
    "TolerantFormatter",
    "handlers_of",
    "mongo_handler",
]


LONGEST_LINE = 100_000
"""Characters of a line, or a traceback, in which secrets are looked for: what is longer is cut."""

JSON = "json"
"""In place of a format: one JSON object a line."""


class TolerantFormatter(logging.Formatter):
    """Formats lines whose arguments don't fit their text as well: `log.info("x", {})` is "x {}"."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        try:
            return super().format(record)
        except (TypeError, ValueError, KeyError):
            arguments = record.args if isinstance(record.args, tuple) else (record.args,)
            plain = logging.makeLogRecord(record.__dict__)
            plain.msg, plain.args = " ".join(map(str, (record.msg, *arguments))), None
            return super().format(plain)


class RedactingFormatter(TolerantFormatter):
    """The same, with the values of secrets hidden."""

    def __init__(self, form: str | None = None, names: Sequence[str] = ()) -> None:
        super().__init__(form)
        self._names = tuple(names)

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        text = super().format(record)
        if self._names and len(text) > LONGEST_LINE:  # not the middle: a value would lose its name
            text = f"{text[:LONGEST_LINE]}... {len(text) - LONGEST_LINE:,} characters left out"
        return redacted_text(text, self._names)


class JsonFormatter(RedactingFormatter):
    """One JSON object a line: time, level, logger, message, and of the job that runs there its id, task and queue,
    where it is traced the ids of trace and span, and the worker."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": super().format(record),
        }
        run = current_run.get()
        if run is not None:
            line |= {"job": str(run.job.id), "task": run.job.path, "queue": run.job.queue}
            if run.span is not None:
                line["trace_id"], line["span_id"] = run.span.ids
        if Process.worker is not None:
            line["worker"] = str(Process.worker.id)
        return json.dumps(line, ensure_ascii=False)


def formatter_of(form: str, settings: Settings) -> logging.Formatter:
    """For lines in a form of the settings. Raises ValueError: it is none."""
    return JsonFormatter(None, settings.log_redact) if form == JSON else RedactingFormatter(form, settings.log_redact)


class MongoHandler(logging.Handler):
    """Keeps lines in `mrq_logs`: with the job that runs where they are written, else with the worker.

    Lines wait in memory, at most 20,000 of them and 4 MiB, and are written every `report_interval` seconds and
    when their job ends. What is more than that, while the database is away, is dropped, oldest first; the log
    says how much.
    """

    def __init__(self, worker: Any = None, mongodb_logs_size: int = LOGS_SIZE) -> None:
        """`worker`: whose lines those outside of jobs are; a worker or its id (None: the process's own).

        `mongodb_logs_size`: bytes that all logs together may take; 0: no limit, they are deleted after a week.
        """
        super().__init__()
        self.worker = getattr(worker, "id", worker)
        self.mongodb_logs_size = mongodb_logs_size
        self.buffer = LogBuffer()
        self.keeps = True  # until it is known that the configuration wants no logs
        self._writer: LogWriter | None = None

    def writer(self, app: App) -> LogWriter | None:
        """What writes the lines to this app's database; None when it keeps no logs."""
        store = app.logs_of_size(self.mongodb_logs_size)
        self.keeps = store is not None
        if store is None:
            self.buffer = LogBuffer()
            return None
        self._writer = LogWriter(self.buffer, store, app.jobs.new_id, app.settings.report_interval, self.worker)
        return self._writer

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line. Never waits for the database."""
        if not self.keeps:
            return
        try:
            run = current_run.get()
            job, began = (None, None) if run is None else (run.job.id, run.job.datestarted)
            at = datetime.fromtimestamp(int(record.created * 1000) / 1000, UTC).replace(tzinfo=None)
            self.buffer.add(job, self.format(record), at, record.levelno, began)
        except Exception:  # noqa: BLE001 - logging's own way
            self.handleError(record)

    def write(self) -> bool:
        """Write all lines now. A worker does this by itself. False: the database is away, or keeps no logs."""
        writer = self._writer or self.writer(get_app())
        return writer is not None and writer.flush()


def mongo_handler() -> MongoHandler | None:
    """The one through which this process keeps the lines of its jobs; None: it keeps none."""
    return next((each for each in logging.getLogger("mrq").handlers if isinstance(each, MongoHandler)), None)


def handlers_of(settings: Settings) -> list[logging.Handler]:
    """The handlers that LOG_HANDLERS describes, or else the one that `log_handler` names. What they raise is counted.

    Raises:
        ConfigError: one of them can't be made.
    """
    if settings.log_handlers:
        return [
            _made(path, dict(about or {}), "LOG_HANDLERS", settings) for path, about in settings.log_handlers.items()
        ]
    return [_made(settings.log_handler, {}, "log_handler", settings)] if settings.log_handler else []


def _made(path: str, about: dict[str, Any], setting: str, settings: Settings) -> logging.Handler:
    form = about.pop("format", settings.log_format)
    level = about.pop("level", settings.log_level)
    made = class_at(path, setting)
    try:
        handler = made(**about)
        handler.setFormatter(formatter_of(form, settings))
        handler.setLevel(level)
    except (TypeError, ValueError, AttributeError, OSError) as error:
        raise ConfigError(f"{setting} {path!r}: no log handler can be made of it: {error}") from error
    if not isinstance(handler, logging.Handler):
        raise ConfigError(f"{setting} {path!r} is no logging.Handler")
    return guarded(handler)
