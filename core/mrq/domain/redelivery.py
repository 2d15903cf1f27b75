"""What becomes of a payload of which no job could be made: a job that puts it back into its queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mrq.domain.job import RawOrigin

PATH = "mrq.basetasks.raw.Redeliver"


def redelivery(raw: RawOrigin) -> dict[str, Any]:
    """Path and params of that job."""
    params: dict[str, Any] = {"queue": raw.queue, "payload": raw.payload}
    if raw.score is not None:
        params["score"] = raw.score
    return {"path": PATH, "params": params}
