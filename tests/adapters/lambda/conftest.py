"""Sites for bursts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.burstsite import BurstSite


@pytest.fixture
def site(mongodb_url: str, redis_url: str, redis_prefix: str, tmp_path: Path) -> Iterator[BurstSite]:
    """Real servers, and sandboxes on them."""
    from support.burstsite import BurstSite

    with BurstSite(mongodb_url, redis_url, tmp_path, redis_prefix) as entered:
        entered.app.ensure_indexes()
        yield entered
