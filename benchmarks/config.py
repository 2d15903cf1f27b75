"""The raw queues of the benchmarked workers."""

from __future__ import annotations

from typing import Any


def job_factory(payload: str) -> dict[str, Any]:
    """The same no-op as in the regular queue."""
    return {"path": "benchmarks.tasks.noop", "params": {"number": int(payload), "address": "someone@example.org"}}


RAW_QUEUES = {
    "kept_raw": {"job_factory": job_factory},
    "fast_raw": {"job_factory": job_factory, "statuses_no_storage": ("started", "success")},
}
