"""Put payloads into raw queues."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mrq.domain.queuename import QueueType, parse_queue
from mrq.engine.clock import unix
from mrq.exceptions import InvalidParamsError, InvalidQueueError

if TYPE_CHECKING:
    from mrq.domain.queuename import QueueName
    from mrq.engine.enqueue import Enqueuer
    from mrq.ports.clock import Clock
    from mrq.ports.raw import RawQueues


@dataclass(slots=True)
class RawEnqueuer:
    """Checks payloads, adds them, calls idle workers."""

    raw: RawQueues
    enqueuer: Enqueuer
    clock: Clock

    def enqueue(self, queue: str, payloads: Any) -> None:
        """Add payloads (bytes, text, numbers); to sorted and timed sets a dict of payloads and scores. A plain list
        means "now" in a timed set.

        Raises:
            InvalidParamsError: a payload or a score is of a wrong type; nothing was queued.
            InvalidQueueError: the name is bad, or means no raw queue.
            StoreUnavailableError: Redis can't be reached. Some of many payloads may be queued already.
        """
        name = raw_queue(queue)
        if name.serves_subqueues:
            raise InvalidQueueError(f"{queue!r} means all subqueues of {name.root!r}; name one of them")
        wanted = self._checked(name, payloads)
        if wanted:
            with self.enqueuer.spans.sending("", name.id, len(wanted)):
                self.raw.enqueue(name, wanted)
            self.enqueuer.metrics.queues("enqueued", {name.id: len(wanted)})
            self.enqueuer.call(name.id)

    def _checked(self, name: QueueName, payloads: Any) -> list[bytes] | dict[bytes, float]:
        scored = name.type in (QueueType.SORTED_SET, QueueType.TIMED_SET)
        if isinstance(payloads, Mapping):
            if not scored:
                raise InvalidParamsError(f"{name.id} keeps no scores: give a list of payloads, not a dict")
            return {as_bytes(payload): _score(payload, score) for payload, score in payloads.items()}
        found = as_payloads(payloads)
        if name.type is QueueType.TIMED_SET:
            return dict.fromkeys(found, unix(self.clock.now()))
        if scored:
            raise InvalidParamsError(f"{name.id} is a sorted set: give a dict of payloads and scores, not a list")
        return found


def raw_queue(queue: str) -> QueueName:
    """The name of a raw queue. Raises InvalidQueueError."""
    name = parse_queue(queue)
    if not name.is_raw:
        raise InvalidQueueError(f"{queue!r} is a regular queue; jobs go there with queue_jobs()")
    return name


def as_payloads(payloads: Any) -> list[bytes]:
    """Payloads as they are kept. Raises InvalidParamsError."""
    if isinstance(payloads, (str, bytes)) or not isinstance(payloads, Iterable):
        raise InvalidParamsError(f"payloads come as a list, not as {type(payloads).__name__}; nothing was queued")
    return [as_bytes(payload) for payload in payloads]


def as_bytes(payload: Any) -> bytes:
    """A payload as it is kept: text as UTF-8, numbers as text. Raises InvalidParamsError."""
    if isinstance(payload, bytes):
        return payload
    if isinstance(payload, str):
        try:
            return payload.encode()
        except UnicodeEncodeError as error:
            raise InvalidParamsError(f"payload {payload!r} is no text that UTF-8 can hold: {error}") from error
    if isinstance(payload, (int, float)) and not isinstance(payload, bool):
        return repr(payload).encode()
    raise InvalidParamsError(
        f"a payload must be bytes, text or a number, not {type(payload).__name__}; turn it into text, for example with "
        "json.dumps. Nothing was queued"
    )


def _score(payload: Any, score: Any) -> float:
    try:
        number = float(score)
    except (TypeError, ValueError):
        number = float("nan")
    if number != number:  # noqa: PLR0124 - not a number
        raise InvalidParamsError(f"the score of {payload!r} must be a number, not {score!r}; nothing was queued")
    return number
