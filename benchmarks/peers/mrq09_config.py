"""Raw queues of MRQ 0.9's worker."""

from __future__ import annotations

from mrq09_peer import job_factory

RAW_QUEUES = {
    "kept_raw": {"job_factory": job_factory},
    "fast_raw": {"job_factory": job_factory, "statuses_no_storage": ("started", "success")},
}
