"""What a worker concludes from the answers to its heartbeats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mrq.engine.heartbeat import Heartbeat
from mrq.engine.options import WorkerOptions
from mrq.engine.state import WorkerState
from mrq.engine.threads import ThreadRuntime
from mrq.ports.guard import NoGuard
from mrq.stores.ids import new_id

if TYPE_CHECKING:
    from unit.engine.kit import ManualClock


class NoSuchWorker:
    """Knows nobody; something happens before it answers."""

    def __init__(self, meanwhile: Any) -> None:
        self._meanwhile = meanwhile

    def beat(self, worker: Any, timeout: float, told: Any) -> None:
        self._meanwhile()


@pytest.mark.parametrize("changed", [False, True])
def test_only_the_loss_of_the_present_identity_counts(clock: ManualClock, changed: bool) -> None:
    """An answer about the former one may come when the worker has begun anew: it must not begin once more."""
    state = WorkerState(new_id(), 1, 1, ThreadRuntime().event())

    def begin_anew() -> None:
        if changed:
            state.worker = new_id()

    lost: list[int] = []
    nobody: Any = None
    heartbeat = Heartbeat(
        nobody, NoSuchWorker(begin_anew), nobody, state, clock, NoGuard(), WorkerOptions(),  # type: ignore[arg-type]
        lambda: lost.append(1), lambda: None, lambda: None,
    )  # fmt: skip
    heartbeat._beat()
    assert lost == ([] if changed else [1])
