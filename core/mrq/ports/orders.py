"""Orders: what workers are told from outside, kept beside what they tell of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mrq.domain.ids import JobId, WorkerId
    from mrq.domain.orders import Order


class Orders(Protocol):
    """Each raises StoreUnavailableError when the database is away."""

    def give(self, worker: WorkerId, order: Order) -> bool:
        """Tell a worker something. False: it is gone, or unknown. Of more than 20 that wait the oldest are dropped."""
        ...

    def given(self, worker: WorkerId) -> Sequence[Order]:
        """What a worker was told and has not answered, oldest first."""
        ...

    def answer(self, worker: WorkerId, order: JobId, text: str, at: datetime) -> None:
        """The worker has done it, or says why not. The last 20 answers are kept."""
        ...

    def answer_to(self, worker: WorkerId, order: JobId) -> str | None:
        """What the worker said; None: nothing yet."""
        ...
