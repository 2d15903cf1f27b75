"""How a port says that what is behind it is away."""

from __future__ import annotations

from mrq.exceptions import ServerUnavailableError


class StoreUnavailableError(ServerUnavailableError):
    """The server behind a store can't be reached, or did not answer in time. The call may be repeated."""
