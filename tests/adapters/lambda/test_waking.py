"""A producer that wakes a dispatcher: the installed entry point, and moto's Lambda."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from mrq.testing import memory_app
from mrq_lambda import calling
from mrq_lambda.dispatcher import dispatch
from support.cloud import CLUSTER, Cloud
from support.lambdacontext import FakeContext

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def cloud(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    calling._client.cache_clear()
    yield Cloud().plug(monkeypatch)
    calling._client.cache_clear()


def test_from_an_enqueue_on_an_idle_system_to_a_task_of_ecs(cloud: Cloud) -> None:
    cloud.function("dispatcher")
    cloud.service("workers")
    told: list[Any] = []
    sizing = {"queues": ["default"], "target": {"oldest_wait": 30}, "start_up": 1}
    with memory_app(wake_up="lambda:dispatcher") as app:
        app.agents.put_group("g", {"sizing": sizing, "ecs": {"cluster": CLUSTER, "service": "workers"}})
        cloud.on_invoke = lambda event: told.append(dispatch(app, event, FakeContext(), cloud.client))
        app.enqueuer.enqueue("t.T", [{}], "default")
        assert app.enqueuer.waker is not None
        assert app.enqueuer.waker.wait(30)
    assert cloud.invoked == [("dispatcher", "Event", {"queues": ["default"]})]
    assert told[0]["groups"]["g"]["containers"] == cloud.desired("workers") == 1


def test_a_function_that_is_not_there_costs_a_line_in_the_log(cloud: Cloud, caplog: pytest.LogCaptureFixture) -> None:
    cloud.failing.add("gone")
    with memory_app(wake_up="lambda:gone") as app, caplog.at_level(logging.WARNING):
        (job,) = app.enqueuer.enqueue("t.T", [{}], "default")
        assert app.enqueuer.waker is not None
        assert app.enqueuer.waker.wait(60)
        assert app.jobs.fetch(job) is not None
    assert "nobody can be woken for them" in caplog.text
