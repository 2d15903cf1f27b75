"""How a port says that what is behind it is away."""

from __future__ import annotations

from mrq.exceptions import StoreUnavailableError

__all__ = ["StoreUnavailableError"]
