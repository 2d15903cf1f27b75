"""The pages about AWS, compared with the templates and the code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from mrq_cdk import monthly
from mrq_cdk.picture import draw
from mrq_cdk.sizes import SIZES
from support.templates import CDK

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.timeout(300)  # the CDK takes its time on a busy machine

DOCS = CDK.parents[1] / "docs"
PICTURE = DOCS / "images/deploy/architecture.svg"
PAGES = sorted((DOCS / "deploy").glob("*.md"))


def text_of(name: str) -> str:
    return (DOCS / "deploy" / f"{name}.md").read_text(encoding="utf-8")


# ---- the picture


def test_the_picture_is_that_of_the_template(synthesized: Callable[[str], Path]) -> None:
    """To draw it again: DRAW=1 pytest tests/infra/test_docs.py."""
    drawn = draw(json.loads(synthesized("standard").read_text()))
    if os.environ.get("DRAW"):
        PICTURE.write_text(drawn)
    assert PICTURE.read_text() == drawn


def test_the_picture_shows_who_may_reach_whom(synthesized: Callable[[str], Path]) -> None:
    template = json.loads(synthesized("standard").read_text())
    whole = draw(template)
    for name in ("DocumentDB", "ElastiCache Valkey", "ECS Fargate", "bursts", "dispatcher", "HTTP API", "SQS"):
        assert f">{name}<" in whole
    rules = [name for name, each in template["Resources"].items() if each["Type"] == "AWS::EC2::SecurityGroupIngress"]
    del template["Resources"][rules[0]]
    less = draw(template)
    assert less.count("<path") == whole.count("<path") - 1


# ---- what it costs


def test_a_month_is_the_sum_of_its_parts() -> None:
    """By hand, for the cheapest one."""
    prices = {**monthly.PRICES, "documentdb_hour": {"t4g.medium": 0.1}}
    found = monthly.month("dev", 10_000, prices)
    assert found.around["DocumentDB"] == pytest.approx(0.1 * 730 + 3 * 0.2 + 1.02 * 0.1)
    assert found.around["network"] == pytest.approx(2 * 0.01 * 730)
    # 300,000 seconds of a job, ten at a time: 30,000 of a burst with 1 GB, each minute started by half a second
    assert found.work == pytest.approx(30_000 * 0.0000133334 * (1 + 0.5 / 60) + 500 * 0.2e-6, rel=0.01)
    assert found.total == pytest.approx(sum(found.around.values()) + found.work)


def test_more_jobs_and_larger_sizes_cost_more() -> None:
    totals = [[monthly.month(size, load).total for load in monthly.LOADS] for size in SIZES]
    assert all(row == sorted(row) for row in totals)
    assert totals[0][0] < totals[1][0] < totals[2][0]
    assert monthly.month("standard", 10_000).how == "bursts"
    assert monthly.month("standard", 10_000_000).how.endswith("containers")
    assert monthly.month("large", 10_000).how == "2.0 containers"


def test_the_table_has_all_sizes_at_all_loads() -> None:
    rows = [line for line in monthly.table().splitlines() if line.startswith(tuple(f"| {size} " for size in SIZES))]
    assert len(rows) == len(SIZES) * len(monthly.LOADS) == 9
    assert monthly.PRICES["date"] in monthly.table()
    assert "<!-- monthly costs -->" in text_of("sizes")
    assert monthly.PRICES["unchecked"] == ["documentdb_hour"], "the page says which these are"


def test_the_page_says_what_a_size_is() -> None:
    rows = {row.split(" | ")[0].strip("| "): row for row in text_of("sizes").splitlines() if row.startswith("| ")}
    for size in SIZES.values():
        data, group = size["data"], size["groups"][0]
        assert data["instance"] in rows["DocumentDB"]
        assert f"{data.get('cache_gb', 1)} GB" in rows["cache, at most"]
        assert f"{group['burst']['most']}" in rows["bursts at once"]


# ---- examples


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_config_files_can_be_read(page: Path, tmp_path: Path) -> None:
    from mrq_cdk.config import read_config

    (tmp_path / "config").mkdir()
    (tmp_path / "shop").mkdir()
    for name, text in re.findall(
        r"^```json title=\"([^\"]+)\"\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL
    ):
        path = tmp_path / "config" / name
        path.write_text(text)
        assert read_config("dev", str(path)).groups


def test_the_programs_of_the_page_on_constructs_run(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", text_of("constructs"), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 3
    (tmp_path / "shop").mkdir()
    context = json.dumps({"aws:cdk:bundling-stacks": []})
    for block in blocks:
        done = subprocess.run(
            [sys.executable, "-c", block], check=False, capture_output=True, text=True, cwd=tmp_path,
            env={**os.environ, "CDK_CONTEXT_JSON": context},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_every_acknowledged_rule_is_in_the_threat_model() -> None:
    source = "".join(path.read_text() for path in (CDK / "mrq_cdk").glob("*.py"))
    rules = set(re.findall(r"(?:AwsSolutions|Serverless)-([A-Z]\w+)", source))
    assert "IAM5" in rules
    page = text_of("threat-model")
    assert not [rule for rule in rules if rule not in page]


def test_every_prop_is_described() -> None:
    """As MkDocs does it; a prop without a word in its docstring is an error there."""
    import importlib.util

    spec: Any = importlib.util.spec_from_file_location("deploy_tables", DOCS / "hooks/deploy_tables.py")
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    made = hook.on_page_markdown(text_of("constructs"))
    assert "<!--" not in made
    assert "| `spot_share` | `float` | `0.0` | part of the containers that run on Spot" in made
    assert "a month" in hook.on_page_markdown(text_of("sizes"))
