"""A name of MRQ 0.9 whose feature, starting several processes, is not there yet."""

from __future__ import annotations

raise ImportError("mrq.processes is not in this version yet: starting several processes is to come")
