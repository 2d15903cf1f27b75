"""A stand-in for the agent of ECS: its endpoint for task protection."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DONE = {"protection": {"ProtectionEnabled": True, "ExpirationDate": "2026-01-01T00:00:00Z", "TaskArn": "arn"}}


class EcsAgent:
    """`asked`: path and body of each PUT. `status` and `answer`: what it says to the next one."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.status, self.answer = 200, json.dumps(DONE)
        agent = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                agent.asked.append((self.path, json.loads(body)))
                self.send_response(agent.status)
                self.end_headers()
                self.wfile.write(agent.answer.encode())

            def log_message(self, *_: Any) -> None:
                """Not to the test's output."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.uri = f"http://127.0.0.1:{self._server.server_port}/api/task"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> EcsAgent:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
