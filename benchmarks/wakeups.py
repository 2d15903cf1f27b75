"""The whole way from a job that is queued into an idle system to its start: producer, dispatcher, burst.

The functions run in the real runtime client. What AWS does between them is a stand-in here (moto), which hands an
asynchronous event on at once; how long it takes to answer is told apart. On Lambda each of the two events takes some
tens of milliseconds more to be handed on, and a new sandbox takes longer to be made.
"""

from __future__ import annotations

import io
import json
import logging
import os
import statistics
import time
import zipfile
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import astuple, dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, Self
from unittest import mock

from benchmarks import measures
from mrq.app import App, use_app
from mrq.job import queue_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pymongo.database import Database

    from support.lambdaruntime import LambdaSandbox  # type: ignore[import-not-found]  # of the tests

DISPATCHER, BURST = "mrq_lambda.dispatcher.handler", "mrq_lambda.burst.handler"
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": "eu-west-1"}
GROUP = {
    "sizing": {"queues": ["default"], "target": {"oldest_wait": 30}, "max_bursts": 1},
    "burst": {"function": "burst", "event": {"margin": 2}},
}
INTERVAL = 0.1  # seconds in which a producer calls once
START = 60.0  # seconds that a first job may take to start


@dataclass(frozen=True, slots=True)
class Parts:
    """Milliseconds. `stand_in`: of the other three, what the stand-in for AWS took to answer."""

    producer: float  # from before the job is queued until the dispatcher's event has come
    dispatcher: float  # until the burst's event has come
    burst: float  # until the job starts
    stand_in: float

    @property
    def whole(self) -> float:
        """From the first to the last."""
        return self.producer + self.dispatcher + self.burst


class WakeUps:
    """An idle system with a dispatcher and bursts. A context manager."""

    def __init__(
        self,
        urls: tuple[str, str],
        database: Database[dict[str, Any]],
        make: Callable[[str, dict[str, str]], LambdaSandbox],
    ) -> None:
        """`urls`: of MongoDB and Redis. `make`: a new sandbox of a handler, with more environment."""
        self._urls, self._database, self._make = urls, database, make
        self._stack = ExitStack()
        self._sandboxes: dict[str, LambdaSandbox] = {}
        self._called: dict[str, float] = {}
        self._running: list[Future[None]] = []
        self._answering = 0.0  # seconds that the stand-in took so far

    def __enter__(self) -> Self:
        import boto3
        from moto.awslambda_simple.models import LambdaSimpleBackend
        from moto.core.config import default_user_config
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication
        from moto.server import ThreadedMotoServer

        enter = self._stack.enter_context
        enter(mock.patch.dict(default_user_config, {"lambda": {"use_docker": False}}))
        answer: Callable[[Any, Any, Any], Iterable[bytes]] = DomainDispatcherApplication.__call__

        def timed(app: Any, environ: Any, start_response: Any) -> Iterable[bytes]:
            began = time.monotonic()
            try:
                return answer(app, environ, start_response)
            finally:
                self._answering += time.monotonic() - began

        enter(mock.patch.object(DomainDispatcherApplication, "__call__", timed))
        enter(mock.patch.object(LambdaSimpleBackend, "invoke", self._invoked))
        logging.getLogger("werkzeug").setLevel("ERROR")
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        self._stack.callback(server.stop)
        _, port = server.get_host_and_port()
        self._aws = {**KEYS, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
        enter(mock.patch.dict(os.environ, self._aws))
        self._pool = enter(ThreadPoolExecutor(2))
        self._stack.callback(self._close)
        role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        functions = boto3.client("lambda")
        for name in ("dispatcher", "burst"):
            functions.create_function(
                FunctionName=name,
                Runtime="python3.11",
                Role=role,
                Handler="a.b",
                Code={"ZipFile": _zipped()},
                Timeout=60,
            )
            functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=1)
        mongodb, redis = self._urls
        about = {"mongodb_jobs": mongodb, "redis": redis, "wake_up": "lambda:dispatcher", "wake_up_interval": INTERVAL}
        self._app = App(about)
        self._app.agents.put_group("bench", GROUP)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._app.close()

    def first_start(self, *, warm: bool) -> Parts:
        """Queue one job into the idle system. `warm`: both functions have served before."""
        self._close()
        for _ in range(2 if warm else 1):
            self._idle()
            found = self._once()
        return found

    def _idle(self) -> None:
        for name in ("mrq_jobs", "mrq_fleets", "mrq_workers"):  # also what was decided before
            self._database[name].delete_many({})
        time.sleep(2 * INTERVAL)

    def _once(self) -> Parts:
        self._called.clear()
        use_app(self._app)
        before, began = self._answering, time.time()
        job = queue_job(measures.TASK, measures.params(1)[0])
        until = time.monotonic() + START
        while not (started := (self._database["mrq_jobs"].find_one({"_id": job}) or {}).get("datestarted")):
            if time.monotonic() > until:
                raise RuntimeError(
                    "the job was not started: " + "\n".join(each.log for each in self._sandboxes.values())
                )
            time.sleep(0.05)  # seldom: the sandboxes need the cores
        answering = self._answering - before
        while self._running:
            self._running.pop().result()
        called, first = self._called, started.replace(tzinfo=UTC).timestamp()
        times = [
            called["dispatcher"] - began,
            called["burst"] - called["dispatcher"],
            first - called["burst"],
            answering,
        ]
        return Parts(*(seconds * 1000 for seconds in times))

    def _invoked(self, name: str, _qualifier: Any, body: Any, _headers: Any, _answer: Any) -> bytes:
        name = name.rsplit(":", 1)[-1]
        self._called.setdefault(name, time.time())
        self._running.append(self._pool.submit(self._run, name, json.loads(body)))
        return b"{}"

    def _run(self, name: str, event: Any) -> None:
        sandbox = self._sandboxes.get(name)
        if sandbox is None:
            handler = DISPATCHER if name == "dispatcher" else BURST
            sandbox = self._sandboxes[name] = self._make(handler, self._aws)
        answer = sandbox.invoke(event)
        if answer.error:
            raise RuntimeError(f"{name}: {answer.error}\n{sandbox.log}")

    def _close(self) -> None:
        for sandbox in self._sandboxes.values():
            sandbox.close()
        self._sandboxes.clear()


def table(wake_ups: WakeUps, rounds: int) -> Iterable[str]:
    """Lines of Markdown: medians."""
    yield "| With a dispatcher, ms | producer | dispatcher | burst | in all | of it the stand-in for AWS |"
    yield "|---|---:|---:|---:|---:|---:|"
    for what, warm in (("new sandboxes", False), ("warm ones", True)):
        found = [wake_ups.first_start(warm=warm) for _ in range(rounds)]
        parts = Parts(*map(statistics.median, zip(*map(astuple, found), strict=True)))
        whole = statistics.median(each.whole for each in found)
        cells = (parts.producer, parts.dispatcher, parts.burst, whole, parts.stand_in)
        yield f"| {what} | " + " | ".join(f"{value:,.0f}" for value in cells) + " |"


def _zipped() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("a.py", "")
    return made.getvalue()
