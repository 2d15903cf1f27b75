"""Where a test of bursts takes place: real servers, sandboxes of the real runtime, and container workers."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from support.faultsite import FaultSite
from support.lambdaruntime import LambdaSandbox
from support.tcpproxy import TcpProxy
from support.workers import HEARTBEAT, LEASE, environment_for

if TYPE_CHECKING:
    from support.workers import WorkerProcess

QUICK = {
    "MRQ_LOG_LEVEL": "INFO",
    "MRQ_INTERRUPT_REQUEUE_DELAY": "1",
    "MRQ_HEARTBEAT_INTERVAL": str(HEARTBEAT),
    "MRQ_LEASE": str(LEASE),
}


class BurstSite(FaultSite):
    """One test's place."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._stack = ExitStack()
        self.sandboxes: list[LambdaSandbox] = []

    def __enter__(self) -> BurstSite:
        super().__enter__()
        return self

    def __exit__(self, *about: object) -> None:
        for sandbox in self.sandboxes:
            sandbox.close()
            print(f"---- log of a sandbox\n{sandbox.log}")
        super().__exit__(*about)
        self._stack.close()

    @property
    def environment(self) -> dict[str, str]:
        """What a function's environment says."""
        return {**environment_for(self.mongodb_url, self.redis_url, self.prefix, self._ledger_path), **QUICK}

    def sandbox(self, handler: str = "mrq_lambda.burst.handler", **environment: str) -> LambdaSandbox:
        """A cold sandbox."""
        made = LambdaSandbox(handler, self.folder, {**self.environment, **environment})
        self.sandboxes.append(made)
        return made

    def warm_sandbox(self, **environment: str) -> LambdaSandbox:
        """One that has served an event: the queue has to be empty."""
        made = self.sandbox(**environment)
        assert made.invoke({}).payload["jobs"] == 0
        return made

    def container(self, *arguments: str, **options: Any) -> WorkerProcess:
        """A container worker beside them."""
        return self.worker(*arguments, **options)

    def write_config(self, text: str) -> None:
        """Put a config file into the bundle."""
        (self.folder / "mrq-config.py").write_text(text)

    def silent_peer(self) -> int:
        """The port of something that takes connections and says nothing."""
        listener = self._stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port: int = listener.getsockname()[1]
        return port

    def proxied(self) -> tuple[dict[str, str], list[TcpProxy]]:
        """The servers behind proxies: the environment that names these, and the proxies."""
        environment, proxies = {}, []
        for name, url in (("MRQ_MONGODB_JOBS", self.mongodb_url), ("MRQ_REDIS", self.redis_url)):
            parts = urlsplit(url)
            proxy = self._stack.enter_context(TcpProxy(parts.port or 0))
            proxies.append(proxy)
            environment[name] = urlunsplit(parts._replace(netloc=f"127.0.0.1:{proxy.port}"))
        return environment, proxies
