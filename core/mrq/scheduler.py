"""A name of MRQ 0.9, internal there. What recurs is in mrq.schedules now."""

from __future__ import annotations

raise ImportError("mrq.scheduler is not in this version; schedules are in mrq.schedules, and a worker runs them")
