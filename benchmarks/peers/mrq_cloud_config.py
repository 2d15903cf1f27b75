"""Raw queues of the worker."""

from __future__ import annotations

from mrq_cloud_peer import job_factory

RAW_QUEUES = {
    "kept_raw": {"job_factory": job_factory},
    "fast_raw": {"job_factory": job_factory, "statuses_no_storage": ("started", "success")},
}
