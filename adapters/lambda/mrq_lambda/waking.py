"""A producer's wake-up: an asynchronous invocation of the dispatcher, or of a function of bursts."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

CONNECT, READ = 2.0, 3.0  # seconds: a process that ends waits for a call that it has begun


def lambda_waker(function: str) -> Callable[[list[str]], None]:
    """Invokes this function (its name or ARN) with `{"queues": [...]}`.

    What it returns raises whatever boto3 raises.
    """

    def wake(queues: list[str]) -> None:
        payload = json.dumps({"queues": queues}).encode()
        _client().invoke(FunctionName=function, InvocationType="Event", Payload=payload)

    return wake


@functools.cache
def _client() -> Any:
    # producers import MRQ, most of them never wake anybody, and this takes longer to load than all of MRQ
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    return boto3.client(
        "lambda", config=Config(connect_timeout=CONNECT, read_timeout=READ, retries={"max_attempts": 0})
    )
