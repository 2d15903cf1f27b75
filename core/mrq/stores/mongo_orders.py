"""Orders on MongoDB: in the documents of workers, found by their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pymongo import WriteConcern

from mrq.domain.worker import WorkerStatus
from mrq.stores.mongo_client import translated
from mrq.stores.order_documents import answer_in, answer_push, order_push, orders_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pymongo.collection import Collection
    from pymongo.database import Database

    from mrq.domain.ids import JobId, WorkerId
    from mrq.domain.orders import Order
    from mrq.stores.documents import Document

_GONE = [WorkerStatus.STOP.value, WorkerStatus.LOST.value]


class MongoOrders:
    """See mrq.ports.orders.Orders."""

    def __init__(self, database: Database[Document]) -> None:
        self._workers: Collection[Document] = database.get_collection(
            "mrq_workers", write_concern=WriteConcern("majority")
        )

    @translated
    def give(self, worker: WorkerId, order: Order) -> bool:
        """See Orders."""
        # the second condition: giving it again, after a lost answer, changes nothing
        wanted = {"_id": worker, "status": {"$nin": _GONE}, "orders.id": {"$ne": order.id}}
        return self._workers.update_one(wanted, {"$push": order_push(order)}).matched_count == 1

    @translated
    def given(self, worker: WorkerId) -> Sequence[Order]:
        """See Orders."""
        return orders_of(self._workers.find_one({"_id": worker}, {"orders": 1}))

    @translated
    def answer(self, worker: WorkerId, order: JobId, text: str, at: datetime) -> None:
        """See Orders."""
        update = {"$pull": {"orders": {"id": order}}, "$push": answer_push(order, text, at)}
        self._workers.update_one({"_id": worker, "answers.id": {"$ne": order}}, update)

    @translated
    def answer_to(self, worker: WorkerId, order: JobId) -> str | None:
        """See Orders."""
        return answer_in(self._workers.find_one({"_id": worker}, {"answers": 1}), order)
