"""Orders in memory, in the documents of a MemoryWorkerStore."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mrq.domain.worker import WorkerStatus
from mrq.stores.memory_jobs import apply_update
from mrq.stores.order_documents import answer_in, answer_push, order_push, orders_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mrq.domain.ids import JobId, WorkerId
    from mrq.domain.orders import Order
    from mrq.stores.memory import MemoryWorkerStore

_GONE = (WorkerStatus.STOP, WorkerStatus.LOST)


class MemoryOrders:
    """See mrq.ports.orders.Orders."""

    def __init__(self, workers: MemoryWorkerStore) -> None:
        self._workers = workers

    def give(self, worker: WorkerId, order: Order) -> bool:
        """See Orders."""

        def change(document: dict[str, Any]) -> bool:
            known = any(each.id == order.id for each in orders_of(document))
            if document["status"] in _GONE or known:
                return False
            apply_update(document, {"$push": order_push(order)})
            return True

        return self._workers.change(worker, change)

    def given(self, worker: WorkerId) -> Sequence[Order]:
        """See Orders."""
        return orders_of(self._workers.fetch(worker))

    def answer(self, worker: WorkerId, order: JobId, text: str, at: datetime) -> None:
        """See Orders."""

        def change(document: dict[str, Any]) -> bool:
            if answer_in(document, order) is None:
                document["orders"] = [entry for entry in document.get("orders", ()) if entry["id"] != order]
                apply_update(document, {"$push": answer_push(order, text, at)})
            return True

        self._workers.change(worker, change)

    def answer_to(self, worker: WorkerId, order: JobId) -> str | None:
        """See Orders."""
        return answer_in(self._workers.fetch(worker), order)
