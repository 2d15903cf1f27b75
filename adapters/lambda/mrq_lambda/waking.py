"""A producer's wake-up: an asynchronous invocation of the dispatcher, or of a function of bursts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mrq_lambda.calling import call

if TYPE_CHECKING:
    from collections.abc import Callable


def lambda_waker(function: str) -> Callable[[list[str]], None]:
    """Invokes this function (its name or ARN) with `{"queues": [...]}`.

    What it returns raises whatever boto3 raises.
    """
    return lambda queues: call(function, {"queues": queues})
