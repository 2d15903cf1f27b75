"""Have another function run, and don't wait for it: what a burst does at its end, and a producer for a wake-up."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECT, READ = 1.5, 2.5  # seconds: a process that ends waits for a call that it has begun


def call(function: str, event: Mapping[str, Any]) -> None:
    """Invoke a function (its name or ARN) asynchronously.

    Raises:
        Exception: whatever boto3 raises; it was not invoked, or it isn't known whether it was.
    """
    _client().invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(event).encode())


@functools.cache
def _client() -> Any:
    # most bursts and most producers end without them, and they take longer to load than all of MRQ
    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    config = Config(connect_timeout=CONNECT, read_timeout=READ, retries={"max_attempts": 0})
    return boto3.client("lambda", config=config)
