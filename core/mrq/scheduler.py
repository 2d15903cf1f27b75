"""A name of MRQ 0.9 whose feature, the scheduler, is not there yet."""

from __future__ import annotations

raise ImportError("mrq.scheduler is not in this version yet: the scheduler is to come")
