"""Events of AWS become jobs, each message once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError

from mrq import testing
from mrq.domain.status import Status
from mrq.exceptions import ConfigError
from mrq.ports.errors import StoreUnavailableError
from mrq_lambda.events import EventsFailedError, produce
from mrq_lambda.mapping import entries_of
from mrq_lambda.messages import UnknownEventError
from support.lambdacontext import FakeContext

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mrq.app import App
    from mrq.domain.job import JobRecord

ORDERS = "arn:aws:sqs:eu-west-1:123456789012:orders"


def thumbnail(message: Any) -> dict[str, Any]:
    return {"where": f"{message.body['bucket']}:{message.body['key']}"}


EVENT_JOBS = [
    {"source": "sqs", "name": "orders*", "task": "tasks.Order", "queue": "orders"},
    {"source": "sqs", "name": "picked", "task": "tasks.Pick",
     "params": {"order": "body.order.id", "sent": "record.attributes.SentTimestamp", "id": "id", "none": "body.x"}},
    {"source": "sns", "task": "tasks.News"},
    {"source": "s3", "name": "uploads", "task": "tasks.Thumbnail", "params": thumbnail},
    {"source": "s3", "name": "plain", "task": "tasks.File"},
    {"source": "eventbridge", "name": "shop.*", "task": "tasks.Shop"},
]  # fmt: skip


@pytest.fixture
def app() -> Iterator[App]:
    with testing.memory_app(event_jobs=EVENT_JOBS) as made:
        yield made


def sqs(*bodies: str, arn: str = ORDERS, first: int = 0) -> dict[str, Any]:
    return {"Records": [
        {"messageId": f"m{first + n}", "body": body, "eventSource": "aws:sqs", "eventSourceARN": arn,
         "attributes": {"SentTimestamp": "17"}}
        for n, body in enumerate(bodies)
    ]}  # fmt: skip


def s3(bucket: str, key: str, sequencer: str = "1") -> dict[str, Any]:
    stored = {"key": key, "size": 3, "sequencer": sequencer}
    return {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
                         "s3": {"bucket": {"name": bucket}, "object": stored}}]}  # fmt: skip


def sns(*texts: str) -> dict[str, Any]:
    topic = "arn:aws:sns:eu-west-1:123456789012:news"
    return {"Records": [
        {"EventSource": "aws:sns", "Sns": {"TopicArn": topic, "MessageId": f"n{n}", "Message": text}}
        for n, text in enumerate(texts)
    ]}  # fmt: skip


def jobs(app: App, queue: str = "default") -> list[JobRecord]:
    found = [app.jobs.fetch(job) for job in app.jobs.list_ids(queue, Status.QUEUED, 0, 100)]
    return [job for job in found if job is not None]


def params(app: App, queue: str = "default") -> list[Any]:
    return [dict(job.params) for job in jobs(app, queue)]


def test_messages_of_sqs_become_jobs_once_however_often_they_come(app: App) -> None:
    for _ in range(3):
        assert produce(app, sqs('{"n": 1}', '{"n": 2}'), FakeContext()) == {"batchItemFailures": []}
    assert [(job.path, job.params) for job in jobs(app, "orders")] == [("tasks.Order", {"n": n}) for n in (1, 2)]


def test_the_same_text_in_another_message_is_another_job(app: App) -> None:
    produce(app, sqs("{}"), FakeContext())
    produce(app, sqs("{}", first=1), FakeContext())
    assert len(jobs(app, "orders")) == 2


def test_a_message_that_is_no_json_is_its_text(app: App) -> None:
    produce(app, sqs("hello", "[1]"), FakeContext())
    assert params(app, "orders") == [{"body": "hello"}, {"body": [1]}]


def test_params_are_found_by_expressions(app: App) -> None:
    produce(app, sqs('{"order": {"id": 5}}', arn=ORDERS.replace("orders", "picked")), FakeContext())
    assert params(app) == [{"order": 5, "sent": "17", "id": "m0", "none": None}]


def test_only_the_messages_that_failed_come_again(app: App, caplog: pytest.LogCaptureFixture) -> None:
    event = sqs('{"n": 1}', '{"$bad\\u0000": 1}', '{"n": 3}')
    assert produce(app, event, FakeContext()) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert params(app, "orders") == [{"n": 1}, {"n": 3}]
    (line,) = [record for record in caplog.records if "a message of sqs was not queued" in record.getMessage()]
    assert line.exc_info, "the log says why"


def test_of_a_fifo_queue_nothing_overtakes_what_failed(app: App) -> None:
    event = sqs('{"n": 1}', '{"$bad\\u0000": 1}', '{"n": 3}', arn=f"{ORDERS}.fifo")
    failed = produce(app, event, FakeContext())["batchItemFailures"]
    assert [each["itemIdentifier"] for each in failed] == ["m1", "m2"]
    assert params(app, "orders") == [{"n": 1}]


def test_a_queue_without_an_entry_is_an_error(app: App) -> None:
    with pytest.raises(BatchProcessingError, match="no entry of EVENT_JOBS is for sqs 'other'"):
        produce(app, sqs("{}", arn=ORDERS.replace("orders", "other")), FakeContext())


def test_while_mongodb_is_away_only_one_message_waits_for_it(
    app: App, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[int] = []

    def away(*_: Any) -> None:
        asked.append(1)
        raise StoreUnavailableError("away")

    monkeypatch.setattr(app.jobs, "insert", away)
    with pytest.raises(BatchProcessingError, match="away"):
        produce(app, sqs("{}", "{}", "{}"), FakeContext())
    assert len(asked) == 1
    assert caplog.text.count("a message of sqs was not queued") == 1
    monkeypatch.undo()
    produce(app, sqs("{}", "{}", "{}"), FakeContext())
    assert len(jobs(app, "orders")) == 3


def test_sns_s3_and_eventbridge(app: App) -> None:
    bridge = {"id": "e1", "source": "shop.cart", "detail-type": "Filled", "detail": {"cart": 7}}
    for _ in range(2):
        assert produce(app, sns('{"a": 1}', "text"), FakeContext()) == {"queued": 2}
        assert produce(app, s3("uploads", "a+b%C3%BC.png"), FakeContext()) == {"queued": 1}
        assert produce(app, s3("plain", "file"), FakeContext()) == {"queued": 1}
        assert produce(app, bridge, FakeContext()) == {"queued": 1}
    assert {job.path: job.params for job in jobs(app) if job.path != "tasks.News"} == {
        "tasks.Thumbnail": {"where": "uploads:a bü.png"},
        "tasks.File": {"bucket": "plain", "key": "file", "version": None, "size": 3, "event": "ObjectCreated:Put"},
        "tasks.Shop": {"cart": 7},
    }
    assert [job.params for job in jobs(app) if job.path == "tasks.News"] == [{"a": 1}, {"body": "text"}]


def test_a_new_version_of_an_object_is_a_new_job(app: App) -> None:
    produce(app, s3("plain", "file", "1"), FakeContext())
    produce(app, s3("plain", "file", "2"), FakeContext())
    assert len(jobs(app)) == 2


def test_what_can_be_queued_of_an_event_is_queued_and_the_rest_is_an_error(app: App) -> None:
    with pytest.raises(EventsFailedError, match="1 of 3 messages were not queued"):
        produce(app, sns("a", '{"$bad\\u0000": 1}', "c"), FakeContext())
    assert params(app) == [{"body": "a"}, {"body": "c"}]


@pytest.mark.parametrize("event", [{}, [], {"Records": []}, {"Records": [{"eventSource": "aws:dynamodb"}]}, None])
def test_other_events_are_refused(app: App, event: Any) -> None:
    with pytest.raises(UnknownEventError, match="nothing was queued"):
        produce(app, event, FakeContext())


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ("x", "should be a dict, not str"),
        ({"source": "kafka", "task": "a.B"}, r"\['source'\] = 'kafka' should be one of sqs, sns, s3, eventbridge"),
        ({"source": "sqs"}, r"\['task'\] = None should be the path"),
        ({"source": "sqs", "task": "a.B", "que": "x"}, "unknown key 'que'; did you mean 'queue'"),
        ({"source": "sqs", "task": "a.B", "queue": 1}, r"\['queue'\] = 1"),
        ({"source": "sqs", "task": "a.B", "key_ttl": -1}, r"\['key_ttl'\] = -1"),
        ({"source": "sqs", "task": "a.B", "params": []}, "should be a dict of names and JMESPath"),
        ({"source": "sqs", "task": "a.B", "params": {"a": "b["}}, r"\['params'\]\['a'\] = 'b\[' is no JMESPath"),
    ],
)
def test_a_wrong_entry_is_explained(entry: Any, complaint: str) -> None:
    with pytest.raises(ConfigError, match=rf"EVENT_JOBS\[1\].*{complaint}"):
        entries_of([{"source": "sns", "task": "a.B"}, entry])


def test_a_params_function_has_to_return_a_dict(app: App) -> None:
    entries = entries_of([{"source": "sns", "task": "a.B", "params": lambda message: message.id}])
    with pytest.raises(TypeError, match="returned a str, not a dict"):
        entries[0].params_of(_message())


def _message() -> Any:
    from mrq_lambda.messages import Source, message_of

    return message_of(Source.SNS, sns("a")["Records"][0])
