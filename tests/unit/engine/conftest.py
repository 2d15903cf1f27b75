"""Fixtures for the engine's tests."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unit.engine.kit import ManualClock, Moody, Tasks


@pytest.fixture
def tasks() -> Iterator[Tasks]:
    """A module of tasks that exists for one test."""
    from unit.engine.kit import MODULE, Tasks

    yield Tasks()
    del sys.modules[MODULE]


@pytest.fixture
def clock() -> ManualClock:
    """A clock to turn by hand."""
    from unit.engine.kit import ManualClock

    return ManualClock()


@pytest.fixture
def store() -> Moody:
    """A job store in memory, with moods."""
    from unit.engine.kit import Moody

    return Moody()
