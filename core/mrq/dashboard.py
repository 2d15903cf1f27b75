"""A name of MRQ 0.9 whose feature, the dashboard, is not there yet."""

from __future__ import annotations

raise ImportError("mrq.dashboard is not in this version yet: the dashboard is to come")
