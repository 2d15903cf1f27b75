"""A MongoDB replica set of one's own, for transactions and for tests of fail-over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from mrq.embedded.ask import HOST, ask_mongod
from mrq.embedded.mongo import DATABASE, EmbeddedMongo
from mrq.embedded.process import poll
from mrq.embedded.server import close_together, start_together, stop_together
from mrq.exceptions import ServerUnavailableError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

ALREADY_INITIALIZED = 23
PRIMARY_SECONDS = 30.0


class EmbeddedReplicaSet:
    """Some mongods that replicate one another. A context manager.

    Members are EmbeddedMongo objects, to be killed, paused and started again one by one.
    """

    def __init__(
        self,
        members: int = 3,
        data: Path | None = None,
        *,
        name: str = "mrq",
        election_timeout: float = 1.5,
    ) -> None:
        """`data`: a folder with one subfolder a member, to create or to use again; None: temporary ones.

        `election_timeout`: seconds without a primary before the others elect one (MongoDB's own default
        is 10).
        """
        if data is not None:
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._name = name
        self._election_timeout = election_timeout
        self.members = [
            EmbeddedMongo(folder, port=_port_in_config(folder), replica_set=name)
            for folder in (data and data / f"member{number}" for number in range(members))
        ]

    @property
    def url(self) -> str:
        """`mongodb://127.0.0.1:PORT,.../mrq?replicaSet=NAME`, with all members."""
        hosts = ",".join(f"{HOST}:{member.port}" for member in self.members)
        return f"mongodb://{hosts}/{DATABASE}?replicaSet={self._name}"

    def start(self) -> Self:
        """Start all members, initiate the set if it's new, and wait for a primary (30 s at most).

        Raises ServerUnavailableError, with none left running.
        """
        start_together(self.members)
        try:
            self._initiate()
            self.primary()
        except BaseException:
            self.close()
            raise
        return self

    def primary(self, timeout: float = PRIMARY_SECONDS) -> EmbeddedMongo:
        """The member that is primary now, waiting `timeout` seconds for one.

        Raises ServerUnavailableError if none was elected (a majority of the members must run).
        """
        found: EmbeddedMongo | None = None

        def elected() -> bool:
            nonlocal found
            found = self._newest_primary()
            return found is not None

        poll(elected, timeout)
        if found is None:
            running = sum(member.running for member in self.members)
            raise ServerUnavailableError(
                f"The replica set {self._name} has elected no primary in {timeout:g} s; {running} of its "
                f"{len(self.members)} members run. Logs: {', '.join(str(m.log) for m in self.members)}"
            )
        return found

    def stop(self) -> None:
        """Stop all members in order; data and ports are kept for another `start`."""
        stop_together(self.members)

    def close(self) -> None:
        """Stop all members and remove temporary folders."""
        close_together(self.members)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _initiate(self) -> None:
        config = {
            "_id": self._name,
            "members": [{"_id": number, "host": f"{HOST}:{member.port}"} for number, member in enumerate(self.members)],
            "settings": {
                "electionTimeoutMillis": int(self._election_timeout * 1000),
                "heartbeatIntervalMillis": int(self._election_timeout * 1000 / 3),
            },
        }
        reply: dict[str, Any] = {}

        def initiated() -> bool:
            nonlocal reply
            try:
                reply = ask_mongod(self.members[0].port, {"replSetInitiate": config})
            except OSError as error:
                # It may take longer than an answer is waited for; the next try says whether it was done.
                reply = {"errmsg": str(error)}
                return False
            return True

        poll(initiated, PRIMARY_SECONDS)
        if not reply.get("ok") and reply.get("code") != ALREADY_INITIALIZED:
            raise ServerUnavailableError(
                f"The replica set {self._name} could not be initiated: {reply.get('errmsg')}. "
                f"Log: {self.members[0].log}"
            )

    def _newest_primary(self) -> EmbeddedMongo | None:
        """Of those that call themselves primary, the one elected last: a paused one may not know yet."""
        primaries: list[tuple[Any, EmbeddedMongo]] = []
        for member in self.members:
            if not member.running:
                continue
            try:
                answer = ask_mongod(member.port, {"hello": 1})
            except OSError:
                continue
            if answer.get("isWritablePrimary"):
                primaries.append((answer["electionId"], member))
        return max(primaries, key=lambda pair: pair[0])[1] if primaries else None


def _port_in_config(folder: Path | None) -> int | None:
    """The port that a member had: the set's stored configuration names it, so it can't have another."""
    try:
        return int((folder / "port").read_text()) if folder else None
    except (OSError, ValueError):
        return None
