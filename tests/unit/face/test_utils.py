"""mrq.utils."""

from __future__ import annotations

import datetime
import json
import socket
import threading
import time
import uuid
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import pytest
from bson import ObjectId

from mrq.utils import (
    LazyObject,
    MongoJSONEncoder,
    MovingAverage,
    MovingETA,
    get_local_ip,
    group_iter,
    lazyproperty,
    load_class_by_path,
    memoize,
    memoize_single_argument,
    normalize_command,
    wait_for_net_service,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


@pytest.mark.parametrize(
    ("size", "steps"),
    [
        (2, [(10, 0, None), (5, 1, 1), (4, 2, 4), (2, 10, 8)]),
        (3, [(10, 0, None), (9, 1, 9), (8, 2, 8), (7, 3, 7)]),
        (2, [(0, 0, None), (0, 1, None)]),
        (2, [(3, 5, None), (4, 5, None)]),
        (2, [(1, 0, None), (2, 1, -2)]),
    ],
)
def test_the_time_until_zero(size: int, steps: list[tuple[float, float, float | None]]) -> None:
    eta = MovingETA(size)
    assert [eta.next(value, t=at) for value, at, _ in steps] == [expected for *_, expected in steps]


def test_the_time_until_zero_by_a_fit_and_by_the_clock() -> None:
    eta = MovingETA(3)
    for at, value in enumerate([10, 9, 8, 7]):
        eta.next(value, t=at)
    last = eta.next(5, t=4)
    assert last is not None
    assert 3 < last < 4
    clock = MovingETA(2)
    clock.next(10)
    assert clock.next(0) == pytest.approx(0, abs=0.001)


def test_the_mean_of_the_last_values() -> None:
    mean = MovingAverage(2)
    assert [mean.next(value) for value in (1, 3, 5)] == [1, 2, 4]


@pytest.mark.parametrize("items", [[1, 2, 3, 4, 5], (n for n in range(1, 6))])
def test_groups(items: Iterable[int]) -> None:
    assert list(group_iter(items, n=2)) == [[1, 2], [3, 4], [5]]
    assert list(group_iter([])) == []


def test_json_of_what_mongodb_returns() -> None:
    some_id, some_uuid = ObjectId(), uuid.uuid4()
    when = datetime.datetime(2026, 1, 2, 3, 4, 5)
    document = {"id": some_id, "u": some_uuid, "at": when, "day": when.date(), "b": "é".encode()}
    assert json.loads(json.dumps(document, cls=MongoJSONEncoder)) == {
        "id": str(some_id), "u": str(some_uuid), "at": "2026-01-02T03:04:05", "day": "2026-01-02", "b": "é",
    }  # fmt: skip
    with pytest.raises(TypeError):
        json.dumps(object(), cls=MongoJSONEncoder)


def test_a_port_is_awaited() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        assert wait_for_net_service("127.0.0.1", port, timeout=0.05, poll_interval=0.01) is False
        later = threading.Timer(0.05, listener.listen)
        later.start()
        assert wait_for_net_service("127.0.0.1", port, timeout=20, poll_interval=0.01) is True
        assert wait_for_net_service("127.0.0.1", port) is True
        later.join()


def test_waiting_for_a_port_keeps_to_its_time_also_between_two_tries() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        start = time.monotonic()
        assert not wait_for_net_service("127.0.0.1", bound.getsockname()[1], timeout=0.05, poll_interval=30)
        assert time.monotonic() - start < 10


def test_classes_by_path() -> None:
    assert load_class_by_path("collections.OrderedDict") is OrderedDict
    with pytest.raises(AttributeError):
        load_class_by_path("collections.Nothing")
    with pytest.raises(ImportError, match="has no module"):
        load_class_by_path("Nothing")


def test_functions_that_remember() -> None:
    calls: list[Any] = []

    @memoize
    def add(a: int, b: int) -> int:
        calls.append((a, b))
        return a + b

    @memoize_single_argument
    def double(a: int) -> int:
        calls.append(a)
        return 2 * a

    assert (add(1, 2), add(1, 2), double(2), double(2)) == (3, 3, 4, 4)
    assert calls == [(1, 2), 2]


def test_lazy_properties() -> None:
    class Thing:
        made = 0

        @lazyproperty
        def part(self) -> int:
            """A part."""
            self.made += 1
            return self.made

    thing, other = Thing(), Thing()
    assert (thing.part, thing.part, other.part) == (1, 1, 1)
    assert Thing.part.__doc__ == "A part."
    with pytest.raises(AttributeError, match="part can't be set"):
        thing.part = 3


def test_lazy_objects() -> None:
    lazy = LazyObject()
    asked: list[str] = []
    lazy.add_factory(asked.append)
    lazy.add_factory(lambda name: [name] if name == "a" else None)
    first = lazy.a
    assert first == ["a"]
    assert lazy.a is first
    assert lazy.b is None
    assert asked == ["a", "b"]
    lazy.c = 3
    lazy.reset()
    assert lazy.a is not first
    assert lazy.c == 3
    with pytest.raises(AttributeError):
        lazy.__wrapped__  # noqa: B018


@pytest.mark.parametrize(
    ("command", "expected", "count"),
    [
        ("mrq-worker a", "MRQ_WORKER_GROUP=xx mrq-worker a", 1),
        ("mrq-worker a --processes 3 --x", "MRQ_WORKER_GROUP=xx mrq-worker a --x", 3),
        ("A=1 mrq-worker --processes=2", "MRQ_WORKER_GROUP=xx A=1 mrq-worker", 2),
        ("mrq-worker 'a b' --processes 1", "MRQ_WORKER_GROUP=xx mrq-worker 'a b'", 1),
    ],
)
def test_commands_of_agents(command: str, expected: str, count: int) -> None:
    assert normalize_command(command, "xx") == (expected, count)


def test_the_address_of_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    socket.inet_aton(get_local_ip())

    def nowhere(_: str) -> str:
        raise OSError

    monkeypatch.setattr(socket, "gethostbyname", nowhere)
    assert get_local_ip() == "127.0.0.1"
