"""What importing MRQ loads, and what it costs."""

from __future__ import annotations

import json
import statistics

import pytest

from support.imports import cpu_seconds, fresh

FACE = [
    "mrq",
    "mrq.task",
    "mrq.job",
    "mrq.queue",
    "mrq.context",
    "mrq.exceptions",
    "mrq.helpers",
    "mrq.subpool",
    "mrq.utils",
    "mrq.config",
    "mrq.stats",
]
NEVER = ["gevent", "boto3", "fastapi", "aws_cdk", "pymongo", "bson", "redis", "click", "opentelemetry"]
YARDSTICK = "import asyncio, argparse, logging, email.message, http.client"  # parts of the standard library


@pytest.mark.parametrize("module", FACE)
def test_importing_the_public_face_loads_no_driver_and_no_framework(module: str) -> None:
    loaded = set(json.loads(fresh(f"import {module}, sys, json; print(json.dumps(list(sys.modules)))")))
    assert module in loaded
    assert not {name for name in loaded if name.partition(".")[0] in NEVER}


@pytest.mark.parametrize("module", FACE)
def test_each_part_of_the_face_can_be_imported_first(module: str) -> None:
    assert fresh(f"import {module}; print('fine')") == "fine\n"


def test_declaring_and_calling_tasks_loads_no_driver() -> None:
    code = (
        "import sys; from mrq.task import task, Task\n"
        "def add(a: int) -> int: return a\n"
        f"add = task(add); add(1); print([m for m in sys.modules if m in {NEVER}])"
    )
    assert fresh(code) == "[]\n"


def test_importing_the_public_face_is_cheap() -> None:
    """In processor time, compared with a part of the standard library in the same run: machines and loads differ."""
    face = "import mrq.task, mrq.job, mrq.queue, mrq.context"
    cpu_seconds(face), cpu_seconds(YARDSTICK)  # the caches are warm from here on
    ours, theirs, nothing = [], [], []
    for _ in range(9):
        ours.append(cpu_seconds(face))
        theirs.append(cpu_seconds(YARDSTICK))
        nothing.append(cpu_seconds("pass"))
    base = statistics.median(nothing)
    cost, yardstick = statistics.median(ours) - base, statistics.median(theirs) - base
    assert cost < 2.5 * yardstick, f"{cost * 1000:.0f} ms, the yardstick takes {yardstick * 1000:.0f} ms"
