"""Events of SQS, SNS, S3 and EventBridge become jobs, each message once however often it is delivered."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    SqsFifoPartialProcessor,
    process_partial_response,
)

# What the first event needs, drivers included, while the start of a sandbox has the most CPU
import mrq.stores.mongo_jobkeys
import mrq.stores.mongo_jobs
import mrq.stores.redis_wakeups  # noqa: F401
from mrq.exceptions import MrqError, ServerUnavailableError
from mrq_lambda import emf
from mrq_lambda.mapping import entries_of, entry_for
from mrq_lambda.messages import Source, message_of, source_of
from mrq_lambda.sandbox import sandbox

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mrq.app import App
    from mrq.domain.ids import JobId
    from mrq_lambda.context import Context
    from mrq_lambda.mapping import EventJob

log = logging.getLogger("mrq.lambda")


class EventsFailedError(MrqError):
    """Some messages of an event could not be queued. Lambda delivers it again; those that were queued are not queued
    twice."""


def handler(event: Any, context: Context) -> dict[str, Any]:
    """Queue a job for each message, as EVENT_JOBS says.

    For SQS the answer names the messages that failed, so that only these come again: the event source mapping has to
    have ReportBatchItemFailures.

    Raises:
        UnknownEventError, ConfigError: the event or the configuration is wrong; nothing was queued.
        EventsFailedError: see there.
        BatchProcessingError: every message of an SQS event failed.
    """
    return sandbox.invocation(lambda app: produce(app, event, context), context)


def produce(app: App, event: Any, context: Context) -> dict[str, Any]:
    """See `handler`."""
    source, producer = source_of(event), Producer(app)
    try:
        return _produced(event, context, source, producer)
    finally:
        emf.write(app, {"QueuedMessages": float(producer.queued), "RefusedMessages": float(producer.refused)})


def _produced(event: Any, context: Context, source: Source, producer: Producer) -> dict[str, Any]:
    if source is Source.SQS:

        def queue(record: Any) -> None:
            if error := producer.tried(source, record.raw_event):
                raise error

        answer = process_partial_response(
            event=event,
            record_handler=queue,
            processor=_processor(event),
            context=context,  # type: ignore[arg-type]
        )
        return dict(answer)
    records = [event] if source is Source.EVENTBRIDGE else event["Records"]
    failed = [error for record in records if (error := producer.tried(source, record))]
    if failed:
        raise EventsFailedError(f"{len(failed)} of {len(records)} messages were not queued: {failed[0]}")
    return {"queued": len(records)}


def _processor(event: Mapping[str, Any]) -> BatchProcessor:
    """The messages of a FIFO queue that follow one that failed must not overtake it."""
    if event["Records"][0]["eventSourceARN"].endswith(".fifo"):
        return SqsFifoPartialProcessor()
    return BatchProcessor(event_type=EventType.SQS)


class Producer:
    """Queues the messages of one event. When MongoDB is away the rest fails at once: each would wait for a time-out."""

    def __init__(self, app: App) -> None:
        """Raises ConfigError."""
        self._app = app
        self._entries = _entries(app)
        self._away: ServerUnavailableError | None = None
        self.queued = self.refused = 0  # messages

    def queue(self, source: Source, record: Mapping[str, Any]) -> JobId:
        """Queue the job of one message; its id, which is the same when the message comes again.

        Raises:
            Exception: it was not queued.
        """
        self.refused += 1  # until it is queued
        if self._away is not None:
            raise self._away
        message = message_of(source, record)
        entry = entry_for(message, self._entries)
        app = self._app
        terms = app.key_terms(entry.task, [f"{source.value}:{message.id}"], entry.key_ttl)
        place = app.queue_of(entry.task) if entry.queue is None else entry.queue
        try:
            (job,) = app.enqueuer.enqueue(entry.task, [entry.params_of(message)], place, terms=terms)
        except ServerUnavailableError as error:
            self._away = error
            raise
        self.queued += 1
        self.refused -= 1
        return job

    def tried(self, source: Source, record: Mapping[str, Any]) -> Exception | None:
        """The same; why it was not queued, which is in the log too: once where MongoDB is away."""
        away = self._away
        try:
            self.queue(source, record)
        except Exception as error:
            if error is not away:
                log.exception("a message of %s was not queued", source)
            return error
        return None


@functools.lru_cache(maxsize=1)
def _entries(app: App) -> list[EventJob]:
    return entries_of(app.settings.event_jobs)
