"""Which errors of MongoDB are an outage, to be waited through, and which are not."""

from __future__ import annotations

import pytest
from pymongo.errors import AutoReconnect, CursorNotFound, OperationFailure

from mrq.exceptions import MrqError
from mrq.ports.errors import StoreUnavailableError
from mrq.stores.mongo_client import translated


def raising(error: Exception) -> None:
    @translated
    def call() -> None:
        raise error

    call()


@pytest.mark.parametrize(
    "error",
    [
        AutoReconnect("gone"),
        OperationFailure("not primary", 10107),
        OperationFailure("interrupted at shutdown", 11600),
        CursorNotFound("cursor id 1 not found", 43),  # the server was restarted between two batches of an answer
        OperationFailure("operation was interrupted", 11601),  # killOp
        OperationFailure("cursor killed", 237),
        OperationFailure("query plan killed", 175),
        OperationFailure("lock timeout", 24),
        OperationFailure("something passing", 1, {"errorLabels": ["RetryableWriteError"]}),
    ],
)
def test_what_may_work_at_the_next_try_is_an_outage(error: Exception) -> None:
    with pytest.raises(StoreUnavailableError, match="MongoDB is not available"):
        raising(error)


@pytest.mark.parametrize("code", [2, 9, 10334])
def test_what_will_never_work_is_raised_as_it_is(code: int) -> None:
    with pytest.raises(OperationFailure):
        raising(OperationFailure("no", code))


@pytest.mark.parametrize("code", [11, 13, 18])
def test_a_wrong_user_or_password_is_said_in_one_line(code: int) -> None:
    with pytest.raises(MrqError, match=r"^MongoDB refuses access: no entry$") as caught:
        raising(OperationFailure("no entry", code))
    assert not isinstance(caught.value, StoreUnavailableError), "waiting doesn't help"
