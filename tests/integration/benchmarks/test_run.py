"""The benchmarks run to their ends. What they measure says nothing at this size, so only its shape is looked at."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.guard import RATIOS

ROOT = Path(__file__).parents[3]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=280, check=False
    )


@pytest.mark.timeout(300)
def test_ours_and_a_peer_are_measured_in_one_run(tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    ran = run(
        "benchmarks", "--quick", "--jobs", "200", "--json", str(out), "--cases", "drain", "raw queue, not stored",
        "--contenders", "MRQ cloud", "huey, threads",
    )  # fmt: skip
    found = json.loads(out.read_text())
    assert found["figures"]["drain"]["MRQ cloud"][0] > 0, ran.stderr
    assert found["figures"]["raw queue, not stored"]["MRQ cloud"][0] > 0
    # without a package index the peer is left out, and the report says so
    if "huey, threads" in found["left_out"]:
        assert "- huey, threads: not installed" in ran.stdout
    else:
        assert found["figures"]["drain"]["huey, threads"][0] > 0
    assert not found["failed"]
    # what a rival is missing for is no miss; "ahead of every peer" may be one, at this size
    assert ran.returncode == int("**missed**" in ran.stdout), ran.stderr


@pytest.mark.timeout(300)
def test_a_quick_look_at_the_guard_prints_every_ratio_and_never_fails(tmp_path: Path) -> None:
    out = tmp_path / "ratios.json"
    ran = run("benchmarks.guard", "--quick", "--jobs", "300", "--json", str(out))
    assert ran.returncode == 0, ran.stderr
    ratios = json.loads(out.read_text())
    assert set(ratios) == set(RATIOS)
    assert all(value > 0 for value in ratios.values())
    for name in RATIOS:
        assert name in ran.stdout


def test_a_small_run_of_claims_shows_the_plan_of_each_case() -> None:
    ran = run("benchmarks.claims", "--jobs", "300", "600", "--subqueues", "1", "30", "--rounds", "1")
    assert ran.returncode in (0, 1), ran.stderr  # 1: something else slowed one claim down
    lines = [line for line in ran.stdout.splitlines() if line.startswith("main")]
    assert len(lines) == 4
    for line in lines:
        assert "LIMIT < FETCH < IXSCAN mrq_queued" in line
        assert " 100 " in line  # entries read for 100 jobs


def test_the_whole_way_from_an_enqueue_through_a_dispatcher_to_a_start_is_measured_by_its_parts() -> None:
    ran = run("benchmarks.bursts", "--wake-ups", "--rounds", "1")
    assert ran.returncode == 0, ran.stderr
    lines = [line.strip("| ").split(" | ") for line in ran.stdout.splitlines() if "sandboxes" in line or "warm" in line]
    assert [line[0] for line in lines] == ["new sandboxes", "warm ones"]
    for _, *cells in lines:
        producer, dispatcher, burst, whole, stand_in = (int(cell.replace(",", "")) for cell in cells)
        assert min(producer, dispatcher, burst) > 0
        assert abs(producer + dispatcher + burst - whole) <= 2, "they are rounded"
        assert 0 < stand_in < whole
