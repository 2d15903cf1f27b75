"""What Lambda tells of an invocation, as far as it is needed."""

from __future__ import annotations

from typing import Protocol


class Context(Protocol):
    """See the context object of AWS Lambda's Python runtime."""

    aws_request_id: str
    invoked_function_arn: str

    def get_remaining_time_in_millis(self) -> int:
        """Until the process is killed."""
        ...
