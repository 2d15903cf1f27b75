"""Fixtures for the tests of the public face."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unit.engine.kit import Tasks


@pytest.fixture
def tasks() -> Iterator[Tasks]:
    """A module of tasks that exists for one test."""
    from unit.engine.kit import MODULE, Tasks

    yield Tasks()
    del sys.modules[MODULE]
