"""Events of AWS, taken apart: each message with a name, an id that stays the same when it comes again, and a body."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from mrq.exceptions import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping


class Source(StrEnum):
    """Who sends events."""

    SQS = "sqs"
    SNS = "sns"
    S3 = "s3"
    EVENTBRIDGE = "eventbridge"


class UnknownEventError(ConfigError):
    """An event that is none of those that can become jobs."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `name`: of the SQS queue, the SNS topic, or the bucket; of EventBridge, the `source` of the event.

    `body`: what it says; JSON is decoded. `record`: the whole of it, as it came.
    """

    source: Source
    name: str
    id: str
    body: Any
    record: Mapping[str, Any]


def source_of(event: Any) -> Source:
    """Who sent an event.

    Raises:
        UnknownEventError: nobody known.
    """
    if isinstance(event, dict):
        records = event.get("Records")
        if isinstance(records, list) and records and isinstance(records[0], dict):
            found = records[0].get("eventSource") or records[0].get("EventSource")
            for source in (Source.SQS, Source.SNS, Source.S3):
                if found == f"aws:{source.value}":
                    return source
        if "detail-type" in event and "source" in event and "id" in event:
            return Source.EVENTBRIDGE
    keys = ", ".join(sorted(map(str, event))[:8]) if isinstance(event, dict) else type(event).__name__
    raise UnknownEventError(f"this is no event of SQS, SNS, S3 or EventBridge (it has: {keys}); nothing was queued")


def message_of(source: Source, record: Mapping[str, Any]) -> Message:
    """Take a record apart; of EventBridge, the event.

    Raises:
        KeyError, TypeError: it is not as this source sends it.
    """
    match source:
        case Source.SQS:
            name = record["eventSourceARN"].rpartition(":")[2]
            return Message(source, name, record["messageId"], _decoded(record["body"]), record)
        case Source.SNS:
            about = record["Sns"]
            name = about["TopicArn"].rpartition(":")[2]
            return Message(source, name, about["MessageId"], _decoded(about["Message"]), record)
        case Source.S3:
            return _of_s3(record)
        case Source.EVENTBRIDGE:
            return Message(source, record["source"], record["id"], record.get("detail"), record)


def _of_s3(record: Mapping[str, Any]) -> Message:
    bucket, stored = record["s3"]["bucket"]["name"], record["s3"]["object"]
    key = unquote_plus(stored["key"])
    body = {
        "bucket": bucket,
        "key": key,
        "version": stored.get("versionId"),
        "size": stored.get("size"),
        "event": record["eventName"],
    }
    # S3 gives no id; the sequencer tells the changes of one key apart
    name = f"{bucket}/{key}/{stored.get('sequencer', '')}/{record['eventName']}"
    return Message(Source.S3, bucket, name, body, record)


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
