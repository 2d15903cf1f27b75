"""`mrq simulate` and `mrq cost`, as a user calls them."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from mrq.cli.main import call, cli

if TYPE_CHECKING:
    from cli.conftest import Mrq

SHORT = (
    "simulate",
    "--hours",
    "2",
    "--pattern",
    "spike",
    "--at",
    "1",
    "--lasting",
    "5",
    "--jobs",
    "600",
    "--rate",
    "20",
)


def policies() -> tuple[str, ...]:
    for name, bursts in (("plain", 0), ("bursts", 10)):
        Path(f"{name}.json").write_text(json.dumps({"target": {"oldest_wait": 90}, "max_bursts": bursts}))
    return "--policy", "plain.json", "--policy", "bursts.json"


def test_policies_stand_side_by_side(mrq: Mrq) -> None:
    code, out, _ = mrq(*SHORT, *policies(), "--width", "60", "--svg", "day.svg")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "policy plain"
    assert lines[2].split() == ["hour", "jobs", "waiting", "max", "wait", "containers", "bursts", "burst", "s", "US$"]
    assert [line.split()[0] for line in lines[3:5]] == ["0", "1"]
    heads = [line for line in lines if line.startswith("total")]
    assert [head.split() for head in heads] == [["total", "plain", "bursts"]]
    jobs = next(line for line in lines if line.startswith("jobs")).split()
    assert jobs[1] == jobs[2] != "0"
    plots = [line for line in lines if "┤" in line]
    assert len(plots) == 2 * 4 * 5
    assert max(map(len, plots)) <= 60
    assert "\x1b" not in out
    picture = ElementTree.parse("day.svg").getroot()
    curves = picture.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(curves) == 4 * 2
    assert all(len(str(curve.get("points")).split()) == 120 for curve in curves)
    assert {"plain", "bursts"} <= {text.text for text in picture.findall("{http://www.w3.org/2000/svg}text")}


def test_reasons_are_listed(mrq: Mrq) -> None:
    out = mrq(*SHORT, "--reasons")[1]
    assert re.search(r"^00:00:\d\d  from 0 to 1 container; \d waiting", out, re.MULTILINE)
    assert out.count(" needed for no job to wait over 60 s") >= 2


@pytest.mark.parametrize("pattern", ["steady", "wave", "stampede", "dead"])
def test_the_other_patterns(mrq: Mrq, pattern: str) -> None:
    code, out, _ = mrq(*SHORT, "--pattern", pattern, "--low", "5")
    assert code == 0
    assert "wait p95" in out


def test_a_record(mrq: Mrq) -> None:
    Path("day.csv").write_text("minute,count\n0,60\n119,40\n")
    out = mrq("simulate", "--csv", "day.csv")[1]
    assert ["jobs", "100"] in [line.split() for line in out.splitlines()]


def test_prices_and_sizes_count(mrq: Mrq) -> None:
    Path("prices.json").write_text('{"fargate_vcpu_hour_arm": 0, "fargate_gb_hour_arm": 36}')
    lines = mrq(*SHORT, "--arm", "--prices", "prices.json", "--memory", "3", "--set", "min_workers=1",
                "--set", "max_workers=1")[1].splitlines()  # fmt: skip
    assert "cost                      US$ 216.00" in lines  # 2 hours, 3 GB, 36 dollars each


def test_a_terminal_without_unicode(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="ascii"))
    assert call(cli, SHORT, "mrq") == 0
    sys.stdout.flush()
    assert b" |##" in out.getvalue()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--set", "max_worker=3"), "mrq: default: unknown key 'max_worker'; did you mean 'max_workers'?"),
        (("--set", "max_workers=many"), "mrq: --set max_workers=many: expected KEY=NUMBER, such as max_workers=20"),
        (("--set", "oldest_wait=0"), "mrq: default: target oldest_wait has to be"),
        (("--at", "2"), "mrq: at has to be a number from 0 to 1.98"),
        (("--job-seconds", "0"), "mrq: job_seconds has to be a number from 0.001 to 86,400, not 0.0"),
        (("--vcpu", "-1"), "mrq: vcpu has to be a number of at least 0.125, not -1.0"),
        (("--memory", "-5"), "mrq: memory has to be a number of at least 0.125, not -5.0"),
        (("--burst-memory", "nan"), "mrq: burst_memory has to be a number of at least 0.125, not nan"),
        (("--jobs", "-500"), "mrq: jobs has to be a whole number of at least 0, not -500"),
        (("--jobs", "-1", "--pattern", "spike", "--at", "1"), "mrq: jobs has to be a whole number of at least 0"),
        (("--rate", "-1", "--pattern", "dead", "--at", "1"), "mrq: rate has to be a number of at least 0"),
        (("--policy", "a.json"), "mrq: a.json is no JSON: "),
        (("--prices", "b.json"), "mrq: b.json: unknown key 'lambda_reqest'; did you mean 'lambda_request'?"),
        (("--csv", "a.json"), "mrq: a.json, line 2: expected `minute,count`"),
        (("--svg", "nowhere/x.svg"), "mrq: --svg nowhere/x.svg can't be written: No such file or directory"),
    ],
)
def test_mistakes_are_named(mrq: Mrq, words: tuple[str, ...], message: str) -> None:
    Path("a.json").write_text("{\nx")
    Path("b.json").write_text('{"lambda_reqest": 1}')
    code, _, err = mrq(*SHORT, *words)
    assert code == 2
    assert err.startswith(message)
    assert len(err.splitlines()) == 1


def test_cost(mrq: Mrq) -> None:
    code, out, _ = mrq("cost", "--job-seconds", "2", "--memory", "1", "--memory", "2", "--at-once", "1", "--spot")
    assert code == 0
    rows = [line.split() for line in out.splitlines()[1:3]]
    assert [row[2] for row in rows] == ["1", "2"]
    assert float(rows[0][9]) == pytest.approx(2e6 * (0.5 * 0.012144 + 0.0013335) / 3600, abs=0.01)
    assert "10 at a time" not in out
    assert "Fargate Spot and Lambda, x86, us-east-1, 2026-03." in out
    code, _, err = mrq("cost", "--memory", "11")
    assert (code, err) == (2, "mrq: memory has to be a number from 0.125 to 10, not 11.0\n")
