"""mrq.logger, and the log of a job as a task and its author see it."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gevent
import pytest

from mrq.app import App, use_app, worker_options
from mrq.context import log
from mrq.domain.status import Status
from mrq.engine.fittings import Fittings
from mrq.engine.threads import ThreadRuntime
from mrq.exceptions import ConfigError
from mrq.job import get_job_logs, queue_job
from mrq.logger import LONGEST_LINE, MongoHandler, RedactingFormatter, TolerantFormatter, handlers_of
from mrq.settings import Settings
from mrq.testing import memory_app, memory_stores, run_jobs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from unit.engine.kit import Tasks


@pytest.fixture
def handler() -> Iterator[MongoHandler]:
    """A MongoHandler as workers install it."""
    made = MongoHandler()
    made.setFormatter(TolerantFormatter("[%(levelname)s] %(message)s"))
    logger = logging.getLogger("mrq")
    level = logger.level
    logger.addHandler(made)
    logger.setLevel("DEBUG")
    yield made
    logger.removeHandler(made)
    logger.setLevel(level)


@pytest.fixture
def app() -> Iterator[App]:
    with memory_app() as app:
        yield app


def work(app: App, handler: MongoHandler, **about: Any) -> Any:
    """Run a worker until the queue is empty; the worker."""
    options = replace(worker_options(app.settings), strategy="burst", max_latency=0.02, **about)
    worker = app.worker(ThreadRuntime(), options=options, fittings=Fittings(logs=handler.writer(app)))
    assert worker.run().code == 0
    return worker


def test_lines_land_with_their_job_and_others_with_the_worker(app: App, handler: MongoHandler, tasks: Tasks) -> None:
    def say(params: dict[str, Any]) -> None:
        log.info("hello from %d", params["n"])
        log.warning("and again")

    path = tasks.define(say)
    jobs = [queue_job(path, {"n": n}) for n in range(3)]
    worker = work(app, handler, greenlets=3)
    for n, job in enumerate(jobs):
        assert [text.text for text in get_job_logs(job)] == [f"[INFO] hello from {n}\n[WARNING] and again\n"]
        assert get_job_logs(str(job), after=get_job_logs(job)[0].id) == []
    assert app.logs is not None
    of_worker = "".join(text.text for text in app.logs.read(worker=worker.state.worker))
    assert "serves default" in of_worker
    assert "stops: its queues are empty" in of_worker
    assert "hello" not in of_worker


def test_lines_of_a_long_job_are_seen_while_it_runs(app: App, handler: MongoHandler, tasks: Tasks) -> None:
    go, seen = threading.Event(), threading.Event()

    def wait(_params: dict[str, Any]) -> None:
        log.info("begun")
        go.wait(20)

    app = App({**app.config, "report_interval": 0.05}, stores=app._stores)
    use_app(app)
    job = queue_job(tasks.define(wait), {})

    def look() -> None:
        from support.waiting import wait_until

        wait_until(lambda: get_job_logs(job))
        seen.set()
        go.set()

    thread = threading.Thread(target=look)
    thread.start()
    work(app, handler)
    thread.join(20)
    assert seen.is_set()


def test_no_logs_are_kept_when_none_are_wanted(handler: MongoHandler) -> None:
    app = App({"mongodb_logs": "0"}, stores=memory_stores())
    assert app.logs is None
    log.info("before it was known")
    assert handler.writer(app) is None
    log.info("after")
    assert handler.buffer.empty, "no memory is used for nothing"
    use_app(app)
    try:
        assert get_job_logs("0" * 24) == []
        assert not handler.write()
    finally:
        use_app(None)


def test_the_handler_writes_when_asked_and_names_its_worker(app: App) -> None:
    worker = app.jobs.new_id()
    made = MongoHandler(worker=worker, mongodb_logs_size=1000)
    made.handle(logging.LogRecord("mrq", logging.INFO, "", 0, "line", None, None))
    assert made.write()
    assert app.logs is not None
    assert [text.text for text in app.logs.read(worker=worker)] == ["line\n"]


@pytest.mark.parametrize(
    ("message", "arguments", "expected"),
    [
        ("plain", (), "plain"),
        ("adding", ({"a": 1},), "adding"),  # as logging has it: a dict is looked into by name
        ("%(a)s there", ({"a": 1},), "1 there"),
        ("%(b)s", ({"a": 1},), "%(b)s {'a': 1}"),
        ("empty", ({},), "empty {}"),
        ("two", (1, {"a": 1}), "two 1 {'a': 1}"),
        ("%d", ("x",), "%d x"),
        (b"caf\xe9", (), "b'caf\\xe9'"),
        ("café", (), "café"),
    ],
)
def test_no_line_is_too_odd(message: Any, arguments: Any, expected: str) -> None:
    handler = MongoHandler()
    handler.setFormatter(TolerantFormatter("[%(levelname)s] %(message)s"))
    handler.handle(log.makeRecord(log.name, logging.INFO, "", 0, message, arguments, None))
    (pending,) = handler.buffer._pending.values()
    assert [line.text for line in pending.lines] == [f"[INFO] {expected}\n"]


def test_handlers_are_made_from_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "mrq.log"
    settings = Settings.from_dict(
        {
            "log_level": "INFO",
            "log_handlers": {
                "logging.FileHandler": {"filename": str(file), "format": "X %(message)s", "level": "WARNING"},
                "mrq.logger.MongoHandler": {"mongodb_logs_size": 4096},
            },
        }
    )
    to_file, to_mongo = handlers_of(settings)
    for level in (logging.INFO, logging.WARNING):
        record = logging.LogRecord("mrq", level, "", 0, f"level {level}", None, None)
        if level >= to_file.level:
            to_file.handle(record)
    to_file.close()
    assert file.read_text() == "X level 30\n"
    assert isinstance(to_mongo, MongoHandler)
    assert (to_mongo.mongodb_logs_size, to_mongo.level) == (4096, logging.INFO)
    assert settings.log_handlers["logging.FileHandler"]["format"], "the config file's own dict is left as it is"


def test_the_default_handler_keeps_logs_in_mongodb() -> None:
    (handler,) = handlers_of(Settings.from_dict({}))
    assert type(handler) is MongoHandler
    assert handler.mongodb_logs_size == 16 * 1024 * 1024


@pytest.mark.parametrize(
    ("config", "what"),
    [
        ({"log_handler": "logging.NoSuch"}, "log_handler 'logging.NoSuch': module 'logging' has no 'NoSuch'"),
        ({"log_handler": "nosuchmodule.X"}, "there is no module 'nosuchmodule'"),
        ({"log_handlers": {"logging.FileHandler": {}}}, "LOG_HANDLERS 'logging.FileHandler': no log handler"),
        ({"log_handlers": {"logging.StreamHandler": {"level": "LOUD"}}}, "LOUD"),
        ({"log_handler": "collections.OrderedDict"}, "OrderedDict"),
    ],
)
def test_a_handler_that_can_t_be_made_is_explained(config: dict[str, Any], what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        handlers_of(Settings.from_dict(config))


class Away(logging.Handler):
    """One that doesn't do as logging wants it: its errors are raised."""

    def emit(self, record: logging.LogRecord) -> None:
        raise gevent.Timeout(1) if "fiber" in record.name else OSError(f"log server away: {record.getMessage()}")


def test_a_handler_that_raises_stops_no_worker(tasks: Tasks, capsys: pytest.CaptureFixture[str]) -> None:
    ours = logging.getLogger("mrq")
    ours.addHandler(Away())
    ours.setLevel(logging.INFO)
    with memory_app() as app:
        ids = [queue_job(tasks.define(lambda _: None), {}) for _ in range(5)]
        assert run_jobs().code == 0
        assert [record.status for record in map(app.jobs.fetch, ids) if record] == [Status.SUCCESS] * 5
    said = capsys.readouterr().err
    assert said.count("the log handler Away raised OSError") == 1
    assert "log server away" not in said


def test_handlers_of_the_settings_are_guarded() -> None:
    (handler,) = handlers_of(Settings.from_dict({"log_handlers": {f"{__name__}.Away": {}}}))
    assert type(handler) is Away
    for name in ("mrq", "mrq.fiber"):
        handler.handle(logging.makeLogRecord({"name": name, "msg": "x"}))
    assert handler.handle.lost == 2  # type: ignore[attr-defined]


def test_a_long_line_is_cut_before_secrets_are_looked_for() -> None:
    text = "password=x " + "a" * 2 * LONGEST_LINE + " password=S3CRET"
    line = RedactingFormatter(None, ["password"]).format(logging.makeLogRecord({"msg": text}))
    assert line.startswith("password=*** aaa")
    assert line.endswith("aaa... 100,027 characters left out")
    assert RedactingFormatter().format(logging.makeLogRecord({"msg": text})) == text
