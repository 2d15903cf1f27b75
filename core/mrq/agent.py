"""A name of MRQ 0.9 whose feature, the agent, is not there yet."""

from __future__ import annotations

raise ImportError("mrq.agent is not in this version yet: the agent is to come")
