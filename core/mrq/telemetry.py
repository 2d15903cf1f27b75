"""OpenTelemetry: a span for who queues jobs, one for their wait, one for each run. Imported only when `otel` is on.

Names and attributes follow the semantic conventions for messaging. Whatever goes wrong here is counted, told once a
minute, and otherwise nothing: neither a producer nor a job may fail for it.
"""

from __future__ import annotations

import atexit
import calendar
import logging
import os
import threading
import time
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from opentelemetry import context, trace
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from mrq.domain.redaction import COMMON, redacted_text
from mrq.domain.stats import counted_as
from mrq.domain.status import Status as JobStatus
from mrq.exceptions import ConfigError, ends_the_caller

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import Span

    from mrq.domain.ids import JobId, WorkerId
    from mrq.domain.job import ClaimedJob
    from mrq.domain.outcome import Outcome

log = logging.getLogger("mrq.metrics")

COMPLAIN_AGAIN = 60.0  # seconds between two log lines about what can't be traced
MOST_WAITS = 200  # of one run that have spans of their own; of others it is said how many there were
LONGEST_TEXT = 64_000  # characters of a message or traceback
LONGEST_QUEUE = 2048  # spans that wait for their export, unless OTEL_BSP_MAX_QUEUE_SIZE says more or less
LONGEST_PAUSE = 60.0  # seconds in which nobody waits for an exporter that hung
LAST_SPANS = 5.0  # seconds that a program's end waits for them
DEFAULT_EXPORTER = "otlp_proto_http"
_GOOD = frozenset({JobStatus.SUCCESS, JobStatus.QUEUED, JobStatus.CANCEL})
_PROPAGATOR = TraceContextTextMapPropagator()


class Failures:
    """Counts what could not be traced."""

    def __init__(self) -> None:
        self.count = 0
        self._quiet_until = float("-inf")

    def note(self, error: object) -> None:
        """Once more."""
        self.count += 1
        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + COMPLAIN_AGAIN
            log.warning("traces can't be made or exported (%d times so far): %s", self.count, error)


class OtelSpans:
    """See mrq.ports.spans.Spans."""

    def __init__(self, provider: Any = None, failures: Failures | None = None, redact: Sequence[str] = COMMON) -> None:
        """`provider`: None is the process's own. `redact`: names of secrets, which are hidden in what is exported."""
        self._provider = provider or trace.get_tracer_provider()
        self._tracer = trace.get_tracer("mrq", tracer_provider=provider)
        self._failures = failures or Failures()
        self._redact = redact
        self._flusher = Flusher(self._provider, self._failures)

    @property
    def failed(self) -> int:
        """See Spans."""
        return self._failures.count

    @contextmanager
    def sending(self, path: str, queue: str, count: int) -> Iterator[Mapping[str, str] | None]:
        """See Spans."""
        about: dict[str, Any] = {**_task(path), **_messaging("send", queue)}
        if count != 1:
            about["messaging.batch.message_count"] = count
        span = self._try(
            lambda: self._tracer.start_span(_name("send", queue), kind=SpanKind.PRODUCER, attributes=about)
        )
        if span is None:
            yield None
            return
        token = context.attach(trace.set_span_in_context(span))
        try:
            yield self._try(_carrier)
        except BaseException as error:
            kind, text = type(error).__name__, str(error)
            self._try(lambda: _failed(span, self._redact, kind, text))
            raise
        finally:
            context.detach(token)
            self._try(span.end)

    def sent(self, job: JobId) -> None:
        """See Spans."""
        self._try(lambda: trace.get_current_span().set_attribute("messaging.message.id", str(job)))

    def begin(self, job: ClaimedJob, worker: WorkerId | None) -> OtelRunSpan | None:
        """See Spans."""
        begun: OtelRunSpan | None = self._try(lambda: self._begin(job, worker))
        return begun

    def _begin(self, job: ClaimedJob, worker: WorkerId | None) -> OtelRunSpan:
        came_from = _PROPAGATOR.extract(job.trace or {}, context=context.Context())
        links = _links(came_from)
        about = {**_task(job.path), **_messaging("process", _queue(job)), "messaging.message.id": str(job.id)}
        if worker is not None:
            about["messaging.client.id"] = str(worker)
        if job.retry_count:
            about["mrq.retry_count"] = job.retry_count
        span = self._tracer.start_span(
            _name("process", _queue(job)), came_from, kind=SpanKind.CONSUMER, attributes=about, links=links
        )
        # without a producer that traces, the wait is a part of the run, though it began before
        self._waited(job, came_from if links else trace.set_span_in_context(span))
        return OtelRunSpan(span, self._try, self._tracer, self._redact)

    def _waited(self, job: ClaimedJob, under: Context) -> None:
        queued, started = job.datequeued, job.datestarted
        if queued is None or queued > started:
            return
        span = self._tracer.start_span(
            _name("wait", _queue(job)), under, start_time=_nanoseconds(queued),
            attributes={**_task(job.path), "messaging.message.id": str(job.id)},
        )  # fmt: skip
        span.end(_nanoseconds(started))

    def flush(self, timeout: float) -> None:
        """See Spans."""
        self._flusher(timeout)

    def _try(self, act: Callable[[], Any]) -> Any:
        try:
            return act()
        except BaseException as error:  # a span processor, or sampler, of the user's may raise anything
            if isinstance(error, SystemExit) or ends_the_caller(error):
                raise
            self._failures.note(error)
            return None


class OtelRunSpan:
    """See mrq.ports.spans.RunSpan."""

    def __init__(
        self,
        span: Span,
        attempt: Callable[[Callable[[], Any]], Any],
        tracer: trace.Tracer,
        redact: Sequence[str] = COMMON,
    ) -> None:
        self._span = span
        self._redact = redact
        self._waits = 0
        self._try = attempt
        self._tracer = tracer
        self._token: Any = context.attach(trace.set_span_in_context(span, context.Context()))
        about = span.get_span_context()
        self.ids = (trace.format_trace_id(about.trace_id), trace.format_span_id(about.span_id))

    def waited(self, kind: str, data: str, seconds: float) -> None:
        """See RunSpan."""
        self._waits += 1
        if self._waits <= MOST_WAITS:  # the spans of other jobs need room as well
            self._try(lambda: self._waited(kind, data, seconds))

    def _waited(self, kind: str, data: str, seconds: float) -> None:
        ended = time.time_ns()
        began = ended - round(seconds * 1e9)
        span = self._tracer.start_span(kind, kind=SpanKind.CLIENT, attributes=_io(kind, data), start_time=began)
        span.end(ended)

    def end(self, outcome: Outcome | None) -> None:
        """See RunSpan."""
        if self._token is None:
            return
        token, self._token = self._token, None
        context.detach(token)
        self._try(lambda: self._tell(outcome))
        self._try(self._span.end)

    def _tell(self, outcome: Outcome | None) -> None:
        if outcome is None:
            return
        self._span.set_attribute("mrq.status", outcome.status.value)
        if self._waits > MOST_WAITS:
            self._span.set_attribute("mrq.io_left_out", self._waits - MOST_WAITS)
        failure = outcome.failure
        if failure is not None and (outcome.status not in _GOOD or outcome.status is JobStatus.QUEUED):
            message = failure.signature.message if failure.signature else ""
            _failed(self._span, self._redact, failure.exceptiontype, message, failure.traceback)


class CountingExporter(SpanExporter):
    """Another exporter, whose failures are counted."""

    def __init__(self, exporter: SpanExporter, failures: Failures) -> None:
        self._exporter = exporter
        self._failures = failures
        self.taken = 0  # spans

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """See SpanExporter."""
        self.taken += len(spans)
        try:
            result = self._exporter.export(spans)
        except BaseException as error:
            if isinstance(error, SystemExit) or ends_the_caller(error):
                raise
            self._failures.note(error)
            return SpanExportResult.FAILURE
        if result is not SpanExportResult.SUCCESS:
            self._failures.note(f"{type(self._exporter).__name__} could not export {len(spans)} spans")
        return result

    def shutdown(self) -> None:
        """See SpanExporter."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """See SpanExporter."""
        return self._exporter.force_flush(timeout_millis)


class CountingBatches(BatchSpanProcessor):
    """Spans that wait for their export. Those for which there is no room are counted."""

    def __init__(self, exporter: CountingExporter, failures: Failures) -> None:
        self._room = int(os.environ.get("OTEL_BSP_MAX_QUEUE_SIZE") or LONGEST_QUEUE)
        self._exported, self._failures = exporter, failures
        self._ended, self._process = 0, os.getpid()
        super().__init__(exporter, max_queue_size=self._room)

    def on_end(self, span: ReadableSpan) -> None:
        """See SpanProcessor."""
        if self._process != os.getpid():  # a fork begins with none
            self._ended, self._process, self._exported.taken = 0, os.getpid(), 0
        if span.context is not None and span.context.trace_flags.sampled:
            if self._ended - self._exported.taken >= self._room:
                self._failures.note(f"more than {self._room} spans wait for their export; the oldest are dropped")
            else:
                self._ended += 1
        super().on_end(span)


class Flusher:
    """Exports what waits, in a thread of its own. While that one hangs there is no other, and nobody waits for it."""

    def __init__(self, provider: Any, failures: Failures) -> None:
        self._flush = getattr(provider, "force_flush", None)
        self._failures = failures
        self._thread: threading.Thread | None = None
        self._pause = 0.0
        self._wait_again = float("-inf")

    def __call__(self, timeout: float) -> None:
        """Wait up to so many seconds."""
        hangs = self._thread is not None and self._thread.is_alive()
        if self._flush is None or hangs or time.monotonic() < self._wait_again:
            return
        self._thread = threading.Thread(target=self._act, args=(timeout,), name="mrq-spans", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # the interpreter ends
            self._act(timeout)
            return
        self._thread.join(timeout)
        if not self._thread.is_alive():
            self._pause = 0.0
            return
        self._failures.note(f"spans were not exported within {timeout:g} s")
        self._pause = min(LONGEST_PAUSE, max(timeout, self._pause * 2))
        self._wait_again = time.monotonic() + self._pause

    def _act(self, timeout: float) -> None:  # OpenTelemetry's own time-out is not kept by its batches
        try:
            if self._flush is not None:
                self._flush(round(timeout * 1000))
        except Exception as error:  # noqa: BLE001 - of a processor of the user's
            self._failures.note(error)


def spans_of_process(redact: Sequence[str] = COMMON) -> OtelSpans:
    """Spans of the provider that the program has set; else of one with the exporter that OTEL_TRACES_EXPORTER names.

    Raises:
        ConfigError: there is no such exporter.
    """
    failures = Failures()
    if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):  # nobody has set one
        trace.set_tracer_provider(own_provider(failures))
        spans = OtelSpans(failures=failures, redact=redact)
        atexit.register(spans.flush, LAST_SPANS)  # of programs that queue and end
        return spans
    return OtelSpans(failures=failures, redact=redact)


def own_provider(failures: Failures, exporter: SpanExporter | None = None) -> TracerProvider:
    """A provider with an exporter whose failures are counted; None: the one that the environment names."""
    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: "mrq"}
    provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    exporter = exporter or _exporter()
    if exporter is not None:
        provider.add_span_processor(CountingBatches(CountingExporter(exporter, failures), failures))
    return provider


def _exporter() -> SpanExporter | None:
    name = os.environ.get("OTEL_TRACES_EXPORTER") or DEFAULT_EXPORTER
    if name == "none":
        return None
    name = DEFAULT_EXPORTER if name == "otlp" else name
    found = entry_points(group="opentelemetry_traces_exporter", name=name)
    for entry in found:
        exporter: SpanExporter = entry.load()()
        return exporter
    raise ConfigError(
        f"OTEL_TRACES_EXPORTER: no exporter {name!r} is installed; install its package, or set it to none"
    )


def _carrier() -> dict[str, str]:
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier


def _links(came_from: Context) -> list[trace.Link]:
    about = trace.get_current_span(came_from).get_span_context()
    return [trace.Link(about)] if about.is_valid else []


def _name(operation: str, queue: str) -> str:
    """Of a span: a backend groups by names, so they must not be as many as there are subqueues."""
    return f"{operation} {counted_as(queue)}"


def _messaging(operation: str, queue: str) -> dict[str, Any]:
    return {
        "messaging.system": "mrq",
        "messaging.destination.name": queue,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
    }


def _task(path: str) -> dict[str, Any]:
    return {"code.function.name": path} if path else {}


def _io(kind: str, data: str) -> dict[str, Any]:
    system, _, operation = kind.partition(".")
    match system:
        case "mongodb":
            return {"db.system.name": system, "db.operation.name": operation, "db.collection.name": data}
        case "redis":
            return {"db.system.name": system, "db.operation.name": operation.upper()}
        case "http":
            return {"http.request.method": operation.upper(), "server.address": data}
        case _:
            return {"server.address": data} if data else {}


def _queue(job: ClaimedJob) -> str:
    return job.queue if job.raw is None else job.raw.queue


def _failed(span: Span, redact: Sequence[str], kind: str, message: str, traceback: str = "") -> None:
    message, traceback = (redacted_text(text[:LONGEST_TEXT], redact) for text in (message, traceback))
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR, message or kind))
    about = {"exception.type": kind, "exception.message": message, "exception.stacktrace": traceback}
    span.add_event("exception", {name: text for name, text in about.items() if text})


def _nanoseconds(at: datetime) -> int:
    return calendar.timegm(at.timetuple()) * 1_000_000_000 + at.microsecond * 1_000
