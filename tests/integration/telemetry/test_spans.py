"""OpenTelemetry, with exporters in memory, on both kinds of stores: one trace from the producer through the task."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import gevent
import pytest
from bson import ObjectId
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, StatusCode

from mrq.domain.job import ClaimedJob
from mrq.engine.iotrace import IoTrace
from mrq.exceptions import ConfigError, InvalidParamsError
from mrq.job import queue_job, queue_jobs, queue_raw_jobs
from mrq.logger import JsonFormatter
from mrq.telemetry import MOST_WAITS, CountingExporter, Failures, OtelSpans, own_provider
from mrq.testing import memory_app, run_jobs
from support import spantasks
from support.spanbench import Bench

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from mrq.app import App

TASKS = "support.spantasks"


@pytest.fixture(params=["memory", "servers"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "servers":
        yield Bench(request.getfixturevalue("app"))
        return
    with memory_app(raw_queues={"pages_raw": {"job_factory": page, "retry_queue": "again"}}) as app:
        yield Bench(app)


def page(payload: str) -> dict[str, Any]:
    """As users do who put the trace into their payloads."""
    given = json.loads(payload)
    return {"path": f"{TASKS}.Works", "params": {"n": given["n"]}, **given.get("trace", {})}


def about(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_one_trace_from_the_producer_through_the_task(bench: Bench) -> None:
    with bench.provider.get_tracer("a program").start_as_current_span("request") as request:
        job = queue_job(f"{TASKS}.Works", {"n": 1})
    run_jobs(app=bench.app)
    send, wait, process = bench.one("send"), bench.one("wait"), bench.one("process")
    own = bench.one("inside of the task")
    assert {span.context.trace_id for span in (send, wait, process, own)} == {request.get_span_context().trace_id}
    parents = [span.parent.span_id if span.parent else None for span in (send, wait, process, own)]
    ids = (request.get_span_context().span_id, send.context.span_id, send.context.span_id, process.context.span_id)
    assert parents == list(ids)
    assert [send.name, wait.name, process.name] == ["send default", "wait default", "process default"]
    assert [send.kind, wait.kind, process.kind] == [SpanKind.PRODUCER, SpanKind.INTERNAL, SpanKind.CONSUMER]
    assert (wait.start_time or 0) <= (wait.end_time or 0) <= (process.end_time or 0)
    assert [link.context.span_id for link in process.links] == [send.context.span_id]
    for span, operation in ((send, "send"), (process, "process")):
        expected = {
            "messaging.system": "mrq", "messaging.destination.name": "default",
            "messaging.operation.name": operation, "messaging.operation.type": operation,
            "messaging.message.id": str(job), "code.function.name": f"{TASKS}.Works",
        }  # fmt: skip
        assert expected.items() <= about(span).items()
    assert about(process)["mrq.status"] == "success"
    assert process.status.status_code is StatusCode.UNSET


def test_subqueues_share_a_name_and_are_told_apart_by_an_attribute(bench: Bench) -> None:
    queue_job(f"{TASKS}.Works", {"n": 1}, queue="customers/17")
    run_jobs("customers/", app=bench.app)
    for operation in ("send", "wait", "process"):
        assert bench.one(operation).name == f"{operation} customers/"
    assert about(bench.one("process"))["messaging.destination.name"] == "customers/17"


@pytest.mark.parametrize("carried", [{"traceparent": "nonsense"}, {}, {"traceparent": f"00-{'0' * 32}-{'0' * 16}-01"}])
def test_a_carried_trace_that_is_none_leaves_the_wait_with_its_run(bench: Bench, carried: dict[str, str]) -> None:
    now = datetime.now(UTC).replace(tzinfo=None)
    job = ClaimedJob(ObjectId(), None, f"{TASKS}.Works", {}, "default", now, now, trace=carried)
    span = bench.app.spans.begin(job, None)
    assert span is not None
    span.end(None)
    wait, process = bench.one("wait"), bench.one("process")
    assert (wait.context.trace_id, wait.parent) == (process.context.trace_id, process.context)
    assert (process.parent, process.links) == (None, ())


def test_many_jobs_of_one_call_share_its_span(bench: Bench) -> None:
    queue_jobs(f"{TASKS}.Works", [{"n": n} for n in range(3)])
    run_jobs(app=bench.app)
    send = bench.one("send")
    assert about(send)["messaging.batch.message_count"] == 3
    assert "messaging.message.id" not in about(send)
    processes = bench.spans("process")
    assert len({about(span)["messaging.message.id"] for span in processes}) == 3
    assert {span.parent.span_id for span in processes if span.parent} == {send.context.span_id}


def test_jobs_of_jobs_and_retries_stay_in_the_trace(bench: Bench) -> None:
    queue_job(f"{TASKS}.Queues", {"task": f"{TASKS}.Retries"})
    run_jobs(app=bench.app)
    sends = bench.spans("send")
    processes = sorted(bench.spans("process"), key=lambda span: span.start_time or 0)
    assert len({span.context.trace_id for span in (*sends, *processes)}) == 1
    queues, first, second = processes
    assert sends[1 if sends[0].parent is None else 0].parent == queues.context
    assert [about(span).get("mrq.retry_count") for span in (first, second)] == [None, 1]
    assert [about(span)["mrq.status"] for span in (first, second)] == ["queued", "success"]


def test_a_failure_is_an_error(bench: Bench) -> None:
    queue_job(f"{TASKS}.Fails", {})
    run_jobs(app=bench.app)
    process = bench.one("process")
    assert (process.status.status_code, process.status.description) == (StatusCode.ERROR, "no luck")
    assert about(process)["error.type"] == "ValueError"
    (event,) = process.events
    assert "no luck" in str((event.attributes or {})["exception.stacktrace"])
    with pytest.raises(InvalidParamsError):
        queue_job(f"{TASKS}.Works", {"n": object()})
    assert about(bench.spans("send")[-1])["error.type"] == "InvalidParamsError"


def test_no_secret_is_exported(bench: Bench) -> None:
    queue_job(f"{TASKS}.Fails", {"why": "password=hunter2 at mongodb://u:hunter2@h"})
    run_jobs(app=bench.app)
    with pytest.raises(ValueError, match="hunter2"), bench.app.spans.sending("t.T", "q", 1):
        raise ValueError("token=hunter2")
    for name in ("process", "send q"):
        (span,) = bench.spans(name)
        exported = span.to_json()
        assert "hunter2" not in exported
        assert "***" in exported


def test_a_chatty_job_leaves_room_for_the_spans_of_others(bench: Bench) -> None:
    io = IoTrace(bench.app.clock)

    def chat() -> None:
        for _ in range(MOST_WAITS + 7):
            io.call("mongodb.find", "mrq.pages", lambda: None)

    spantasks.wait = chat
    queue_job(f"{TASKS}.Waits", {})
    run_jobs(app=bench.app)
    assert len(bench.spans("mongodb.find")) == MOST_WAITS
    assert about(bench.one("process"))["mrq.io_left_out"] == 7


def test_sub_pools_and_lines_of_logs_belong_to_the_run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    queue_job(f"{TASKS}.InPool", {})
    lines: list[str] = []
    handler = logging.Handler()
    handler.setFormatter(JsonFormatter())
    handler.emit = lambda record: lines.append(handler.format(record))  # type: ignore[method-assign]
    logger = logging.getLogger("mrq.current")
    logger.addHandler(handler)
    monkeypatch.setattr(logger, "level", logging.INFO)
    try:
        run_jobs(app=bench.app)
    finally:
        logger.removeHandler(handler)
    process = bench.one("process")
    items = bench.spans("item")
    assert [span.parent == process.context for span in items] == [True] * 4
    found = [json.loads(line) for line in lines]
    trace_id, span_id = trace.format_trace_id(process.context.trace_id), trace.format_span_id(process.context.span_id)
    assert [(line["trace_id"], line["span_id"]) for line in found] == [(trace_id, span_id)] * 4


def test_what_a_job_waits_for_is_a_span_where_that_is_traced(bench: Bench) -> None:
    io = IoTrace(bench.app.clock)
    spantasks.wait = lambda: io.call("mongodb.find", "mrq.pages", lambda: None)
    queue_job(f"{TASKS}.Waits", {})
    run_jobs(app=bench.app)
    found, inside = bench.one("mongodb.find"), bench.one("inside of the task")
    assert (found.parent, found.kind) == (inside.context, SpanKind.CLIENT)
    assert about(found) == {
        "db.system.name": "mongodb", "db.operation.name": "find", "db.collection.name": "mrq.pages",
    }  # fmt: skip


def test_payloads_of_raw_queues_may_carry_their_trace() -> None:
    with memory_app(raw_queues={"pages_raw": {"job_factory": page, "retry_queue": "again"}}) as app:
        bench = Bench(app)
        parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        queue_raw_jobs("pages_raw", [json.dumps({"n": 1, "trace": {"traceparent": parent, "tracestate": "a=b"}})])
        queue_raw_jobs("pages_raw", [json.dumps({"n": 2})])
        run_jobs("pages_raw", app=app)
        carried, alone = bench.spans("process")
        assert (carried.name, bench.spans("send")[0].name) == ("process pages_raw", "send pages_raw")
        assert trace.format_trace_id(carried.context.trace_id) == "0af7651916cd43dd8448eb211c80319c"
        assert carried.context.trace_state.to_header() == "a=b"
        assert alone.parent is None
        wait = bench.spans("wait")[1]
        assert wait.parent == alone.context, "without a producer the wait is a part of the run"
        (document,) = [each for each in app.jobs.documents() if "traceparent" in each]  # type: ignore[attr-defined]
        assert (document["traceparent"], document["tracestate"]) == (parent, "a=b")


def test_a_job_that_came_without_a_trace_begins_one(bench: Bench) -> None:
    spans, bench.app.enqueuer.spans = bench.app.enqueuer.spans, type(bench.app.spans)(TracerProvider())
    queue_job(f"{TASKS}.Works", {"n": 1})
    bench.app.enqueuer.spans = spans
    run_jobs(app=bench.app)
    assert bench.one("process").parent is not None, "the other provider's trace goes on"


class Broken(SpanExporter):
    """Raises, or refuses."""

    def __init__(self, *, raises: bool) -> None:
        self.raises = raises

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        if self.raises:
            raise OSError("the disk is full")
        return SpanExportResult.FAILURE


@pytest.mark.parametrize("raises", [True, False])
def test_an_exporter_that_fails_is_counted_and_harms_nobody(raises: bool, caplog: pytest.LogCaptureFixture) -> None:
    with memory_app() as app:
        failures = Failures()
        provider = own_provider(failures, Broken(raises=raises))
        app.spans = OtelSpans(provider, failures)  # type: ignore[misc]
        queue_job(f"{TASKS}.Works", {"n": 1})
        run_jobs(app=app)
        app.spans.flush(10)
        assert app.spans.failed == 1
        assert [job.status for job in map(app.jobs.fetch, ids(app)) if job] == ["success"]
        assert "traces can't be made or exported (1 times so far)" in caplog.text
        provider.shutdown()


def test_an_exporter_that_hangs_is_not_waited_for() -> None:
    go_on = threading.Event()

    class Hangs(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            go_on.wait(30)
            return SpanExportResult.SUCCESS

    with memory_app() as app:
        provider = own_provider(Failures(), Hangs())
        app.spans = OtelSpans(provider)  # type: ignore[misc]
        queue_job(f"{TASKS}.Quiet", {})
        app.spans.flush(0.05)
        assert app.spans.failed == 1
        go_on.set()
        provider.shutdown()


class Hanging(SpanExporter):
    """Says when it hangs, until it may go on."""

    def __init__(self) -> None:
        self.hangs, self.go_on = threading.Event(), threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.hangs.set()
        self.go_on.wait(60)
        return SpanExportResult.SUCCESS


def test_while_an_exporter_hangs_nobody_else_waits_for_it() -> None:
    exporter, failures = Hanging(), Failures()
    provider = own_provider(failures, exporter)
    spans = OtelSpans(provider, failures)
    for _ in range(40):
        with spans.sending("t.T", "q", 1):
            pass
        spans.flush(0.05)
    assert sum(thread.name == "mrq-spans" for thread in threading.enumerate()) == 1
    assert spans.failed == 1
    exporter.go_on.set()
    for thread in threading.enumerate():
        if thread.name == "mrq-spans":
            thread.join(60)
    spans._flusher._wait_again = 0.0  # the pause is over
    spans.flush(60)
    assert spans.failed == 1
    provider.shutdown()


def test_spans_for_which_there_is_no_room_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "10")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1")
    exporter, failures = Hanging(), Failures()
    provider = own_provider(failures, exporter)
    spans = OtelSpans(provider, failures)
    with spans.sending("t.T", "q", 1):
        pass
    assert exporter.hangs.wait(60)
    for _ in range(10 + 5):
        with spans.sending("t.T", "q", 1):
            pass
    assert spans.failed == 5
    exporter.go_on.set()
    provider.shutdown()


def test_a_program_that_queues_and_ends_exports_its_spans() -> None:
    code = (
        "from mrq.testing import memory_app; from mrq.job import queue_job\n"
        "with memory_app(otel=True): queue_job('tasks.Any', {})"
    )
    environment = {**os.environ, "OTEL_TRACES_EXPORTER": "console"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert '"name": "send default"' in done.stdout


class Raising(SpanProcessor):
    """A processor of the user's that is wrong."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        raise self.error


@pytest.mark.parametrize("error", [RuntimeError("wrong"), gevent.Timeout(1)])
def test_a_span_that_can_not_be_made_harms_nobody(error: BaseException) -> None:
    with memory_app() as app:
        provider = TracerProvider()
        provider.add_span_processor(Raising(error))
        app.spans = OtelSpans(provider)  # type: ignore[misc]
        queue_job(f"{TASKS}.Quiet", {})
        run_jobs(app=app)
        assert app.spans.failed == 2
        assert [job.status for job in map(app.jobs.fetch, ids(app)) if job] == ["success"]


def ids(app: App) -> list[Any]:
    return [document["_id"] for document in app.jobs.documents()]  # type: ignore[attr-defined]


def test_nothing_is_traced_and_loaded_unless_it_is_wanted() -> None:
    with memory_app() as app:
        queue_job(f"{TASKS}.Quiet", {})
        run_jobs(app=app)
        (document,) = app.jobs.documents()  # type: ignore[attr-defined]
        assert "traceparent" not in document


def test_an_exporter_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "nobodys")
    with pytest.raises(ConfigError, match="nobodys"):
        own_provider(Failures())
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    provider = own_provider(Failures())
    (processor,) = provider._active_span_processor._span_processors
    assert isinstance(processor.span_exporter, CountingExporter)  # type: ignore[attr-defined]
    provider.shutdown()
