"""The context object of an invocation, as handlers get it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class FakeContext:
    """So many seconds are left when it is made."""

    seconds: float = 60.0
    aws_request_id: str = "request-1"
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:123456789012:function:burst"
    _made: float = field(default_factory=time.monotonic)

    def get_remaining_time_in_millis(self) -> int:
        """As the runtime computes it."""
        return int(max(0.0, self.seconds - (time.monotonic() - self._made)) * 1000)
