"""Orders in documents of workers: `orders` [{id, verb, at, arguments}], `answers` [{id, text, at}], last 20 each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mrq.domain.orders import Order, Verb

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mrq.domain.ids import JobId

KEPT = 20


def order_push(order: Order) -> dict[str, Any]:
    """What adds an order."""
    entry = {"id": order.id, "verb": order.verb.value, "at": order.at, "arguments": dict(order.arguments)}
    return {"orders": {"$each": [entry], "$slice": -KEPT}}


def answer_push(order: JobId, text: str, at: datetime) -> dict[str, Any]:
    """What adds an answer."""
    return {"answers": {"$each": [{"id": order, "text": text, "at": at}], "$slice": -KEPT}}


def orders_of(document: Mapping[str, Any] | None) -> list[Order]:
    """Those that wait. What a later version may have added is not understood and left."""
    return [
        Order(entry["id"], Verb(entry["verb"]), entry["at"], entry.get("arguments") or {})
        for entry in (document or {}).get("orders") or ()
        if entry.get("verb") in list(Verb)
    ]


def answer_in(document: Mapping[str, Any] | None, order: JobId) -> str | None:
    """The text of an answer."""
    answers = (document or {}).get("answers") or ()
    return next((str(entry["text"]) for entry in answers if entry["id"] == order), None)
