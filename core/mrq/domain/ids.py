"""Identities. Jobs and workers are named by 12 bytes, which MongoDB calls an ObjectId.

The domain knows only their shape: which class makes them is the stores' business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime


class ObjectIdLike(Protocol):
    """What a bson.ObjectId offers and MRQ uses."""

    @property
    def binary(self) -> bytes: ...  # the 12 bytes
    @property
    def generation_time(self) -> datetime: ...
    def __hash__(self) -> int: ...
    def __lt__(self, other: object, /) -> bool: ...


JobId = ObjectIdLike
WorkerId = ObjectIdLike
AgentId = ObjectIdLike
Token = ObjectIdLike
"""Names one claim: every write to a started job repeats it, so that a worker thought dead can't write."""
