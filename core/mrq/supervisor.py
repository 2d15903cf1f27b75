"""A name of MRQ 0.9 whose feature, the supervisor, is not there yet."""

from __future__ import annotations

raise ImportError("mrq.supervisor is not in this version yet: the supervisor is to come")
