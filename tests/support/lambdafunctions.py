"""Functions of moto's Lambda, each in one sandbox of the real runtime: what is invoked runs, asynchronous events are
tried again and end at a failure destination as on Lambda, and mappings of SQS heed which messages failed."""

from __future__ import annotations

import io
import json
import threading
import time
import uuid
import zipfile
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from support.motocfn import AWS, teach_moto

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pytest

    from support.lambdaruntime import LambdaSandbox

    Made = Callable[[str, Mapping[str, Any]], LambdaSandbox]

KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "eu-west-1"}
LONGEST = 300  # seconds that an invocation may take on a busy machine
ATTEMPTS = 3
"""Of an asynchronous event, unless the function says otherwise. Lambda waits for minutes between two; here they follow
at once."""


@contextmanager
def moto_server() -> Iterator[str]:
    """A server of moto with nothing in it; its address. `AWS` has clients of it."""
    import urllib.request

    from moto.core.config import default_user_config
    from moto.server import ThreadedMotoServer

    default_user_config["lambda"] = {"use_docker": False}
    teach_moto()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    AWS.of(f"http://127.0.0.1:{port}")
    # moto keeps what there is in this process, not in the server
    urllib.request.urlopen(f"{AWS.endpoint}/moto-api/reset", data=b"").close()
    try:
        yield AWS.endpoint
    finally:
        server.stop()
        default_user_config["lambda"] = {"use_docker": True}


def create_function(name: str, handler: str, timeout: int = 60, **asynchronous: Any) -> str:
    """A function without code; its ARN. `asynchronous`: what is done with such events, as Lambda has it."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("none.py", "")
    role = AWS["iam"].create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    made = AWS["lambda"].create_function(
        FunctionName=name, Runtime="python3.11", Role=role, Handler=handler, Code={"ZipFile": code.getvalue()},
        Timeout=timeout,
    )  # fmt: skip
    if asynchronous:
        AWS["lambda"].put_function_event_invoke_config(FunctionName=name, **asynchronous)
    arn: str = made["FunctionArn"]
    return arn


class Functions:
    """`invoked`: names, in order, each attempt. `events`: those of asynchronous invocations. `held`: names of functions
    whose asynchronous events are kept there and go no further."""

    def __init__(self, make: Made) -> None:
        """`make`: a new sandbox of a function, by its name and configuration."""
        self._make = make
        self._sandboxes: dict[str, LambdaSandbox] = {}
        self._ended: list[tuple[str, LambdaSandbox]] = []
        self._lock = threading.Lock()
        self._turns: dict[str, threading.Lock] = {}
        self._threads: list[threading.Thread] = []
        self.invoked: list[str] = []
        self.events: list[tuple[str, Any]] = []
        self.held: set[str] = set()

    # ---- moto

    def plug(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """From now on `invoke` of moto's Lambda runs the code."""
        from moto.awslambda_simple.models import LambdaSimpleBackend

        def invoke(_: Any, name: str, _qualifier: Any, body: Any, headers: Any, answer: Any) -> bytes:
            name = name.rsplit(":", 1)[-1]
            event = json.loads(body or "{}")
            if headers.get("X-Amz-Invocation-Type") == "Event":
                self._take(name, event)
                return b""
            payload, error = self.run(name, event)
            if error is not None:
                answer["x-amz-function-error"] = "Unhandled"
            return json.dumps(payload if error is None else error).encode()

        def batch(_: Any, function: str, messages: list[Any], queue: str) -> bool:
            return self._batch(function.rsplit(":", 1)[-1], messages, queue)

        monkeypatch.setattr(LambdaSimpleBackend, "invoke", invoke)
        monkeypatch.setattr(LambdaSimpleBackend, "send_sqs_batch", batch)

    def _take(self, name: str, event: Any) -> None:
        self.events.append((name, event))
        if name not in self.held:
            self._threads.append(threading.Thread(target=self._tried, args=(name, event)))
            self._threads[-1].start()

    # ---- invocations

    def run(self, name: str, event: Any, request: str | None = None) -> tuple[Any, Any]:
        """What the function returns, or its error."""
        configuration = AWS["lambda"].get_function_configuration(FunctionName=name)
        with self._lock:
            self.invoked.append(name)
            turn = self._turns.setdefault(name, threading.Lock())
        with turn:  # a sandbox serves one event at a time
            answer = self._sandbox(name, configuration).invoke(event, float(configuration["Timeout"]), request)
        return answer.payload, answer.error

    def _sandbox(self, name: str, configuration: Mapping[str, Any]) -> LambdaSandbox:
        """One that can serve an event: another one where the last has ended."""
        found = self._sandboxes.get(name)
        if found is not None and not found.alive:
            self._ended.append((name, self._sandboxes.pop(name)))
        if name not in self._sandboxes:
            self._sandboxes[name] = self._make(name, configuration)
        return self._sandboxes[name]

    def _tried(self, name: str, event: Any) -> None:
        """Hand on an asynchronous event, again while it fails; in the end it goes to the failure destination."""
        about = _asynchronous(name)
        attempts = about.get("MaximumRetryAttempts", ATTEMPTS - 1) + 1
        request = str(uuid.uuid4())
        for _ in range(attempts):
            _, error = self.run(name, event, request)
            if error is None:
                return
        queue = about.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        if queue is not None:
            AWS["sqs"].send_message(QueueUrl=_url_of(queue), MessageBody=json.dumps(
                _record(name, event, request, attempts, error)
            ))  # fmt: skip

    def _batch(self, name: str, messages: list[Any], queue: str) -> bool:
        """What a mapping of SQS does with a batch: one event; what has not failed is deleted. Whether all is done; if
        not, `messages` are those that moto shows again."""
        _, error = answer = self.run(name, {"Records": [_sqs_record(message, queue) for message in messages]})
        if error is not None:
            return False
        failed = {each["itemIdentifier"] for each in answer[0]["batchItemFailures"]} if _in_part(name, queue) else set()
        for message in messages:
            if message.id not in failed:
                AWS["sqs"].delete_message(QueueUrl=_url_of(queue), ReceiptHandle=message.receipt_handle)
        messages[:] = [message for message in messages if message.id in failed]
        return not messages

    # ---- their end

    def forget(self) -> None:
        """As after a deployment: the next events get new sandboxes."""
        self.close()
        self._sandboxes.clear()

    def wait(self) -> None:
        """Until all that was invoked asynchronously has come to its end, with all that this has invoked."""
        while self._threads:
            self._threads.pop(0).join(LONGEST)

    def close(self) -> None:
        """End all sandboxes."""
        self.wait()
        for name, sandbox in [*self._ended, *self._sandboxes.items()]:
            sandbox.close()
            print(f"---- log of {name}\n{sandbox.log}")
        self._ended.clear()


def _asynchronous(name: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = AWS["lambda"].get_function_event_invoke_config(FunctionName=name)
    except AWS["lambda"].exceptions.ResourceNotFoundException:
        return {}
    return found


def _url_of(arn: str) -> str:
    url: str = AWS["sqs"].get_queue_url(QueueName=arn.rsplit(":", 1)[-1])["QueueUrl"]
    return url


def _in_part(function: str, queue: str) -> bool:
    (mapping,) = AWS["lambda"].list_event_source_mappings(FunctionName=function, EventSourceArn=queue)[
        "EventSourceMappings"
    ]
    return "ReportBatchItemFailures" in (mapping.get("FunctionResponseTypes") or [])


def _record(name: str, event: Any, request: str, attempts: int, error: Any) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    arn = AWS["lambda"].get_function_configuration(FunctionName=name)["FunctionArn"]
    return {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(),
        "requestContext": {
            "requestId": request, "functionArn": f"{arn}:$LATEST", "condition": "RetriesExhausted",
            "approximateInvokeCount": attempts,
        },
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": error,
    }  # fmt: skip


def _sqs_record(message: Any, queue: str) -> dict[str, Any]:
    now = str(int(time.time() * 1000))
    return {
        "messageId": message.id, "receiptHandle": message.receipt_handle, "body": message.body,
        "attributes": {
            "ApproximateReceiveCount": str(message.approximate_receive_count), "SentTimestamp": now,
            "SenderId": "AIDAIENQZJOLO23YVJ4VO", "ApproximateFirstReceiveTimestamp": now,
        },
        "messageAttributes": {}, "md5OfBody": message.body_md5, "eventSource": "aws:sqs", "eventSourceARN": queue,
        "awsRegion": "eu-west-1",
    }  # fmt: skip
