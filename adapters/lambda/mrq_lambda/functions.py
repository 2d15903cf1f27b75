"""Functions of bursts: how many more invocations there is room for, and how they are started."""

from __future__ import annotations

import json
import logging
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger("mrq.lambda")

SHARE = 0.9
"""Of the account's unreserved concurrency: the rest is left to its other functions."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function as AWS describes it. `timeout`: seconds; `reserved`: its concurrency, None: of the account's pool."""

    arn: str
    timeout: float
    reserved: int | None


class Functions:
    """What is known of functions and of the account, for one round: it may be changed until the next one."""

    def __init__(self, client: Any) -> None:
        """`client`: boto3's for Lambda."""
        self._client = client
        self._known: dict[str, Function] = {}
        self._running: Counter[str] = Counter()  # by ARN
        self._pool: int | None = None
        self._asked = False

    def about(self, name: str) -> Function:
        """A function, by its name or ARN, with an alias or without.

        Raises:
            BotoCoreError, ClientError: it is not there, or may not be read.
        """
        if name not in self._known:
            found = self._client.get_function(FunctionName=name)
            about, concurrency = found["Configuration"], found.get("Concurrency") or {}
            self._known[name] = Function(
                _without_alias(about["FunctionArn"]),
                float(about["Timeout"]),
                concurrency.get("ReservedConcurrentExecutions"),
            )
        return self._known[name]

    def run(self, name: str, bursts: int) -> None:
        """So many more bursts run in this function. Raises as `about`."""
        self._running[self.about(name).arn] += bursts

    def room(self, name: str) -> int | None:
        """How many more can be started; None: nobody knows. Raises as `about`."""
        function = self.about(name)
        if function.reserved is not None:
            return max(0, function.reserved - self._running[function.arn])
        pool = self._account()
        reserved = {each.arn for each in self._known.values() if each.reserved is not None}
        shared = sum(running for arn, running in self._running.items() if arn not in reserved)
        return None if pool is None else max(0, int(pool * SHARE) - shared)

    def start(self, name: str, event: Mapping[str, Any]) -> None:
        """Start one burst, and don't wait for it.

        Raises:
            BotoCoreError, ClientError: it was not started, or it isn't known whether it was.
        """
        self._client.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event).encode())
        self.run(name, 1)

    def _account(self) -> int | None:
        if not self._asked:
            self._asked = True
            try:
                limits = self._client.get_account_settings()["AccountLimit"]
                self._pool = int(limits["UnreservedConcurrentExecutions"])
            except (BotoCoreError, ClientError, KeyError) as error:
                log.warning("the account's concurrency is not known, max_bursts alone holds bursts: %s", error)
        return self._pool


def _without_alias(arn: str) -> str:
    return ":".join(arn.split(":")[:7])
