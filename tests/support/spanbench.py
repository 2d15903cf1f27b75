"""An app in the test's process whose spans are kept in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from mrq.telemetry import OtelSpans

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from mrq.app import App


class Bench:
    """An app whose spans are kept."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.kept = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.kept))
        app.spans = OtelSpans(self.provider)  # type: ignore[misc] # in place of the process's own
        app.enqueuer.spans = app.spans

    def spans(self, name: str = "") -> list[ReadableSpan]:
        """Those that have ended and whose name begins like this."""
        return [span for span in self.kept.get_finished_spans() if span.name.startswith(name)]

    def one(self, name: str) -> ReadableSpan:
        """The only one of this name."""
        (span,) = self.spans(name)
        return span
