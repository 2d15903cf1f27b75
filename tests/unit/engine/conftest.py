"""Fixtures for the engine's tests."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mrq.app import App
    from unit.engine.kit import ManualClock, Moody, Tasks
    from unit.engine.plant import Counting


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


@pytest.fixture
def plant(memory_app: App, tasks: Tasks, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counting]:
    """Workers that look often, none of which is left at the end."""
    from mrq.engine import deadlines, limits, shutdown
    from unit.engine.plant import Counting

    monkeypatch.setattr(deadlines, "INTERVAL", 0.01)
    monkeypatch.setattr(shutdown, "INTERRUPT_INTERVAL", 0.02)
    monkeypatch.setattr(limits, "pause_for_permit", lambda refused, chance: 0.02)
    monkeypatch.setattr(limits, "pause_for_server", lambda chance: 0.02)
    plant = Counting(memory_app, tasks)
    yield plant
    plant.close()
