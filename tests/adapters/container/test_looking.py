"""Profiles and traces of memory: what goes wrong in them is no job's, and no worker's, fault."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import objgraph
from gevent.monkey import get_original

from mrq_container.objects import ObjectTrace
from mrq_container.profiler import Profiler, Sampling

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_type_that_can_not_be_looked_for_fails_no_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(name: str) -> Any:
        raise ReferenceError("weakly-referenced object no longer exists")

    monkeypatch.setattr(objgraph, "by_type", gone)
    trace = ObjectTrace("dict", str(tmp_path))
    run: Any = SimpleNamespace(job=SimpleNamespace(id="j"))
    trace.watch(run)()
    assert trace.failed == 1


def test_nothing_is_added_to_a_profile_that_is_over() -> None:
    sampling = Sampling(get_original("_thread", "get_ident")())
    sampling.look()
    stacks, samples = sampling.stop()
    assert (sum(stacks.values()), samples) == (1, 1)
    sampling.look()  # as the thread does that has just looked at the clock
    assert sum(stacks.values()) == 1


def test_a_profile_that_can_not_be_made_ends_no_worker(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def put(self, profile: Any) -> None:
            raise RuntimeError("dictionary changed size during iteration")

    clock: Any = SimpleNamespace(now=lambda: datetime(2026, 1, 1), monotonic=lambda: 1.0)
    name: Any = "p"
    broken: Any = Broken()
    profiler = Profiler(broken, clock, lambda: name, lambda: name)
    profiler.begin()
    profiler.finish()
    assert "the profile p can't be made" in caplog.text
