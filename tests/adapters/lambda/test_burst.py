"""One invocation of a burst, on stores in memory: what it answers, when it goes on, when its process has to end."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
import zipfile
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from mrq import testing
from mrq.domain.status import Status
from mrq.engine import shutdown
from mrq.job import get_job_logs
from mrq.logger import MongoHandler
from mrq.task import Task
from mrq_lambda import burst, calling, continuation
from mrq_lambda.burst import BurstFailedError, drain
from mrq_lambda.orders import BadEventError, orders_of
from support.lambdacontext import FakeContext
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mrq.app import App

pytestmark = pytest.mark.usefixtures("own_logging")
MODULE = "tasks_of_a_burst"


class Lambda:
    """boto3's client, as far as it is used."""

    def __init__(self) -> None:
        self.invoked: list[dict[str, Any]] = []
        self.fails = False

    def invoke(self, **about: Any) -> None:
        if self.fails:
            raise ConnectionError("no such endpoint")
        self.invoked.append(about)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(about["Payload"]) for about in self.invoked]


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> Lambda:
    fake = Lambda()
    monkeypatch.setattr(calling, "_client", lambda: fake)
    return fake


@pytest.fixture
def define(memory_app: App) -> Iterator[Callable[..., str]]:
    module = sys.modules[MODULE] = ModuleType(MODULE)

    def make(name: str, function: Callable[[dict[str, Any]], Any], **options: Any) -> str:
        options = {"burst_limit": 0.2, **options}
        cls = type(name, (Task,), {"run": lambda _self, params: function(params), "mrq_options": options})
        setattr(module, name, cls)
        return f"{MODULE}.{name}"

    yield make
    del sys.modules[MODULE]


def queue(app: App, path: str, many: int = 1, name: str = "default") -> None:
    app.enqueuer.enqueue(path, [{"n": n} for n in range(many)], name)


def slowly(app: App) -> Callable[[Any], None]:
    """A job that takes a while, and can be interrupted."""
    return lambda params: [app.runtime.sleep(0.01) for _ in range(30)] and None


def test_it_drains_the_queues_and_says_what_it_did(memory_app: App, define: Any, function: Lambda) -> None:
    queue(memory_app, define("Light", lambda params: None), 5)
    told = drain(memory_app, {"concurrency": 3}, FakeContext())
    worker = memory_app.workers.fetch(memory_app.jobs.parse_id(told.pop("worker")))
    assert worker is not None
    assert worker["status"] == "stop"
    assert told == {
        "reason": "its queues are empty", "jobs": 5, "interrupted": 0, "for_containers": {}, "generation": 0,
        "continued": False,
    }  # fmt: skip
    assert function.invoked == []


def test_a_bad_event_touches_nothing(memory_app: App, define: Any) -> None:
    queue(memory_app, define("Light", lambda params: None))
    with pytest.raises(BadEventError):
        drain(memory_app, {"queues": "default", "concurency": 3}, FakeContext())
    assert memory_app.jobs.count("default", frozenset({Status.QUEUED})) == 1
    assert memory_app.workers.alive(10) == []


def test_its_metrics_are_lines_for_cloudwatch(define: Any, capsys: pytest.CaptureFixture[str]) -> None:
    path = define("Counted", lambda params: None)
    with testing.memory_app() as app:
        queue(app, path)
        drain(app, {}, FakeContext())
        assert capsys.readouterr().out == "", "nobody wants any"
    with testing.memory_app(emf=True) as app:
        queue(app, path, 3)
        told = drain(app, {}, FakeContext())
        runs, burst_line = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (runs["Queue"], runs["Task"], runs["Runs.success"], runs["Worker"]) == ("default", path, 3, told["worker"])
    assert runs["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Queue", "Task"]]
    assert (burst_line["BurstJobs"], burst_line["BurstHandedBack"], burst_line["FailedExports"]) == (3, 0, 0)


def test_metrics_that_can_not_be_written_harm_nobody(define: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, _text: str) -> None:
            raise OSError("the disk is full")

    with testing.memory_app(emf=True) as app:
        queue(app, define("Counted", lambda params: None))
        monkeypatch.setattr("mrq_lambda.emf.sys.stdout", Full())
        assert drain(app, {}, FakeContext())["jobs"] == 1


def test_it_names_what_only_containers_can_take(memory_app: App, define: Any, function: Lambda) -> None:
    heavy = define("Heavy", lambda params: None, burst_limit=600)
    unknown = define("Unknown", lambda params: None, burst_limit=0)
    for path in (heavy, unknown):
        queue(memory_app, path)
    told = drain(memory_app, {}, FakeContext())
    assert told["for_containers"] == {heavy: 600, unknown: None}
    assert told["jobs"] == 0
    assert function.invoked == []


def test_a_measured_time_comes_before_the_declared_one(
    memory_app: App, define: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = define("Quick", lambda params: None, burst_limit=600)
    monkeypatch.setattr(burst, "measured", {path: 0.5}.get)
    queue(memory_app, path)
    assert drain(memory_app, {}, FakeContext())["jobs"] == 1


def test_it_calls_itself_when_work_remains(memory_app: App, define: Any, function: Lambda) -> None:
    queue(memory_app, define("Slow", slowly(memory_app)), 40)
    told = drain(memory_app, {"margin": 1, "concurrency": 2, "queues": ["default"]}, FakeContext(2.0))
    assert told["continued"]
    (about,) = function.invoked
    assert (about["FunctionName"], about["InvocationType"]) == (FakeContext.invoked_function_arn, "Event")
    (event,) = function.events
    assert (event["generation"], event["chain"], event["queues"]) == (1, "request-1", ["default"])
    again = drain(memory_app, event, FakeContext(aws_request_id="request-2"))
    assert again["generation"] == 1
    done = memory_app.jobs.count("default", frozenset({Status.SUCCESS}))
    assert done + memory_app.jobs.count("default", frozenset({Status.INTERRUPT})) == 40


def test_a_second_copy_of_the_event_does_not_call_once_more(memory_app: App, define: Any, function: Lambda) -> None:
    queue(memory_app, define("Slow", slowly(memory_app)), 100)
    event = {"margin": 1, "concurrency": 2}
    assert drain(memory_app, event, FakeContext(2.0))["continued"]
    assert not drain(memory_app, event, FakeContext(2.0))["continued"]
    assert drain(memory_app, event, FakeContext(2.0, aws_request_id="another"))["continued"]
    assert len(function.invoked) == 2


def test_a_call_that_failed_can_be_made_by_a_copy_of_the_event(memory_app: App, define: Any, function: Lambda) -> None:
    queue(memory_app, define("Slow", slowly(memory_app)), 100)
    function.fails = True
    assert not drain(memory_app, {"margin": 1}, FakeContext(2.0))["continued"]
    function.fails = False
    assert drain(memory_app, {"margin": 1}, FakeContext(2.0))["continued"]


@pytest.mark.parametrize(
    ("event", "why"),
    [({"generation": 3, "max_generations": 3}, "the limit"), ({"max_jobs": 1}, "it was to take one job")],
    ids=["generations", "max_jobs"],
)
def test_when_it_is_enough(memory_app: App, define: Any, function: Lambda, event: dict[str, Any], why: str) -> None:
    queue(memory_app, define("Slow", slowly(memory_app)), 50)
    assert not drain(memory_app, {"margin": 1, **event}, FakeContext(2.0))["continued"], why
    assert function.invoked == []


def test_one_that_has_finished_nothing_does_not_go_on(memory_app: App, define: Any, function: Lambda) -> None:
    def endless(params: Any) -> None:
        while True:
            memory_app.runtime.sleep(0.01)

    queue(memory_app, define("Endless", endless), 5)
    told = drain(memory_app, {"margin": 1}, FakeContext(2.0))
    assert (told["jobs"], told["interrupted"], told["continued"]) == (1, 1, False)


def test_what_fits_into_a_whole_invocation_but_not_into_the_rest_makes_it_go_on(
    memory_app: App, define: Any, function: Lambda
) -> None:
    context = FakeContext(3.0)
    most = context.get_remaining_time_in_millis() / 1000 - 1 - 0.1  # a whole budget and a little less

    def until_too_little_is_left(params: Any) -> None:
        wait_until(lambda: context.get_remaining_time_in_millis() / 1000 - 1 < most, interval=0.01)

    queue(memory_app, define("Slow", until_too_little_is_left, burst_limit=0.6), 1)
    queue(memory_app, define("Longer", lambda params: None, burst_limit=most), 1, "last")
    told = drain(memory_app, {"margin": 1, "queues": ["default", "last"], "concurrency": 1}, context)
    assert (told["jobs"], told["for_containers"]) == (1, {})
    assert told["continued"]


def test_a_paused_queue_is_no_reason_to_go_on(memory_app: App, define: Any, function: Lambda) -> None:
    queue(memory_app, define("Slow", slowly(memory_app)), 8)
    queue(memory_app, define("Light", lambda params: None), 1, "paused")
    memory_app.pauses.pause("paused")
    drain(memory_app, {"margin": 1, "queues": ["default", "paused"], "concurrency": 8}, FakeContext(1.5))
    assert function.invoked == []


def test_a_job_that_cannot_be_stopped_takes_the_process_along(
    memory_app: App, define: Any, function: Lambda, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons: list[str] = []
    monkeypatch.setattr(burst, "retire", reasons.append)
    monkeypatch.setattr(shutdown, "INTERRUPT_INTERVAL", 0.05)
    done = threading.Event()

    def stubborn(params: Any) -> None:
        while not done.is_set():
            try:
                done.wait(0.01)  # an interruption reaches a thread between two waits
            except BaseException:
                continue

    queue(memory_app, define("Stubborn", stubborn))
    drain(memory_app, {"margin": 1}, FakeContext(2.0))
    done.set()
    assert reasons == ["its time is up"]
    assert memory_app.jobs.count_by_queue(Status.STARTED) == {}


def test_a_worker_that_broke_is_an_error_of_the_function(
    memory_app: App, define: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("mrq.engine.loop.Worker._turn", broken)
    with pytest.raises(BurstFailedError, match="its main loop died"):
        drain(memory_app, {}, FakeContext())


def test_the_lines_of_jobs_are_kept_with_them(memory_app: App, define: Any) -> None:
    queue(memory_app, define("Chatty", lambda params: logging.getLogger("mrq.current").warning("said by the job")))
    for _ in range(2):
        drain(memory_app, {}, FakeContext())
    assert sum(isinstance(each, MongoHandler) for each in logging.getLogger("mrq").handlers) == 1
    (job,) = memory_app.jobs.list_ids("default", Status.SUCCESS, 0, 10)
    assert "said by the job" in "".join(piece.text for piece in get_job_logs(job))


@pytest.mark.usefixtures("aws")
def test_the_call_is_one_that_lambda_takes(memory_app: App) -> None:
    import boto3

    calling._client.cache_clear()
    try:
        roles, functions = boto3.client("iam"), boto3.client("lambda")
        role = roles.create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        arn = functions.create_function(
            FunctionName="burst", Runtime="python3.12", Role=role, Handler="a.b", Code={"ZipFile": zipped()}
        )["FunctionArn"]
        orders = orders_of({}, memory_app.settings, "request")
        assert continuation.continue_burst(memory_app, orders, 3, arn)
        assert not continuation.continue_burst(memory_app, orders, 3, arn)
    finally:
        calling._client.cache_clear()


def zipped() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a.py", "def b(event, context): pass")
    return made.getvalue()
