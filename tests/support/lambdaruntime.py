"""AWS Lambda on this machine: the real runtime client in a process of its own, and a stand-in for the Runtime API.

As on Lambda: one event at a time, a true deadline after which the process is killed, 6 MB for an answer, and between
two events the process is frozen (SIGSTOP).
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

TESTS = Path(__file__).parents[1]
LARGEST_ANSWER = 6 * 1024 * 1024  # bytes
START = 60.0  # seconds that a sandbox may take to ask for its first event, on a busy machine
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:burst"


@dataclass(slots=True)
class Answer:
    """How an invocation ended. `payload`: what the handler returned; `error`: what it raised, or what became of the
    process."""

    payload: Any = None
    error: dict[str, Any] | None = None
    killed: bool = False  # at its deadline
    exit_code: int | None = None  # of a process that ended by itself


class LambdaSandbox:
    """One sandbox of a function. Frozen whenever no event is served."""

    def __init__(
        self,
        handler: str,
        folder: Path,
        environment: Mapping[str, str],
        *,
        name: str = "sandbox",
        runtime: Path | None = None,
        arn: str = ARN,
    ) -> None:
        """`folder`: the code. `runtime`: where the runtime's own libraries are; with it nothing is found but these and
        the code, as on Lambda. `arn`: of the function."""
        self.arn = arn
        self._events: queue.Queue[tuple[str, bytes, float]] = queue.Queue()
        self._answers: queue.Queue[Answer] = queue.Queue()
        self._idle = threading.Event()
        self._server = _Server(self)
        self._log = folder / f"{name}-{uuid.uuid4().hex[:6]}.log"
        others = [str(TESTS), os.environ.get("PYTHONPATH")] if runtime is None else [str(runtime)]
        path = os.pathsep.join(filter(None, [str(folder), *others]))
        alone = [] if runtime is None else ["-S"]  # without site-packages
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, *alone, "-m", "awslambdaric", handler],
                env={
                    **{key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "MRQ_"))},
                    "PYTHONPATH": path,
                    "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_port}",
                    "AWS_LAMBDA_FUNCTION_NAME": "burst",
                    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
                    "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
                    "AWS_REGION": "eu-west-1",
                    "AWS_DEFAULT_REGION": "eu-west-1",
                    "AWS_ACCESS_KEY_ID": "testing",
                    "AWS_SECRET_ACCESS_KEY": "testing",
                    "LAMBDA_TASK_ROOT": str(folder),
                    **environment,
                },
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    # ---- what is to be seen of it

    @property
    def log(self) -> str:
        """All that it has written so far."""
        return self._log.read_text()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can serve another event."""
        return self._process.poll() is None

    # ---- what is done with it

    def invoke(self, event: Any, seconds: float = 60.0, request: str | None = None) -> Answer:
        """Thaw it, give it an event, wait for the end, and freeze it again. `seconds`: its time, from now on."""
        self.begin(event, seconds, request)
        return self.finish()

    def begin(self, event: Any, seconds: float = 60.0, request: str | None = None) -> None:
        """The first half of `invoke`."""
        self.wait_idle()
        self._idle.clear()
        self._ends = time.time() + seconds
        self._thaw()
        self._events.put((request or str(uuid.uuid4()), json.dumps(event).encode(), self._ends))

    def finish(self) -> Answer:
        """The second half of `invoke`."""
        try:
            answer = self._answers.get(timeout=max(0.0, self._ends - time.time()))
        except queue.Empty:
            self.kill()
            answer = self._answers.get(timeout=START)
            answer.killed = True
        if self.alive and answer.exit_code is None:
            with contextlib.suppress(AssertionError):
                self.wait_idle()
        return answer

    def wait_idle(self) -> None:
        """Wait until it asks for an event. It is frozen then."""
        if not self._idle.wait(START) and self.alive:
            raise AssertionError(f"the sandbox doesn't ask for an event:\n{self.log}")
        if self.alive:
            self._signal(signal.SIGSTOP)

    def kill(self) -> None:
        """SIGKILL, as Lambda does at the deadline."""
        self._signal(signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """Kill what is left of it."""
        self.kill()
        self._watcher.join(START)
        self._server.shutdown()
        self._server.server_close()

    def _thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    # ---- what the server and the watcher hear

    def _watch(self) -> None:
        code = self._process.wait()
        self._answers.put(
            Answer(error={"errorType": "Runtime.ExitError", "errorMessage": f"exit {code}"}, exit_code=code)
        )
        self._idle.set()

    def _next(self) -> tuple[str, bytes, float]:
        self._idle.set()
        return self._events.get()

    def _answered(self, answer: Answer) -> None:
        self._answers.put(answer)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, sandbox: LambdaSandbox) -> None:
        super().__init__(("127.0.0.1", 0), _Api)
        self.sandbox = sandbox


class _Api(BaseHTTPRequestHandler):
    """The Runtime API, version 2018-06-01."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def do_GET(self) -> None:
        request, body, ends = self.server.sandbox._next()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", request)
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(ends * 1000)))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", self.server.sandbox.arn)
        self.send_header("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self.path.endswith("/response"):
            answer = Answer(error=json.loads(body or b"{}"))
        elif len(body) > LARGEST_ANSWER:
            answer = Answer(error={"errorType": "Function.ResponseSizeTooLarge"})
        else:
            answer = Answer(payload=json.loads(body))
        status = 413 if answer.error and answer.error["errorType"].endswith("TooLarge") else 202
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.server.sandbox._answered(answer)

    def log_message(self, *_: Any) -> None:
        """Not to the test's output."""
